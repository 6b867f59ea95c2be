//! What happens at the providers: real samples of every provider, varied, and how they are signed. Of
//! some happenings later attempts have other bytes.
//!
//! The windows within which the same bytes are one happening are written down here once more, from
//! the providers' documents, so that the checker does not believe the code that it checks.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use switchhook::samples::{self, Variation};
use switchhook_core::admission::admit;
use switchhook_core::config::{OptInScope, Sources};
use switchhook_core::ids::DeliveryId;
use switchhook_core::intake;
use switchhook_core::request::Request;
use switchhook_core::time::Timestamp;

use crate::bodies::{self, Content};
use crate::clocks::Clocks;
use crate::world::{World, locked};

/// What the senders prove themselves by: those of two sources are exchanged while they send. With them
/// comes another scope of START.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    /// The signing secret of `voice`.
    pub(crate) voice: &'static str,
    /// The token of `desk`.
    pub(crate) desk: &'static str,
    scope: OptInScope,
}

pub(crate) const OLD_KEYS: Keys = Keys {
    voice: "old secret of voice",
    desk: "the-old-token-of-desk-1",
    scope: OptInScope::Source,
};
pub(crate) const NEW_KEYS: Keys = Keys {
    voice: "new secret of voice",
    desk: "the-new-token-of-desk-2",
    scope: OptInScope::Stack,
};
/// How long records live.
pub(crate) const RETENTION_DAYS: u16 = 30;
/// Keys of nobody.
const FORGED: &str = "a-forged-key-of-22-characters";
pub(crate) const LOGIN: &str = "hooks:s3cret:with colons";
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
    let mut sources = Sources::from_toml(&text).unwrap();
    sources.opt_in_scope = keys[0].scope;
    sources
}

/// Something that happened at a provider, which it tells once or more often.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    /// What the history calls it.
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) provider: &'static str,
    content_type: String,
    /// The slug of the URL with its slash, where there is one.
    slug: String,
    /// What its attempts say: most have one body, some have others later.
    pub(crate) tellings: Vec<Telling>,
    /// How long its key is the same happening; as long as its record lives where none.
    pub(crate) window_secs: Option<u32>,
    /// When it is told first.
    pub(crate) first: Duration,
    /// The sender's id of the message, for Standard Webhooks.
    id: String,
}

/// One body in which a happening is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Telling {
    pub(crate) body: Vec<u8>,
    pub(crate) elements: Vec<Element>,
}

/// One event in a body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Element {
    /// Which of the happening's events it is.
    pub(crate) event: usize,
    /// Its exact bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Where bytes came from, as records and messages say it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) source: &'a str,
    pub(crate) slug: Option<&'a str>,
    pub(crate) headers: &'a BTreeMap<String, String>,
}

impl Happening {
    /// Returns path and headers of a genuine delivery at this time.
    pub(crate) fn signed(
        &self,
        telling: &Telling,
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
        let proof = Proof {
            secret: secret.as_bytes(),
            standard: STANDARD_KEY,
            token,
            login: LOGIN,
        };
        self.request(&telling.body, &proof, now)
    }

