//! What happens at the providers: real samples of every provider, varied, and how they are signed.
//!
//! The windows within which the same bytes are one happening are written down here once more, from
//! the providers' documents, so that the checker does not believe the code that it checks.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use switchhook::samples::{self, Sample, Variation};
use switchhook_core::admission::admit;
use switchhook_core::config::Sources;
use switchhook_core::ids::DeliveryId;
use switchhook_core::intake;
use switchhook_core::ledger::Record;
use switchhook_core::request::Request;
use switchhook_core::time::Timestamp;

use crate::poison::{KILLS, PANICS};
use crate::world::{World, locked};

/// What the senders prove themselves by: those of two sources are exchanged while they send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    /// The signing secret of `voice`.
    pub(crate) voice: &'static str,
    /// The token of `desk`.
    pub(crate) desk: &'static str,
}

pub(crate) const OLD_KEYS: Keys = Keys {
    voice: "old secret of voice",
    desk: "the-old-token-of-desk-1",
};
pub(crate) const NEW_KEYS: Keys = Keys {
    voice: "new secret of voice",
    desk: "the-new-token-of-desk-2",
};
/// Keys of nobody.
const FORGED: &str = "a-forged-key-of-22-characters";
const LOGIN: &str = "hooks:s3cret:with colons";
const STANDARD_KEY: &[u8] = b"a key of thirty-two bytes, or so";
const CCAI_TOKEN: &str = "the-token-of-the-texts-3";
const SECOND_TOKEN: &str = "the-token-of-desk-two-44";

/// Returns the sources document with these keys current, in their order.
pub(crate) fn document(keys: &[Keys]) -> Sources {
    let list = |key: fn(&Keys) -> &'static str| {
        let quoted = keys.iter().map(|keys| format!("{:?}", key(keys)));
        quoted.collect::<Vec<_>>().join(", ")
    };
    let (voice, desk) = (list(|keys| keys.voice), list(|keys| keys.desk));
    let standard = STANDARD.encode(STANDARD_KEY);
    let text = format!(
        r#"
        [sources.voice]
        provider = "ai-sync"
        secrets = [{voice}]
        [sources.voice-two]
        provider = "ai-sync"
        secrets = ["secret of voice-two"]
        [sources.texts]
        provider = "cellcast"
        users = [{{ username = "hooks", password = "s3cret:with colons" }}]
        [sources.sms]
        provider = "cloudcontactai"
        client_id = "1231"
        secrets = ["secret of sms"]
        tokens = ["{CCAI_TOKEN}"]
        [sources.desk]
        provider = "nectar-desk"
        tokens = [{desk}]
        [sources.desk-two]
        provider = "nectar-desk"
        tokens = ["{SECOND_TOKEN}"]
        [sources.hooks]
        provider = "standard-webhooks"
        secrets = ["whsec_{standard}"]
        "#
    );
    Sources::from_toml(&text).unwrap()
}

/// Something that happened at a provider, which it tells once or more often with the same bytes.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    /// What the history calls it.
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) provider: &'static str,
    content_type: String,
    /// The slug of the URL with its slash, where there is one.
    slug: String,
    pub(crate) body: Vec<u8>,
    /// The exact bytes of its events.
    pub(crate) elements: Vec<Vec<u8>>,
    /// How long the same bytes are the same happening; as long as its record lives where none.
    pub(crate) window_secs: Option<u32>,
    /// The sender's id of the message, for Standard Webhooks.
    id: String,
}

