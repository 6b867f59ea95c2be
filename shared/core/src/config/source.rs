//! One `[sources.NAME]` table, and what makes it a source that can be trusted.

use std::net::IpAddr;

use bytesize::ByteSize;
use ipnet::IpNet;

use super::fields::{Fields, trimmed, words};
use super::findings::{Findings, Hidden};
use super::node::{Node, Value};
use super::words::check_words;
use super::{Reading, Source, TOP_FIELDS, credentials};
use crate::nearest::nearest;
use crate::phone::{Country, countries};
use crate::providers::{self, Provider};

/// All fields, whichever provider takes them.
pub(super) const FIELDS: &[&str] = &[
    "body_unsigned",
    "client_id",
    "country",
    "max_body",
    "networks",
    "opt_in_words",
    "opt_out_words",
    "opt_out_words_only",
    "provider",
    "secrets",
    "title",
    "tokens",
    "unsigned",
    "users",
];

const MAX_NAME_CHARS: usize = 64;
const DEFAULT_MAX_BODY: usize = 4 << 20;
/// API Gateway's own limit of a payload (quotas of HTTP APIs): nothing larger ever arrives.
const LARGEST_MAX_BODY: u64 = 10 << 20;

/// Reads a table. What it returns is a source only if nothing was found wrong.
pub(super) fn read(
    name: &str,
    node: Node,
    hidden: &Hidden,
    findings: &mut Findings,
) -> Option<Source> {
    let mut fields = match Fields::of(node, Some(name), hidden) {
        Ok(fields) => fields,
        Err(mistake) => {
            findings.mistakes.push(mistake);
            return None;
        }
    };
    let source = read_fields(name, &mut fields);
    findings.extend(fields.finish());
    source
}

fn read_fields(name: &str, fields: &mut Fields<'_>) -> Option<Source> {
    check_name(name, fields);
    let unknown = fields.take_unknown(FIELDS);
    let provider = read_provider(fields, &unknown);
    refuse_unknown(fields, unknown, provider);
    if !fields.is_given("provider") {
        let known = words(provider_names());
        fields.mistake(
            None,
            "provider",
            format!("is missing; expected one of {known}"),
        );
    }
    let title = fields.text("title").map(|(title, _)| title);
    let credentials = credentials::read(fields, provider);
    let networks = fields.texts_as("networks", read_network);
    let max_body = read_max_body(fields);
    let reading = read_reading(fields, provider);
    let provider = provider?;
    let (credentials, tokens) = credentials;
    let source = Source {
        name: name.to_owned(),
        title,
        provider,
        credentials,
        tokens,
        networks,
        max_body,
        reading,
    };
    warn(fields, &source);
    Some(source)
}

fn check_name(name: &str, fields: &mut Fields<'_>) {
    let fits = |name: &str| {
        (1..=MAX_NAME_CHARS).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if fits(name) {
        return;
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let near: String = name.to_lowercase().chars().map(plain).collect();
    let near = near.trim_matches('-');
    let near = if fits(near) {
        format!(", such as `{near}`")
    } else {
        String::new()
    };
    let reason = format!("the name must be 1 to 64 of `a-z`, `0-9` and `-`{near}");
    fields.mistake(None, "", reason);
}

fn provider_names() -> impl Iterator<Item = &'static str> {
    providers::ALL.iter().map(|provider| provider.name())
}

/// Reads the provider, or guesses it where its name is wrong, so that the other fields can be checked.
fn read_provider(
    fields: &mut Fields<'_>,
    unknown: &[(String, Node)],
) -> Option<&'static dyn Provider> {
    let guess = |name: &str| providers::find(nearest(name, provider_names())?);
    let Some((name, line)) = fields.text("provider") else {
        let is_meant = |name: &str| nearest(name, FIELDS.iter().copied()) == Some("provider");
        let (_, node) = unknown.iter().find(|(name, _)| is_meant(name))?;
        return match &node.value {
            Value::Text(name) => guess(name),
            _ => None,
        };
    };
    let found = providers::find(trimmed(&name));
    if found.is_none() {
        let (quoted, known) = (fields.quote(&name), words(provider_names()));
        let near = guess(&name).map(|near| format!("; did you mean `{}`?", near.name()));
        let reason = format!(
            "unknown provider {quoted}; expected one of {known}{}",
            near.unwrap_or_default()
        );
        fields.mistake(line, "provider", reason);
    }
    found.or_else(|| guess(&name))
}

/// Refuses what is no field of a source, with the nearest field that this provider takes.
fn refuse_unknown(
    fields: &mut Fields<'_>,
    unknown: Vec<(String, Node)>,
    provider: Option<&dyn Provider>,
) {
    let known: Vec<_> = FIELDS
        .iter()
        .copied()
        .filter(|field| provider.is_none_or(|provider| takes(provider, field)))
        .collect();
    for (name, node) in unknown {
        if TOP_FIELDS.contains(&name.as_str()) {
            let reason = format!(
                "unknown field `{name}` of a source; it belongs at the top, before any `[sources.NAME]`"
            );
            fields.mistake(node.line, &name, reason);
        } else if !super::refuse_stray_source(fields, &name, &node) {
            fields.unknown(&name, node.line, &known);
        }
    }
}

