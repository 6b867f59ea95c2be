//! Admission, one check after the other.

use super::*;

const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz";
const OTHER: &str = "zyxwvutsrqponmlkjihgfedcba";

fn sources() -> Sources {
    Sources::from_toml(&format!(
        r#"
[sources.plain]
provider = "ai-sync"
secrets = ["example-secret"]
[sources.open]
provider = "ai-sync"
unsigned = true
tokens = ["{TOKEN}", "{OTHER}"]
max_body = "10B"
networks = ["203.0.113.0/24"]
"#
    ))
    .unwrap()
}

fn request(method: &str, path: &str, body: &str, peer: Option<&str>) -> Request {
    Request {
        method: method.into(),
        path: path.into(),
        headers: std::iter::empty().collect(),
        body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        peer: peer.map(|peer| peer.parse().unwrap()),
    }
}

#[track_caller]
fn check(
    method: &str,
    path: &str,
    body: &str,
    peer: Option<&str>,
    expected: Result<Option<&str>, u16>,
) {
    let (sources, request) = (sources(), request(method, path, body, peer));
    let admitted = admit(&sources, &request, Timestamp::UNIX_EPOCH);
    let found = admitted
        .as_ref()
        .map(Admitted::slug)
        .map_err(Refusal::status);
    assert_eq!(found, expected, "{method} {path}");
}

#[test]
fn paths_find_their_source_token_and_slug() {
    let peer = Some("203.0.113.9");
    for (path, expected) in [
        (TOKEN.to_owned(), Ok(None)),
        (format!("{OTHER}/contact"), Ok(Some("contact"))),
        (format!("{TOKEN}/"), Ok(None)),
        (format!("{TOKEN}/contact/x"), Err(404)),
    ] {
        check(
            "POST",
            &format!("/webhooks/open/{path}"),
            "{}",
            peer,
            expected,
        );
    }
    check("POST", "/webhooks/open", "{}", peer, Err(404));
    check("POST", "/webhooks/open/contact", "{}", peer, Err(404));
    check("POST", "/webhooks/plain", "{}", None, Err(401));
    check("POST", "/webhooks/plain/contact", "{}", None, Err(401));
    check(
        "POST",
        &format!("/webhooks/plain/{TOKEN}/contact"),
        "{}",
        None,
        Err(404),
    );
    for path in [
        "/",
        "",
        "/webhooks",
        "/webhooks/",
        "/webhooks/nobody",
        "/webhooks/Plain",
        "/webhooks//plain",
        "/other/plain",
        "/webhooks/plain%2f",
    ] {
        check("POST", path, "{}", None, Err(404));
    }
}

#[test]
fn a_slash_at_the_end_is_no_segment() {
    let peer = Some("203.0.113.9");
    let open = format!("/webhooks/open/{TOKEN}");
    for (path, expected) in [
        (open.clone(), Ok(None)),
        (format!("{open}/"), Ok(None)),
        (format!("{open}//"), Ok(None)),
        (format!("{open}///"), Err(404)),
        (format!("{open}/contact/"), Ok(Some("contact"))),
        (format!("{open}/contact//"), Err(404)),
        (format!("{open}//contact"), Err(404)),
        (format!("//{open}"), Err(404)),
        ("/webhooks/open/".to_owned(), Err(404)),
        (format!("/webhooks/open//{TOKEN}"), Err(404)),
        ("/webhooks/plain/".to_owned(), Err(401)),
        ("/webhooks/plain//".to_owned(), Err(401)),
        ("/webhooks/plain///".to_owned(), Err(404)),
        ("/webhooks/plain/contact/".to_owned(), Err(401)),
        ("/webhooks/plain/contact//".to_owned(), Err(404)),
        ("/webhooks/plain/contact/x/".to_owned(), Err(404)),
    ] {
        check("POST", &path, "{}", peer, expected);
    }
}

#[test]
fn long_slug_is_its_beginning_and_digest() {
    let sources = sources();
    let slug = |sent: &str| {
        let path = format!("/webhooks/open/{TOKEN}/{sent}");
        let request = request("POST", &path, "{}", Some("203.0.113.9"));
        let admitted = admit(&sources, &request, Timestamp::UNIX_EPOCH).unwrap();
        admitted.slug().unwrap().to_owned()
    };
    assert_eq!(slug(&"x".repeat(128)), "x".repeat(128));
    for letter in ["x", "é", "😀"] {
        let [one, other] = [200, 201].map(|times| slug(&letter.repeat(times)));
        assert_ne!(one, other);
        assert!(
            one.len() <= MAX_SLUG_BYTES && one.starts_with(letter),
            "{one}"
        );
    }
}

#[test]
fn a_refusal_says_which_part_of_the_path_does_not_fit() {
    let sources = sources();
    for (path, part) in [
        ("/", Mismatch::Prefix),
        ("/webhooks", Mismatch::Prefix),
        ("/webhooks/", Mismatch::NoName),
        ("/webhooks//plain", Mismatch::NoName),
        ("/webhooks/nobody", Mismatch::Name),
        (
            &format!("/webhooks/nobody/{TOKEN}/contact/x"),
            Mismatch::Name,
        ),
        ("/webhooks/open", Mismatch::NoToken),
        ("/webhooks/open/", Mismatch::NoToken),
        ("/webhooks/open//contact", Mismatch::NoToken),
        ("/webhooks/open/contact", Mismatch::Token),
        (&format!("/webhooks/open/{TOKEN}x"), Mismatch::Token),
        (
            &format!("/webhooks/open/{TOKEN}/contact/x"),
            Mismatch::BehindToken,
        ),
        (
            &format!("/webhooks/plain/{TOKEN}/contact"),
            Mismatch::BehindName,
        ),
    ] {
        let refusal = admit(
            &sources,
            &request("POST", path, "{}", None),
            Timestamp::UNIX_EPOCH,
        )
        .unwrap_err();
        assert_eq!(refusal, Refusal::NotFound(part), "{path}");
        assert_eq!((refusal.status(), refusal.code()), (404, "not_found"));
        for sent in [TOKEN, "nobody", "contact"] {
            assert!(!refusal.to_string().contains(sent), "{refusal}");
        }
    }
}

#[test]
fn the_checks_come_in_their_order() {
    let open = format!("/webhooks/open/{TOKEN}");
    let long = "x".repeat(11);
    check(
        "GET",
        "/webhooks/open/wrong-wrong-wrong-wrong",
        &long,
        None,
        Err(404),
    );
    check("GET", &open, &long, None, Err(405));
    check("post", &open, &long, None, Err(405));
    check("POST", &open, &long, None, Err(413));
    check("POST", &open, "{}", None, Err(401));
    check("POST", &open, "{}", Some("203.0.114.1"), Err(401));
    // Without the body the first three are the same.
    for (method, path, bytes, status) in [
        (
            "GET",
            "/webhooks/open/wrong-wrong-wrong-wrong",
            11,
            Some(404),
        ),
        ("GET", open.as_str(), 11, Some(405)),
        ("POST", open.as_str(), 11, Some(413)),
        ("POST", open.as_str(), 10, None),
    ] {
        let sources = sources();
        let refused = admit_head(&sources, method, path, bytes).err();
        assert_eq!(refused.map(|r| r.status()), status, "{method} {bytes}");
    }
    check(
        "POST",
        &open,
        &"x".repeat(10),
        Some("203.0.113.1"),
        Ok(None),
    );
}