    /// Returns path and headers of a delivery by somebody who has no keys.
    pub(crate) fn forged(
        &self,
        telling: &Telling,
        now: Timestamp,
    ) -> (String, Vec<(&'static str, String)>) {
        let proof = Proof {
            secret: FORGED.as_bytes(),
            standard: FORGED.as_bytes(),
            token: FORGED,
            login: "hooks:forged",
        };
        self.request(&telling.body, &proof, now)
    }

    fn request(
        &self,
        body: &[u8],
        proof: &Proof<'_>,
        now: Timestamp,
    ) -> (String, Vec<(&'static str, String)>) {
        let Proof {
            secret,
            standard,
            token,
            login,
        } = proof;
        let mut headers = vec![("content-type", self.content_type.clone())];
        let token = match self.provider {
            "cloudcontactai" | "nectar-desk" => format!("/{token}"),
            _ => String::new(),
        };
        match self.provider {
            "ai-sync" => {
                let signature = hex::encode(mac(secret, body));
                headers.push(("x-webhook-signature", format!("sha256={signature}")));
            }
            "cellcast" => {
                headers.push(("authorization", format!("Basic {}", STANDARD.encode(login))))
            }
            "cloudcontactai" => {
                let json: serde_json::Value = serde_json::from_slice(body).unwrap();
                let message = format!("1231:{}", json["eventHash"].as_str().unwrap());
                let signature = STANDARD.encode(mac(secret, message.as_bytes()));
                headers.push(("x-ccai-signature", signature));
            }
            "standard-webhooks" => {
                let at = now.as_second();
                let signed = [format!("{}.{at}.", self.id).as_bytes(), body].concat();
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

    /// Returns which of this happening's events these bytes are of, if they are.
    pub(crate) fn event_of(&self, origin: Origin<'_>, bytes: &[u8]) -> Option<usize> {
        let id = origin.headers.get("webhook-id");
        let is_own = self.source == origin.source
            && self.slug.strip_prefix('/') == origin.slug
            && (self.provider != "standard-webhooks" || id == Some(&self.id));
        let mut elements = self.tellings.iter().flat_map(|telling| &telling.elements);
        let found = elements.find(|element| is_own && element.bytes == bytes);
        found.map(|element| element.event)
    }
}

/// What a delivery proves itself by.
struct Proof<'a> {
    secret: &'a [u8],
    standard: &'a [u8],
    token: &'a str,
    login: &'a str,
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

/// What all happenings of a simulation have in common.
pub(crate) struct Scene {
    sources: Sources,
    clocks: Clocks,
    /// How many calls, contacts and so on they are about.
    entities: usize,
    /// The share of texts that say something about being texted.
    words: f64,
    /// Within how many milliseconds they are told first.
    span: u64,
}

/// Where people say that they want to be left alone, or not: sources and samples.
const WORDS: [(&str, &str); 12] = [
    ("voice", "sms.received"),
    ("voice", "sms.replied"),
    ("voice-two", "sms.received"),
    ("texts", "receive"),
    ("texts", "receive"),
    ("texts", "receive-legacy"),
    ("sms", "message.incoming"),
    ("sms", "inbound-untyped"),
    ("sms", "contact.unsubscribed"),
    ("sms", "email.unsubscribed"),
    ("desk", "message-received"),
    ("desk-two", "message-received"),
];

/// Draws what happens: no two happenings are one in the ledger's eyes.
pub(crate) fn happenings(world: &World, count: usize) -> Vec<Happening> {
    let is_chatty = world.happens(0.3);
    let scene = Scene {
        sources: locked(&world.sources).clone(),
        clocks: Clocks::draw(world),
        entities: world.draw(|chance| chance.usize(1..=if is_chatty { 2 } else { 4 })),
        words: if is_chatty { 0.7 } else { 0.15 },
        span: [3_000, 60_000, 1_200_000][world.draw(|chance| chance.usize(0..3))],
    };
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut happenings: Vec<Happening> = Vec::new();
    for number in 0..count {
        let happening = happening(world, &scene, number);
        let identities = identities(&scene.sources, &happening);
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

fn happening(world: &World, scene: &Scene, number: usize) -> Happening {
    let is_word = world.happens(scene.words);
    let (name, sample) = if is_word {
        let (name, sample) = world.draw(|chance| WORDS[chance.usize(0..WORDS.len())]);
        let all = samples::of(scene.sources.get(name).unwrap().provider.name());
        (name, all.iter().find(|one| one.name == sample).unwrap())
    } else {
        let name = world.draw(|chance| SENDERS[chance.usize(0..SENDERS.len())]);
        let all = samples::of(scene.sources.get(name).unwrap().provider.name());
        (name, &all[world.draw(|chance| chance.usize(0..all.len()))])
    };
    let source = scene.sources.get(name).unwrap();
    let provider = source.provider.name();
    let first = world.pause(scene.span);
    let build = |world: &World| {
        let variation = variation(world, scene, name, first);
        samples::build(sample, source, &variation)
    };
    let built = build(world);
    let token = source
        .tokens
        .first()
        .map(|token| format!("/{}", token.as_str()));
    let path = format!("/webhooks/{name}{}", token.unwrap_or_default());
    let slug = built.path.strip_prefix(&path).unwrap().to_owned();
    let kind = bodies::Kind {
        provider,
        sample: sample.name,
        number,
    };
    let Content {
        tellings,
        window_secs,
    } = if is_word {
        bodies::word(world, kind, built.body)
    } else {
        bodies::content(world, kind, built.body, |world| build(world).body)
    };
    Happening {
        name: format!("#{number} {name} {}", sample.name),
        source: name.to_owned(),
        provider,
        content_type: built.headers[0].1.clone(),
        slug,
        tellings,
        window_secs,
        first,
        id: format!("msg_{number}"),
    }
}

fn variation(world: &World, scene: &Scene, source: &str, first: Duration) -> Variation {
    let which = world.draw(|chance| chance.u32(0..u32::try_from(scene.entities).unwrap()));
    Variation {
        id: format!("e{which}"),
        number: 5_550_100 + which,
        at: scene.clocks.time(world, source, first),
    }
}

/// How long the key of a sample's events is one happening.
pub(crate) fn window_secs(provider: &str, sample: &str) -> Option<u32> {
    let may_happen_again = match provider {
        "ai-sync" => &[
            "call.transferred",
            "agent.updated",
            "agent.status_changed",
            "agent.performance",
            // Whether its id is that of the reply or of the text that it answers is not known.
            "sms.replied",
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
            "contact.unsubscribed",
            "email.unsubscribed",
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
pub(crate) fn horizon_secs(provider: &str) -> Option<u32> {
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

/// Returns entity and dedup key of each of a happening's events, only to keep happenings apart.
///
/// Whatever the bytes, an event has one identity: else it would be none that is told again.
fn identities(sources: &Sources, happening: &Happening) -> Vec<(String, String)> {
    let mut identities: BTreeMap<usize, (String, String)> = BTreeMap::new();
    for telling in &happening.tellings {
        let told = identities_of(sources, happening, telling);
        assert_eq!(told.len(), telling.elements.len(), "{}", happening.name);
        for (element, identity) in telling.elements.iter().zip(told) {
            let known = identities.entry(element.event).or_insert(identity.clone());
            let text = String::from_utf8_lossy(&element.bytes);
            assert_eq!(*known, identity, "{}: {text}", happening.name);
        }
    }
    identities.into_values().collect()
}

fn identities_of(
    sources: &Sources,
    happening: &Happening,
    telling: &Telling,
) -> Vec<(String, String)> {
    let now = Timestamp::UNIX_EPOCH;
    let (path, headers) = happening.signed(telling, OLD_KEYS, now);
    let request = Request {
        method: "POST".to_owned(),
        path,
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        body: telling.body.clone().into(),
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
