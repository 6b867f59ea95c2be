//! Any request, and any event of API Gateway, is read and let in or refused; without a credential it
//! is refused.

use ingress::event;
use serde_json::value::RawValue;
use switchhook_core::admission::admit;
use switchhook_core::config::Sources;
use switchhook_core::request::Request;

use crate::input::{Input, now};

const SOURCES: &str = r#"
[sources.a]
provider = "ai-sync"
secrets = ["a secret that nobody has", "and another"]
max_body = "1KiB"
[sources.b]
provider = "cellcast"
users = [{ username = "hooks", password = "that nobody has" }]
networks = ["203.0.113.0/24"]
[sources.c]
provider = "cloudcontactai"
client_id = "1231"
secrets = ["a secret that nobody has"]
tokens = ["a-token-that-nobody-has"]
[sources.d]
provider = "nectar-desk"
tokens = ["a-token-that-nobody-has"]
[sources.e]
provider = "standard-webhooks"
secrets = ["whsec_YSBzZWNyZXQgdGhhdCBub2JvZHkgaGFz"]
"#;

thread_local! {
    static DOCUMENT: Sources = Sources::from_toml(SOURCES).expect("a right document");
}

/// Checks any bytes as an event of API Gateway, or else as the pieces of a request: method, path,
/// body, then names and values of headers.
///
/// # Panics
///
/// When a law does not hold.
pub fn request(data: &[u8]) {
    if let Ok(raw) = serde_json::from_slice::<&RawValue>(data) {
        if let Ok(call) = event::parse(raw) {
            is_refused(&call.request);
        }
        return;
    }
    let mut input = Input::new(data);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (method, path, body) = (
        text(input.piece()),
        text(input.piece()),
        input.piece().to_vec(),
    );
    let mut headers = Vec::new();
    while !input.is_empty() {
        headers.push((text(input.piece()), text(input.piece())));
    }
    is_refused(&Request {
        method,
        path,
        headers: headers.into_iter().collect(),
        body: body.into(),
        peer: Some([203, 0, 113, 9].into()),
    });
}

fn is_refused(request: &Request) {
    DOCUMENT.with(|sources| {
        let refusal = admit(sources, request, now()).expect_err("nobody has a credential");
        assert!([401, 404, 405, 413].contains(&refusal.status()));
        assert!(!refusal.code().is_empty());
    });
}
