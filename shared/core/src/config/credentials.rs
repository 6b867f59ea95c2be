//! What a source proves its deliveries with.

use std::collections::BTreeSet;

use super::fields::{Fields, is_invisible, trimmed, words};
use super::node::{Node, Value};
use super::placeholders::is_placeholder;
use crate::nearest::nearest;
use crate::providers::Provider;
use crate::schemes::url_token::UrlToken;
use crate::schemes::{Configured, Credentials, Scheme, SigningSecret, User};

/// Every field that holds credentials of some scheme.
pub(super) const FIELDS: &[&str] = &["client_id", "secrets", "users"];

const USER_FIELDS: &[&str] = &["password", "username"];
/// A shorter password can be found by trying, and a shorter part of a text is no secret.
const MIN_SECRET_BYTES: usize = 16;
/// Fewer different characters are no secret, whatever its length.
const MIN_DIFFERENT: usize = 4;
/// The same of a token, which is random.
const MIN_DIFFERENT_IN_TOKEN: usize = 6;
const PLACEHOLDER: &str = "is a placeholder of the documentation, which everybody can read; \
                           `switchhook sources token` makes a secret";

/// Returns the fields that a provider's scheme is configured by.
pub(super) fn fields_of(provider: &dyn Provider) -> &'static [&'static str] {
    match provider.scheme().map(Scheme::configured) {
        None => &[],
        Some(Configured::Secrets) => &["secrets"],
        Some(Configured::ClientIdAndSecrets) => &["client_id", "secrets"],
        Some(Configured::Users) => &["users"],
    }
}

/// Reads credentials and tokens, refuses the fields of other schemes, and asks for what is missing.
pub(super) fn read(
    fields: &mut Fields<'_>,
    provider: Option<&'static dyn Provider>,
) -> (Credentials, Vec<UrlToken>) {
    if let Some(provider) = provider {
        refuse_others(fields, provider);
    }
    let scheme = provider.and_then(Provider::scheme);
    let credentials = Credentials {
        secrets: read_secrets(fields, scheme),
        users: read_users(fields),
        client_id: read_client_id(fields),
    };
    let tokens = read_tokens(fields);
    let unsigned = fields.boolean("unsigned");
    let body_unsigned = fields.boolean("body_unsigned");
    if let Some(provider) = provider {
        check(fields, provider, unsigned);
        check_body(fields, provider, body_unsigned);
    }
    (credentials, tokens)
}

/// Refuses fields that belong to another provider's scheme.
fn refuse_others(fields: &mut Fields<'_>, provider: &dyn Provider) {
    let own = fields_of(provider);
    for field in FIELDS.iter().filter(|field| !own.contains(field)) {
        if let Some(line) = fields.drop(field) {
            let taken = own.iter().copied().chain(["tokens"]);
            let reason = format!(
                "is no field of provider `{}`, which takes {}",
                provider.name(),
                words(taken)
            );
            fields.mistake(line, field, reason);
        }
    }
}

fn read_secrets(fields: &mut Fields<'_>, scheme: Option<&dyn Scheme>) -> Vec<SigningSecret> {
    let texts = fields.texts("secrets");
    let Some(scheme) = scheme else {
        return Vec::new();
    };
    let mut secrets = Vec::new();
    for (text, line) in &texts {
        for part in scheme.split_secrets(trimmed(text)) {
            let is_placeholder = is_placeholder(part);
            match scheme.read_secret(part.to_owned()) {
                Ok(secret) => {
                    if is_placeholder {
                        fields.placeholder(*line, "secrets", PLACEHOLDER);
                    } else if let Some(reason) =
                        unwise(part, secret.as_bytes(), scheme.strong_secret_bytes())
                    {
                        fields.warn(*line, "secrets", reason);
                    }
                    secrets.push(secret);
                }
                Err(_) if is_placeholder => fields.mistake(*line, "secrets", PLACEHOLDER),
                Err(reason) => fields.mistake(*line, "secrets", reason),
            }
        }
    }
    secrets
}

