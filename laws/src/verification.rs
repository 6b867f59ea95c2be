//! Every scheme takes exactly what was signed: with any one bit of it changed, or of its proof, it is
//! refused. The signing is another HMAC than the verifier's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use switchhook_core::admission::admit;
use switchhook_core::config::Sources;
use switchhook_core::request::Request;

use crate::input::{Input, now};

const TOKEN: &str = "a-token-of-22-characters-and-more";

/// Checks a scheme: a byte for it, two for the bit that changes, a piece for the secret, and what is
/// signed.
///
/// # Panics
///
/// When a law does not hold.
pub fn verification(data: &[u8]) {
    let mut input = Input::new(data);
    let scheme = input.pick(&[hmac_sha256 as Scheme, ccai, basic, token, standard_webhooks]);
    let bit = input.number();
    let secret = String::from_utf8_lossy(input.piece()).trim().to_owned();
    if !secret.is_empty() && !secret.contains(char::is_control) {
        scheme(&secret, input.rest(), bit);
    }
}

type Scheme = fn(&str, &[u8], usize);

/// A source, and what it takes and refuses.
struct Door(Sources);

impl Door {
    /// `None` where the configuration does not take such a secret.
    fn of(source: &Value) -> Option<Self> {
        let document = json!({ "sources": { "a": source } });
        Sources::from_json(&document.to_string()).ok().map(Self)
    }

    fn status(&self, path: &str, headers: &[(&str, String)], body: &[u8]) -> u16 {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        let request = Request {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: headers.collect(),
            body: body.to_vec().into(),
            peer: None,
        };
        admit(&self.0, &request, now()).map_or_else(|refusal| refusal.status(), |_| 200)
    }
}

fn mac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, message).as_ref().to_vec()
}

/// Changes one bit, where there is one.
fn flipped(bytes: &[u8], bit: usize) -> Option<Vec<u8>> {
    let bit = bit.checked_rem(bytes.len() * 8)?;
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Some(bytes)
}

fn hmac_sha256(secret: &str, body: &[u8], bit: usize) {
    let Some(door) = Door::of(&json!({ "provider": "ai-sync", "secrets": [secret] })) else {
        return;
    };
    let tag = mac(secret.as_bytes(), body);
    let status = |tag: &[u8], body: &[u8]| {
        let headers = [("x-webhook-signature", hex::encode(tag))];
        door.status("/webhooks/a", &headers, body)
    };
    assert_eq!(status(&tag, body), 200);
    assert_eq!(status(&flipped(&tag, bit).unwrap(), body), 401);
    if let Some(other) = flipped(body, bit) {
        assert_eq!(status(&tag, &other), 401);
    }
}

/// It covers the body's `eventHash` only, and a URL token belongs with it.
fn ccai(secret: &str, message: &[u8], bit: usize) {
    let source = json!({
        "provider": "cloudcontactai", "client_id": "1231", "secrets": [secret], "tokens": [TOKEN],
    });
    let hash = hex::encode(message);
    let Some(door) = Door::of(&source).filter(|_| !hash.is_empty()) else {
        return;
    };
    let tag = mac(secret.as_bytes(), format!("1231:{hash}").as_bytes());
    let status = |tag: &[u8], hash: &str| {
        let headers = [("x-ccai-signature", STANDARD.encode(tag))];
        let body = json!({ "eventHash": hash }).to_string();
        door.status(&format!("/webhooks/a/{TOKEN}"), &headers, body.as_bytes())
    };
    assert_eq!(status(&tag, &hash), 200);
    assert_eq!(status(&flipped(&tag, bit).unwrap(), &hash), 401);
    let other = hex::encode(flipped(message, bit).unwrap());
    assert_eq!(status(&tag, &other), 401);
    is_found_whatever_the_rest_says(&door, &tag, &hash, message);
}

/// The hash is found beside anything that is JSON, and however it is sent.
fn is_found_whatever_the_rest_says(door: &Door, tag: &[u8], hash: &str, rest: &[u8]) {
    let status = |encoding: &str, body: &[u8]| {
        let headers = [
            ("x-ccai-signature", STANDARD.encode(tag)),
            ("content-encoding", encoding.to_owned()),
        ];
        door.status(&format!("/webhooks/a/{TOKEN}"), &headers, body)
    };
    let text = String::from_utf8_lossy(rest);
    let rest = match serde_json::from_str::<&RawValue>(&text) {
        Ok(value) => value.get().to_owned(),
        Err(_) => Value::from(text.as_ref()).to_string(),
    };
    let before = format!(r#"{{"rest":{rest},"half":"\ud83d","eventHash":"{hash}"}}"#);
    let behind = format!(r#"{{"eventHash":"{hash}","rest":{rest}}}"#);
    for body in [before, behind] {
        let marked = format!("\u{feff}{body}");
        let utf16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for body in [body.as_bytes(), marked.as_bytes(), &utf16] {
            assert_eq!(status("", body), 200);
            assert_eq!(status("utf-8, gzip", body), 200, "no gzip");
        }
    }
}

fn basic(password: &str, name: &[u8], bit: usize) {
    let name = format!("user{}", hex::encode(name));
    let user = json!({ "username": name, "password": password });
    let Some(door) = Door::of(&json!({ "provider": "cellcast", "users": [user] })) else {
        return;
    };
    let status = |pair: &[u8]| {
        let headers = [("authorization", format!("Basic {}", STANDARD.encode(pair)))];
        door.status("/webhooks/a", &headers, b"{}")
    };
    let pair = format!("{name}:{password}").into_bytes();
    assert_eq!(status(&pair), 200);
    assert_eq!(status(&flipped(&pair, bit).unwrap()), 401);
}

fn token(_: &str, random: &[u8], bit: usize) {
    let token = format!("token-{}-{}", hex::encode(random), "x".repeat(22));
    let Some(door) = Door::of(&json!({ "provider": "nectar-desk", "tokens": [token] })) else {
        return;
    };
    let status = |token: &str| door.status(&format!("/webhooks/a/{token}"), &[], b"{}");
    assert_eq!(status(&token), 200);
    let other = flipped(token.as_bytes(), bit).unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&other)), 404);
}

fn standard_webhooks(secret: &str, body: &[u8], bit: usize) {
    let configured = format!("whsec_{}", STANDARD.encode(secret));
    let source = json!({ "provider": "standard-webhooks", "secrets": [configured] });
    let door = Door::of(&source).expect("any bytes are a secret");
    let at = now().as_second();
    let signed = |id: &str, at: i64| [format!("{id}.{at}.").as_bytes(), body].concat();
    let tag = mac(secret.as_bytes(), &signed("msg_1", at));
    let status = |id: &str, at: i64, tag: &[u8], body: &[u8]| {
        let headers = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", format!("v1,{}", STANDARD.encode(tag))),
        ];
        door.status("/webhooks/a", &headers, body)
    };
    assert_eq!(status("msg_1", at, &tag, body), 200);
    assert_eq!(status("msg_2", at, &tag, body), 401);
    assert_eq!(status("msg_1", at + 1, &tag, body), 401);
    assert_eq!(status("msg_1", at, &flipped(&tag, bit).unwrap(), body), 401);
    if let Some(other) = flipped(body, bit) {
        assert_eq!(status("msg_1", at, &tag, &other), 401);
    }
    let old = mac(secret.as_bytes(), &signed("msg_1", at - 301));
    assert_eq!(
        status("msg_1", at - 301, &old, body),
        401,
        "signed, and too old"
    );
}
