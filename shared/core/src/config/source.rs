//! One `[sources.NAME]` table, and what makes it a source that can be trusted.

use std::net::IpAddr;

use bytesize::ByteSize;
use ipnet::IpNet;

use super::node::{Fields, Node, Value};
use super::{ConfigError, Reading, Source, provider};
use crate::phone::Country;
use crate::providers::Provider;
use crate::schemes::url_token::UrlToken;
use crate::schemes::{Configured, Credentials, User};

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
    let unsigned = fields.boolean("unsigned")?;
    let source = Source {
        title: fields.text("title")?.map(|(title, _)| title),
        credentials: read_credentials(&mut fields, provider)?,
        tokens: fields.texts("tokens", read_token)?,
        networks: fields.texts("networks", |text| read_network(&text))?,
        max_body: read_max_body(&mut fields)?,
        reading: read_reading(&mut fields, provider)?,
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

/// Reads the fields of the provider's scheme, and refuses those of other schemes.
fn read_credentials(
    fields: &mut Fields,
    provider: &dyn Provider,
) -> Result<Credentials, ConfigError> {
    let configured = provider.scheme().map(|scheme| scheme.configured());
    let by_secrets = matches!(
        configured,
        Some(Configured::Secrets | Configured::ClientIdAndSecrets)
    );
    let secrets = match provider.scheme() {
        Some(scheme) if by_secrets => fields.texts("secrets", |text| scheme.read_secret(text))?,
        _ => refuse(fields, "secrets", provider)?,
    };
    let users = match configured {
        Some(Configured::Users) => read_users(fields)?,
        _ => refuse(fields, "users", provider)?,
    };
    let client_id = match configured {
        Some(Configured::ClientIdAndSecrets) => read_client_id(fields, secrets.is_empty())?,
        _ => refuse(fields, "client_id", provider)?,
    };
    Ok(Credentials {
        secrets,
        users,
        client_id,
    })
}

/// Refuses a field that belongs to another provider's scheme.
fn refuse<T: Default>(
    fields: &mut Fields,
    field: &str,
    provider: &dyn Provider,
) -> Result<T, ConfigError> {
    match fields.drop(field) {
        None => Ok(T::default()),
        Some(line) => {
            let reason = format!("is no field of provider `{}`", provider.name());
            Err(fields.error(line, field, reason))
        }
    }
}

fn read_client_id(fields: &mut Fields, unsigned: bool) -> Result<Option<String>, ConfigError> {
    match fields.text("client_id")? {
        Some((id, line)) if id.trim().is_empty() => {
            Err(fields.error(line, "client_id", "must not be empty"))
        }
        Some((id, _)) => Ok(Some(id.trim().to_owned())),
        None if unsigned => Ok(None),
        None => Err(fields.error(
            None,
            "client_id",
            "is missing: the signature is over your account's id, which the provider's settings show",
        )),
    }
}

fn read_users(fields: &mut Fields) -> Result<Vec<User>, ConfigError> {
    let Some((nodes, _)) = fields.list("users")? else {
        return Ok(Vec::new());
    };
    nodes
        .into_iter()
        .map(|node| read_user(node, fields))
        .collect()
}

fn read_user(node: Node, fields: &Fields) -> Result<User, ConfigError> {
    let line = node.line;
    let refused = |reason: &str| fields.error(line, "users", reason);
    let malformed = || refused("must be tables of a `username` and a `password`");
    let Value::Table(mut table) = node.value else {
        return Err(malformed());
    };
    let mut text = |key| match table.remove(key)?.value {
        Value::Text(text) => Some(text),
        _ => None,
    };
    let (Some(username), Some(password)) = (text("username"), text("password")) else {
        return Err(malformed());
    };
    if !table.is_empty() {
        return Err(malformed());
    }
    if username.contains(':') {
        return Err(refused(
            "a `username` cannot hold a colon: HTTP splits name and password there",
        ));
    }
    if password.is_empty() {
        return Err(refused("a `password` must not be empty"));
    }
    Ok(User { username, password })
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

fn read_reading(fields: &mut Fields, provider: &dyn Provider) -> Result<Reading, ConfigError> {
    let country = match fields.text("country")? {
        None => provider.default_country().and_then(Country::new),
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
        opt_out_words_only: false,
        opt_in_words: words("opt_in_words")?,
    })
}

/// A source without a credential would take anything from anybody.
fn check_credentials(
    source: &Source,
    unsigned: Option<(bool, Option<usize>)>,
    fields: &Fields,
) -> Result<(), ConfigError> {
    let (verified, opened) = (!source.credentials.is_empty(), !source.tokens.is_empty());
    let Some(scheme) = source.provider.scheme() else {
        return if opened {
            Ok(())
        } else {
            let reason = "is missing: this provider signs nothing, so that its URL must be secret; \
                          `switchhook sources token` makes one";
            Err(fields.error(None, "tokens", reason))
        };
    };
    let field = match scheme.configured() {
        Configured::Secrets | Configured::ClientIdAndSecrets => "secrets",
        Configured::Users => "users",
    };
    match unsigned {
        Some((true, line)) if verified => Err(fields.error(
            line,
            "unsigned",
            format!("contradicts `{field}`: leave one of them out"),
        )),
        Some((true, line)) if !opened => Err(fields.error(
            line,
            "unsigned",
            "needs `tokens`, or anybody could send; `switchhook sources token` makes one",
        )),
        Some((true, _)) => Ok(()),
        _ if verified => Ok(()),
        _ => Err(fields.error(
            None,
            field,
            "is missing; for an account that signs nothing set `unsigned = true` and `tokens`",
        )),
    }
}