/// Says why a secret that can be used is probably not the sender's, or can be guessed.
fn unwise(text: &str, secret: &[u8], strong_bytes: usize) -> Option<String> {
    if text.chars().any(|c| c != ' ' && is_invisible(c)) {
        let reason = "one holds a line break or another invisible character, which is part of it: \
                      was it copied whole, and only it?";
        return Some(reason.to_owned());
    }
    if text.len() > 2
        && ['"', '\'', '`']
            .iter()
            .any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
    {
        return Some("one stands in quotes twice: the inner ones are part of it".to_owned());
    }
    if holds_several(text) {
        let reason = "one looks like several secrets in one text: write each as a text of its own, \
                      `[\"…\", \"…\"]`";
        return Some(reason.to_owned());
    }
    weak(secret, strong_bytes)
}

/// Says why a secret or password can be found by trying, if it can, and what to do.
fn weak(secret: &[u8], strong_bytes: usize) -> Option<String> {
    let bytes = secret.len();
    if bytes < strong_bytes {
        let unit = if bytes == 1 { "byte" } else { "bytes" };
        return Some(format!(
            "one is {bytes} {unit} long: fewer than {strong_bytes} can be found by trying; set a longer \
             one, here and at the sender"
        ));
    }
    let different = different(secret);
    (different < MIN_DIFFERENT).then(|| {
        format!(
            "{}; set a random one, here and at the sender",
            repeats(different)
        )
    })
}

fn different(text: &[u8]) -> usize {
    text.iter().collect::<BTreeSet<_>>().len()
}

fn repeats(different: usize) -> String {
    let characters = match different {
        1 => "one character".to_owned(),
        count => format!("only {count} different characters"),
    };
    format!("one is made of {characters}, and can be guessed")
}

/// Reports whether a text looks like long secrets with a separator between them.
fn holds_several(text: &str) -> bool {
    let parts = || {
        text.split([',', ';', '|', ' '])
            .filter(|part| !part.is_empty())
    };
    let is_secret = |part: &str| {
        let is_usual = |b: u8| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b);
        part.len() >= MIN_SECRET_BYTES && part.bytes().all(is_usual)
    };
    parts().count() > 1 && parts().all(is_secret)
}

fn read_client_id(fields: &mut Fields<'_>) -> Option<String> {
    let (id, line) = fields.text("client_id")?;
    let id = trimmed(&id);
    if id.is_empty() {
        fields.mistake(line, "client_id", "must not be empty");
        return None;
    }
    if is_placeholder(id) {
        let reason = "is a placeholder of the documentation: the provider's settings show yours";
        fields.placeholder(line, "client_id", reason);
    }
    Some(id.to_owned())
}

fn read_tokens(fields: &mut Fields<'_>) -> Vec<UrlToken> {
    let mut tokens = Vec::new();
    for (text, line) in fields.texts("tokens") {
        let text = trimmed(&text);
        match UrlToken::new(text.to_owned()) {
            Some(token) => {
                if is_placeholder(text) {
                    fields.placeholder(line, "tokens", PLACEHOLDER);
                } else if different(text.as_bytes()) < MIN_DIFFERENT_IN_TOKEN {
                    let repeats = repeats(different(text.as_bytes()));
                    let reason = format!("{repeats}; `switchhook sources token` makes one");
                    fields.warn(line, "tokens", reason);
                }
                tokens.push(token);
            }
            None if is_placeholder(text) => fields.mistake(line, "tokens", PLACEHOLDER),
            None => fields.mistake(
                line,
                "tokens",
                "a token must be 22 or more of `A-Z a-z 0-9 - _`; `switchhook sources token` makes one",
            ),
        }
    }
    tokens
}

fn read_users(fields: &mut Fields<'_>) -> Vec<User> {
    let nodes = fields.list("users");
    let read = |node| read_user(node, fields);
    nodes.into_iter().filter_map(read).collect()
}

