//! One `[sources.NAME]` table, and what makes it a source that can be trusted.

use std::net::IpAddr;

use bytesize::ByteSize;
use ipnet::IpNet;

use super::node::{Fields, Node, Value};
use super::{ConfigError, Reading, Source, provider};
use crate::phone::Country;
use crate::providers::Provider;
use crate::schemes::SigningSecret;
use crate::schemes::url_token::UrlToken;

const FIELDS: &[&str] = &[
    "client_id",
    "country",
    "max_body",
    "networks",
    "opt_in_words",
    "opt_out_words",
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

pub(super) fn read(name: String, node: Node) -> Result<Source, ConfigError> {
    let mut fields = Fields::of(node, Some(&name))?;
    check_name(&name).map_err(|reason| fields.error(None, "", reason))?;
    let provider = read_provider(&mut fields)?;
    refuse_foreign_fields(&mut fields, provider)?;
    let unsigned = fields.boolean("unsigned")?;
    let source = Source {
        title: fields.text("title")?.map(|(title, _)| title),
        secrets: fields.texts("secrets", |text| Ok(SigningSecret::new(text)))?,
        tokens: fields.texts("tokens", read_token)?,
        networks: fields.texts("networks", |text| read_network(&text))?,
        max_body: read_max_body(&mut fields)?,
        reading: read_reading(&mut fields)?,
        provider,
        name,
    };
    check_credentials(&source, unsigned, &fields)?;
    fields.finish(FIELDS)?;
    Ok(source)
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let fits = (1..=MAX_NAME_CHARS).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        Ok(())
    } else {
        Err("the name must be 1 to 64 of `a-z`, `0-9` and `-`")
    }
}

fn read_provider(fields: &mut Fields) -> Result<&'static dyn Provider, ConfigError> {
    let Some((name, line)) = fields.text("provider")? else {
        return Err(fields.error(None, "provider", "is missing"));
    };
    provider(&name).map_err(|reason| fields.error(line, "provider", reason))
}

/// Fields that belong to other providers' schemes.
fn refuse_foreign_fields(fields: &mut Fields, provider: &dyn Provider) -> Result<(), ConfigError> {
    if let Some((_, line)) = fields.text("client_id")? {
        let reason = format!("is no field of provider `{}`", provider.name());
        return Err(fields.error(line, "client_id", reason));
    }
    if let Some((users, line)) = fields.list("users")? {
        for user in users {
            check_user(user, fields)?;
        }
        let reason = format!("is no field of provider `{}`", provider.name());
        return Err(fields.error(line, "users", reason));
    }
    Ok(())
}

fn check_user(user: Node, fields: &Fields) -> Result<(), ConfigError> {
    let line = user.line;
    let well_formed = match user.value {
        Value::Table(table) => {
            table.len() == 2
                && ["username", "password"].iter().all(|key| {
                    matches!(
                        table.get(*key),
                        Some(Node {
                            value: Value::Text(_),
                            ..
                        })
                    )
                })
        }
        _ => false,
    };
    if well_formed {
        Ok(())
    } else {
        Err(fields.error(
            line,
            "users",
            "must be tables of a `username` and a `password`",
        ))
    }
}

fn read_token(text: String) -> Result<UrlToken, String> {
    UrlToken::new(text).ok_or_else(|| {
        "a token must be 22 or more of `A-Z a-z 0-9 - _`; `switchhook sources token` makes one"
            .to_owned()
    })
}

fn read_network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse().ok().or_else(single);
    network.ok_or_else(|| "must hold networks such as `203.0.113.0/24`".to_owned())
}

fn read_max_body(fields: &mut Fields) -> Result<usize, ConfigError> {
    let Some((text, line)) = fields.text("max_body")? else {
        return Ok(DEFAULT_MAX_BODY);
    };
    text.parse::<ByteSize>()
        .ok()
        .filter(|size| (1..=LARGEST_MAX_BODY).contains(&size.as_u64()))
        .and_then(|size| usize::try_from(size.as_u64()).ok())
        .ok_or_else(|| {
            fields.error(
                line,
                "max_body",
                "must be a size such as `1MiB`, 10MiB at most",
            )
        })
}

fn read_reading(fields: &mut Fields) -> Result<Reading, ConfigError> {
    let country = match fields.text("country")? {
        None => None,
        Some((code, line)) => Some(Country::new(&code).ok_or_else(|| {
            fields.error(
                line,
                "country",
                "must be a country's two capital letters, such as `AU`",
            )
        })?),
    };
    let mut words = |field| {
        let words = fields.texts(field, Ok)?;
        Ok((!words.is_empty()).then_some(words))
    };
    Ok(Reading {
        country,
        opt_out_words: words("opt_out_words")?,
        opt_in_words: words("opt_in_words")?,
    })
}

/// A source without a credential would take anything from anybody.
fn check_credentials(
    source: &Source,
    unsigned: Option<(bool, Option<usize>)>,
    fields: &Fields,
) -> Result<(), ConfigError> {
    let (signed, opened) = (!source.secrets.is_empty(), !source.tokens.is_empty());
    match unsigned {
        Some((true, line)) if signed => Err(fields.error(
            line,
            "unsigned",
            "contradicts `secrets`: leave one of them out",
        )),
        Some((true, line)) if !opened => Err(fields.error(
            line,
            "unsigned",
            "needs `tokens`, or anybody could send; `switchhook sources token` makes one",
        )),
        Some((true, _)) => Ok(()),
        _ if signed => Ok(()),
        _ => Err(fields.error(
            None,
            "secrets",
            "is missing; for an account that signs nothing set `unsigned = true` and `tokens`",
        )),
    }
}