impl Happening {
    /// Returns path and headers of a genuine delivery at this time.
    pub(crate) fn signed(
        &self,
        keys: Keys,
        now: Timestamp,
    ) -> (String, Vec<(&'static str, String)>) {
        let secret = match self.source.as_str() {
            "voice" => keys.voice,
            "voice-two" => "secret of voice-two",
            _ => "secret of sms",
        };
        let token = match self.source.as_str() {
            "desk" => keys.desk,
            "desk-two" => SECOND_TOKEN,
            _ => CCAI_TOKEN,
        };
        self.request(secret.as_bytes(), STANDARD_KEY, token, LOGIN, now)
    }

    /// Returns path and headers of a delivery by somebody who has no keys.
    pub(crate) fn forged(&self, now: Timestamp) -> (String, Vec<(&'static str, String)>) {
        let key = FORGED.as_bytes();
        self.request(key, key, FORGED, "hooks:forged", now)
    }

    fn request(
        &self,
        secret: &[u8],
        standard: &[u8],
        token: &str,
        login: &str,
        now: Timestamp,
    ) -> (String, Vec<(&'static str, String)>) {
        let mut headers = vec![("content-type", self.content_type.clone())];
        let token = match self.provider {
            "cloudcontactai" | "nectar-desk" => format!("/{token}"),
            _ => String::new(),
        };
        match self.provider {
            "ai-sync" => {
                let signature = hex::encode(mac(secret, &self.body));
                headers.push(("x-webhook-signature", format!("sha256={signature}")));
            }
            "cellcast" => {
                headers.push(("authorization", format!("Basic {}", STANDARD.encode(login))))
            }
            "cloudcontactai" => {
                let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
                let message = format!("1231:{}", body["eventHash"].as_str().unwrap());
                let signature = STANDARD.encode(mac(secret, message.as_bytes()));
                headers.push(("x-ccai-signature", signature));
            }
            "standard-webhooks" => {
                let at = now.as_second();
                let signed = [format!("{}.{at}.", self.id).as_bytes(), &self.body].concat();
                let signature = STANDARD.encode(mac(standard, &signed));
                headers.push(("webhook-id", self.id.clone()));
                headers.push(("webhook-timestamp", at.to_string()));
                headers.push(("webhook-signature", format!("v1,{signature}")));
            }
            _ => {}
        }
        (
            format!("/webhooks/{}{token}{}", self.source, self.slug),
            headers,
        )
    }

    /// Tells whether a record of these bytes is of one of this happening's events.
    pub(crate) fn has(&self, record: &Record, bytes: &[u8]) -> bool {
        let id = record.headers.get("webhook-id");
        self.source == record.key.entity.source()
            && self.slug.strip_prefix('/') == record.slug.as_deref()
            && (self.provider != "standard-webhooks" || id == Some(&self.id))
            && self.elements.iter().any(|own| own == bytes)
    }
}

fn mac(secret: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message)
}

/// Names all sources, those that are more interesting more often.
const SENDERS: [&str; 10] = [
    "voice",
    "voice",
    "voice",
    "voice-two",
    "texts",
    "texts",
    "sms",
    "desk",
    "desk-two",
    "hooks",
];

/// Draws what happens: no two happenings are one in the ledger's eyes.
pub(crate) fn happenings(world: &World, count: usize) -> Vec<Happening> {
    let sources = locked(&world.sources).clone();
    let entities = world.draw(|chance| chance.usize(1..=4));
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut happenings: Vec<Happening> = Vec::new();
    for number in 0..count {
        let happening = happening(world, &sources, number, entities);
        let identities = identities(&sources, &happening);
        if identities
            .iter()
            .any(|identity| known.contains_key(identity))
        {
            continue;
        }
        known.extend(identities.into_iter().map(|identity| (identity, number)));
        happenings.push(happening);
    }
    happenings
}

fn happening(world: &World, sources: &Sources, number: usize, entities: usize) -> Happening {
    let name = world.draw(|chance| SENDERS[chance.usize(0..SENDERS.len())]);
    let source = sources.get(name).unwrap();
    let provider = source.provider.name();
    let all = samples::of(provider);
    let sample = &all[world.draw(|chance| chance.usize(0..all.len()))];
    let build = |world: &World| samples::build(sample, source, &variation(world, entities));
    let built = build(world);
    let token = source
        .tokens
        .first()
        .map(|token| format!("/{}", token.as_str()));
    let path = format!("/webhooks/{name}{}", token.unwrap_or_default());
    let slug = built.path.strip_prefix(&path).unwrap().to_owned();
    let (body, elements, window_secs) = content(world, sample, provider, built.body, build);
    Happening {
        name: format!("#{number} {name} {}", sample.name),
        source: name.to_owned(),
        provider,
        content_type: built.headers[0].1.clone(),
        slug,
        body,
        elements,
        window_secs,
        id: format!("msg_{number}"),
    }
}

fn variation(world: &World, entities: usize) -> Variation {
    let which = world.draw(|chance| chance.u32(0..u32::try_from(entities).unwrap()));
    let at = world.now().as_millisecond() + world.draw(|chance| chance.i64(-3..3)) * 1_000;
    Variation {
        id: format!("e{which}"),
        number: 5_550_100 + which,
        at: Timestamp::from_millisecond(at).unwrap(),
    }
}

type Content = (Vec<u8>, Vec<Vec<u8>>, Option<u32>);

/// Varies a body: other words, marks that handlers stumble over, large, several events, broken.
fn content(
    world: &World,
    sample: &Sample,
    provider: &str,
    body: Vec<u8>,
    build: impl Fn(&World) -> samples::Delivery,
) -> Content {
    let window = window_secs(provider, sample.name);
    let mut text = String::from_utf8(body).unwrap();
    let is_json = text.starts_with(['{', '[']);
    let hash_matters = provider == "cloudcontactai";
    match world.draw(|chance| chance.u8(0..40)) {
        0..=7 => text = other_words(world, &text),
        8 if is_json => text = marked(&text, &format!(r#""mark":"{PANICS}","#)),
        9 if is_json => text = marked(&text, &format!(r#""mark":"{KILLS}","#)),
        10 | 15..=17 if is_json => text = marked(&text, &format!(r#""blob":"{}","#, blob(world))),
        11 | 12 | 18.. if text.starts_with('[') => {
            let others = (0..world.draw(|chance| chance.usize(1..6))).map(|_| {
                let other = String::from_utf8(build(world).body).unwrap();
                other_words(world, &other)
            });
            let all = std::iter::once(text).chain(others);
            let mut elements: Vec<_> = all.map(|one| one[1..one.len() - 1].to_owned()).collect();
            elements.sort();
            elements.dedup();
            let whole = match elements.as_slice() {
                [only] => return whole(format!("[{only}]"), window),
                several => format!("[{}]", several.join(", ")),
            };
            let elements = elements.into_iter().map(String::into_bytes).collect();
            return (whole.into_bytes(), elements, window);
        }
        13 if !hash_matters => {
            text.truncate(text.len() / 2);
            return whole(text, horizon_secs(provider));
        }
        14 if !hash_matters => return whole(String::new(), horizon_secs(provider)),
        _ => {}
    }
    whole(text, window)
}

fn whole(text: String, window_secs: Option<u32>) -> Content {
    let body = text.into_bytes();
    (body.clone(), vec![body], window_secs)
}

/// Texts of customers say something else, STOP above all.
fn other_words(world: &World, text: &str) -> String {
    let words = ["STOP", "stop", "START", "Unsubscribe", "hello"];
    let said = words[world.draw(|chance| chance.usize(0..words.len()))];
    let samples = [
        "Can you come on Friday?",
        "Yes please",
        "Yes, tell me more!",
        "Rockin",
        "Can you call me back?",
    ];
    samples
        .iter()
        .fold(text.to_owned(), |text, sample| text.replace(sample, said))
}

/// Puts fields at the beginning of the object, or of the first of a list.
fn marked(text: &str, fields: &str) -> String {
    text.replacen('{', &format!("{{{fields}"), 1)
}

/// Text that no compression makes small enough for a message: six bits a character.
fn blob(world: &World) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |chance: &mut fastrand::Rng| char::from(DIGITS[chance.usize(0..DIGITS.len())]);
    world.draw(|chance| (0..46_000).map(|_| digit(chance)).collect())
}

/// How long the same bytes are one happening.
fn window_secs(provider: &str, sample: &str) -> Option<u32> {
    let may_happen_again = match provider {
        "ai-sync" => &[
            "call.transferred",
            "agent.updated",
            "agent.status_changed",
            "agent.performance",
            "contact",
            "contact-form",
            "contact-delete",
        ][..],
        "cellcast" => &[
            "receive",
            "receive-documented",
            "receive-legacy",
            "receive-stop",
        ],
        "cloudcontactai" => &[
            "message.incoming",
            "message.received",
            "message.excluded",
            "inbound-untyped",
        ],
        "nectar-desk" => &[
            "call-disposition-modified",
            "contact-created",
            "contact-modified",
            "contact-modified-nested",
            "contact-list-created",
            "contact-list-modified",
        ],
        _ => &[],
    };
    may_happen_again
        .contains(&sample)
        .then(|| horizon_secs(provider))?
}

/// How long a provider repeats what has no identity of its own.
fn horizon_secs(provider: &str) -> Option<u32> {
    match provider {
        "ai-sync" => Some(7_200),
        "nectar-desk" => Some(120),
        "standard-webhooks" => Some(4 * 86_400),
        _ => Some(600),
    }
}

/// Returns the pauses, in seconds, before a provider's further attempts.
pub(crate) fn retries(world: &World, provider: &str) -> &'static [u64] {
    match provider {
        "ai-sync" => &[30, 120, 480, 1_920],
        "nectar-desk" => &[1, 2, 4],
        "standard-webhooks" => &[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
        // Nothing is documented.
        _ if world.happens(0.5) => &[10, 60, 300],
        _ => &[],
    }
}

/// Returns entity and dedup key of a happening's events, only to tell happenings apart.
fn identities(sources: &Sources, happening: &Happening) -> Vec<(String, String)> {
    let now = Timestamp::UNIX_EPOCH;
    let (path, headers) = happening.signed(OLD_KEYS, now);
    let request = Request {
        method: "POST".to_owned(),
        path,
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        body: happening.body.clone().into(),
        peer: None,
    };
    let admitted = admit(sources, &request, now).unwrap();
    let id = DeliveryId::new(Default::default());
    let events = intake::events(&admitted, id, now);
    let identity = events.iter().map(|event| {
        let envelope = event.envelope();
        (envelope.entity.to_string(), envelope.dedup.record_name(now))
    });
    identity.collect()
}