fn read_user(node: Node, fields: &mut Fields<'_>) -> Option<User> {
    let line = node.line;
    let Value::Table(mut table) = node.value else {
        let reason = "must be tables of a `username` and a `password`";
        fields.mistake(line, "users", reason);
        return None;
    };
    let mut is_right = true;
    let mut refused = |fields: &mut Fields<'_>, line, reason: String| {
        is_right = false;
        fields.mistake(line, "users", reason);
    };
    let mut misspelt = Vec::new();
    for (name, node) in table.extract_if(.., |name, _| !USER_FIELDS.contains(&name.as_str())) {
        let near = nearest(&name, USER_FIELDS.iter().copied());
        misspelt.extend(near);
        let near = near.map(|near| format!("; did you mean `{near}`?"));
        let shown = super::findings::visible(&name);
        let reason = format!(
            "unknown field `{shown}` of a user{}",
            near.unwrap_or_else(|| "; expected `username` and `password`".to_owned())
        );
        refused(fields, node.line, reason);
    }
    let mut text = |field: &str| match table.remove(field) {
        Some(Node {
            value: Value::Text(text),
            line,
        }) => Some((text, line)),
        Some(node) => {
            let reason = format!("`{field}` must be a text, not {}", node.value.name());
            refused(fields, node.line, reason);
            None
        }
        None if misspelt.contains(&field) => None,
        None => {
            refused(fields, line, format!("a user has no `{field}`"));
            None
        }
    };
    let (username, password) = (text("username"), text("password"));
    if let Some((username, line)) = &username
        && username.contains(':')
    {
        let reason = "a `username` cannot hold a colon: HTTP splits name and password there";
        refused(fields, *line, reason.to_owned());
    }
    if let Some((password, line)) = &password
        && password.is_empty()
    {
        refused(fields, *line, "a `password` must not be empty".to_owned());
    }
    let ((username, _), (password, line)) = (username?, password?);
    if !is_right {
        return None;
    }
    warn_of_user(fields, &username, &password, line);
    Some(User { username, password })
}

fn warn_of_user(fields: &mut Fields<'_>, username: &str, password: &str, line: Option<usize>) {
    if is_placeholder(username) || is_placeholder(password) {
        fields.placeholder(line, "users", PLACEHOLDER);
        return;
    }
    for (text, field) in [(username, "username"), (password, "password")] {
        if trimmed(text) != text {
            let reason = format!("white space at either end of a `{field}` is part of it");
            fields.warn(line, "users", reason);
        }
    }
    if let Some(weak) = weak(password.as_bytes(), MIN_SECRET_BYTES) {
        fields.warn(line, "users", format!("a `password`: {weak}"));
    }
}

/// Reports whether a provider's signature leaves the body out.
pub(super) fn signs_no_body(provider: &dyn Provider) -> bool {
    provider.scheme().is_some_and(Scheme::needs_token)
}

/// A signature that leaves the body out lets in any other body, once somebody saw it: a token is needed
/// beside it, unless the document insists.
fn check_body(
    fields: &mut Fields<'_>,
    provider: &dyn Provider,
    body_unsigned: Option<(bool, Option<usize>)>,
) {
    if !signs_no_body(provider) {
        if let Some((_, line)) = body_unsigned {
            let reason = format!(
                "is no field of provider `{}`, whose signature covers the body",
                provider.name()
            );
            fields.mistake(line, "body_unsigned", reason);
        }
        return;
    }
    let insists = matches!(body_unsigned, Some((true, _)));
    if fields.is_given("secrets") && !fields.is_given("tokens") && !insists {
        let reason = "is missing: the signature does not cover the body, so that whoever sees one \
                      delivery could send others; `switchhook sources token` makes one for the URL, \
                      and `body_unsigned = true` does without";
        fields.mistake(None, "tokens", reason);
    }
}

/// A source without a credential would take anything from anybody.
fn check(
    fields: &mut Fields<'_>,
    provider: &dyn Provider,
    unsigned: Option<(bool, Option<usize>)>,
) {
    let own = fields_of(provider);
    let has = |field: &&&str| **field != "client_id";
    let opened = fields.is_given("tokens");
    let Some(field) = own.iter().find(has).copied() else {
        if !opened {
            let reason = "is missing: this provider signs nothing, so that its URL must be secret; \
                          `switchhook sources token` makes one";
            fields.mistake(None, "tokens", reason);
        }
        return;
    };
    let verified = fields.is_given(field);
    match unsigned {
        Some((true, line)) if verified => {
            let reason = format!("contradicts `{field}`: leave one of them out");
            fields.mistake(line, "unsigned", reason);
        }
        Some((true, line)) if !opened => {
            let reason =
                "needs `tokens`, or anybody could send; `switchhook sources token` makes one";
            fields.mistake(line, "unsigned", reason);
        }
        Some((true, _)) => {}
        None if fields.is_given("unsigned") => {}
        _ if verified => {}
        _ => {
            let reason =
                "is missing; for an account that signs nothing set `unsigned = true` and `tokens`";
            fields.mistake(None, field, reason);
        }
    }
    if own.contains(&"client_id") && verified && !fields.is_given("client_id") {
        let reason = "is missing: the signature is over your account's id, which the provider's settings show";
        fields.mistake(None, "client_id", reason);
    }
}