/// Reports whether a provider takes a field.
fn takes(provider: &dyn Provider, field: &str) -> bool {
    if field == "body_unsigned" {
        return credentials::signs_no_body(provider);
    }
    let credentials = credentials::fields_of(provider);
    !credentials::FIELDS.contains(&field) || credentials.contains(&field)
}

fn read_network(fields: &Fields<'_>, text: &str) -> Result<IpNet, String> {
    let text = trimmed(text);
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse().ok().or_else(single);
    network.ok_or_else(|| {
        let quoted = fields.quote(text);
        format!("must hold networks such as `203.0.113.0/24`, not {quoted}")
    })
}

fn read_max_body(fields: &mut Fields<'_>) -> usize {
    let Some((text, line)) = fields.text("max_body") else {
        return DEFAULT_MAX_BODY;
    };
    let size = text
        .parse::<ByteSize>()
        .ok()
        .filter(|size| (1..=LARGEST_MAX_BODY).contains(&size.as_u64()))
        .and_then(|size| usize::try_from(size.as_u64()).ok());
    size.unwrap_or_else(|| {
        let quoted = fields.quote(&text);
        let reason = format!("must be a size such as `1MiB`, 10MiB at most, not {quoted}");
        fields.mistake(line, "max_body", reason);
        DEFAULT_MAX_BODY
    })
}

fn read_reading(fields: &mut Fields<'_>, provider: Option<&dyn Provider>) -> Reading {
    let default = provider.and_then(|provider| Country::new(provider.default_country()?));
    let country = match fields.text("country") {
        None => default,
        Some((text, line)) => read_country(fields, &text, line),
    };
    let (opt_out, opt_in) = (fields.texts("opt_out_words"), fields.texts("opt_in_words"));
    let only = fields.boolean("opt_out_words_only");
    check_words(fields, &opt_out, &opt_in, only);
    let listed = |words: Vec<(String, _)>| {
        let words: Vec<_> = words.into_iter().map(|(word, _)| word).collect();
        (!words.is_empty()).then_some(words)
    };
    Reading {
        country,
        opt_out_words: listed(opt_out),
        opt_in_words: listed(opt_in),
        opt_out_words_only: only.is_some_and(|(only, _)| only),
    }
}

fn read_country(fields: &mut Fields<'_>, text: &str, line: Option<usize>) -> Option<Country> {
    let country = Country::new(trimmed(text));
    if country.is_none() {
        let quoted = fields.quote(text);
        let right = match countries::named(text) {
            Some(named) => format!("{} is `{}`", named.name, named.code),
            None => "expected two capital letters of ISO 3166-1, such as `AU`".to_owned(),
        };
        let reason = format!("there is no country {quoted}; {right}");
        fields.mistake(line, "country", reason);
    }
    country
}

/// The shortest prefixes of networks that one sender may have, of IPv4 and IPv6.
const SHORTEST_PREFIXES: (u8, u8) = (8, 16);

/// Warns of networks that keep hardly anybody out, alone or together.
fn warn_of_networks(fields: &mut Fields<'_>, networks: &[IpNet]) {
    for network in IpNet::aggregate(&networks.to_vec()) {
        let shortest = match network {
            IpNet::V4(_) => SHORTEST_PREFIXES.0,
            IpNet::V6(_) => SHORTEST_PREFIXES.1,
        };
        if network.prefix_len() < shortest {
            let who = if network.prefix_len() == 0 {
                "everybody"
            } else {
                "far more than one sender"
            };
            let reason = format!(
                "`{network}` lets {who} in: list the networks that the sender's documents name, or \
                 leave the field out"
            );
            fields.warn(None, "networks", reason);
        }
    }
}

/// Warns of what works and is unwise.
fn warn(fields: &mut Fields<'_>, source: &Source) {
    let scheme = source.verification();
    if source.tokens.is_empty() && scheme.is_some_and(|scheme| scheme.needs_token()) {
        let reason = format!(
            "there are none: scheme `{}` does not sign the body, so whoever sees one delivery can \
             send others; `switchhook sources token` makes one",
            source.scheme(),
        );
        fields.warn(None, "tokens", reason);
    }
    let slugs = source.unsigned_slugs();
    if source.tokens.len() < slugs.len() {
        let count = match source.tokens.len() {
            0 => "there are none".to_owned(),
            1 => "there is one".to_owned(),
            count => format!("there are {count}"),
        };
        let reason = format!(
            "{count}: scheme `{}` does not sign the URL, so whoever sees a delivery to one of {} can \
             send it to another; give each of these URLs a token of its own: `switchhook sources \
             token` makes one",
            source.scheme(),
            words(slugs.iter().copied()),
        );
        fields.warn(None, "tokens", reason);
    }
    warn_of_networks(fields, &source.networks);
    if source.provider.receives_texts()
        && !fields.is_given("country")
        && source.reading.country.is_none()
    {
        let reason = "is missing: a number that comes without `+` and country code stays as written, \
                      and so does an opt-out of it; set it, such as `country = \"AU\"`";
        fields.warn(None, "country", reason);
    }
}
