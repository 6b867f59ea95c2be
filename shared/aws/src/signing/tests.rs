//! Signatures beside those of two other implementations: botocore's, as text, and the SDK's own signer.

use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_types::body::SdkBody;

use super::*;

const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/x-amz-json-1.0"),
    ("x-amz-target", "AmazonSQS.SendMessage"),
    ("x-amz-user-agent", "aws-sdk-rust/1.3.1  api/sqs"),
];

fn request(uri: &str, body: &'static str) -> HttpRequest {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST").unwrap();
    request.set_uri(uri).unwrap();
    for (name, value) in HEADERS {
        request.headers_mut().insert(name, value);
    }
    request.headers_mut().insert("user-agent", "not signed");
    request
}

fn credentials(token: Option<&str>) -> Credentials {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    Credentials::from_keys("AKIAIOSFODNN7EXAMPLE", secret, token.map(str::to_owned))
}

fn signer() -> JsonSigner {
    JsonSigner::new(Region::from_static("eu-central-1"), "sqs")
}

fn at(secs: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_secs(secs)).unwrap()
}

fn by_the_sdk(request: &HttpRequest, credentials: &Credentials, now: SystemTime) -> String {
    let identity = credentials.clone().into();
    let mut settings = SigningSettings::default();
    settings.excluded_headers = Some(vec!["user-agent".into()]);
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("sqs")
        .time(now)
        .settings(settings)
        .build()
        .unwrap();
    let body = SignableBody::Bytes(request.body().bytes().unwrap());
    let (method, uri) = (request.method(), request.uri());
    let signable = SignableRequest::new(method, uri, request.headers().iter(), body).unwrap();
    let signed = sign(signable, &SigningParams::V4(params)).unwrap();
    let (headers, _) = signed.into_parts().0.into_parts();
    let mut headers = headers.into_iter();
    let authorization = headers.find(|header| header.name() == "authorization");
    authorization.unwrap().value().to_owned()
}

#[test]
fn signatures_are_those_of_the_sdk() {
    let signer = signer();
    let hosts = [
        "https://sqs.eu-central-1.amazonaws.com/",
        "https://sqs.eu-central-1.amazonaws.com",
        "http://127.0.0.1:4566/",
    ];
    let bodies = ["", "{}", r#"{"MessageBody":"Grüße"}"#];
    let days = [at(1_764_000_000), at(1_764_000_001), at(1_764_090_000)];
    for (host, body) in hosts
        .iter()
        .flat_map(|host| bodies.map(|body| (*host, body)))
    {
        for (now, token) in days
            .iter()
            .flat_map(|now| [(*now, None), (*now, Some("t=/"))])
        {
            let mut ours = request(host, body);
            let theirs = by_the_sdk(&ours, &credentials(token), now);
            signer.sign(&mut ours, &credentials(token), now).unwrap();
            assert_eq!(ours.headers().get("authorization"), Some(theirs.as_str()));
            assert_eq!(ours.headers().get(TOKEN), token);
        }
    }
}

/// By botocore 1.x's `SigV4Auth`, of the same request at the last second of a day.
#[test]
fn a_signature_is_that_of_botocore() {
    let uri = "https://sqs.eu-central-1.amazonaws.com/";
    let mut request = request(uri, r#"{"MessageBody":"Grüße"}"#);
    let credentials = credentials(Some("t=/"));
    signer()
        .sign(&mut request, &credentials, at(1_795_910_399))
        .unwrap();
    assert_eq!(
        request.headers().get("authorization").unwrap(),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261128/eu-central-1/sqs/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target;x-amz-user-agent, \
         Signature=31e711694a57d2febc92612ab1c041a09ea51b6922641611dad8b71b22e38d1d"
    );
}

#[test]
fn another_access_key_has_another_signature() {
    let signer = signer();
    let other = Credentials::from_keys("AKIAOTHER", "other", None);
    for credentials in [credentials(None), other, credentials(None)] {
        let mut ours = request("https://sqs.eu-central-1.amazonaws.com/", "{}");
        let theirs = by_the_sdk(&ours, &credentials, at(1_764_000_000));
        signer
            .sign(&mut ours, &credentials, at(1_764_000_000))
            .unwrap();
        assert_eq!(ours.headers().get("authorization"), Some(theirs.as_str()));
    }
}

#[test]
fn what_is_no_request_of_a_json_protocol_is_refused() {
    let refused = |method: &str, uri: &str| {
        let mut request = request(uri, "{}");
        request.set_method(method).unwrap();
        let signed = signer().sign(&mut request, &credentials(None), at(0));
        signed.is_err() && request.headers().get("authorization").is_none()
    };
    assert!(!refused("POST", "https://a.example/"));
    assert!(refused("GET", "https://a.example/"));
    for uri in [
        "https://a.example/b",
        "https://a.example/?b",
        "https://b@a.example/",
        "/",
    ] {
        assert!(refused("POST", uri), "{uri}");
    }
}
