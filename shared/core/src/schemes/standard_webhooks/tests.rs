//! Signatures known from elsewhere, and everything that is none.

use bytes::Bytes;

use super::*;

// printf '%s' "$ID.$AT.$BODY" | openssl dgst -sha256 -mac HMAC -binary \
//   -macopt hexkey:$(printf MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | base64 -d | xxd -p -c 64) | base64
// Also a test of the reference libraries.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID_VALUE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const AT: i64 = 1_614_265_330;
const BODY: &str = r#"{"test": 2432232314}"#;
const KNOWN: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

/// Others of 32 bytes, from a test of the reference libraries.
const STRANGE: [&str; 3] = [
    "v1,tFtCZ5RDCPxzWQRWXWPgrCgE2frDBe9gjpbWQxnVfsQ=",
    "v1,Mm7xgUVICxZfQ3bgf0h0Dof65L/IFx+PnZvnDWPCX6Q=",
    "v1,9DfC1c3eeOrXB6w/5dIDydLNQaEyww5KalE5jLBZucE=",
];

type Headers<'a> = [(&'static str, &'a str)];

fn verify_at(
    now: i64,
    body: &str,
    headers: &Headers<'_>,
    secrets: &[&str],
) -> Result<(), VerifyError> {
    let request = Request {
        method: "POST".into(),
        path: "/webhooks/hooks".into(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        peer: None,
    };
    let secrets = secrets.iter().map(|secret| read(secret).unwrap());
    let credentials = Credentials {
        secrets: secrets.collect(),
        ..Credentials::default()
    };
    let now = Timestamp::from_second(now).unwrap();
    StandardWebhooks.verify(&request, &credentials, now)
}

fn read(secret: &str) -> Result<SigningSecret, String> {
    StandardWebhooks.read_secret(secret.to_owned())
}

fn signed<'a>(timestamp: &'a str, signature: &'a str) -> [(&'static str, &'a str); 3] {
    [
        (ID, ID_VALUE),
        (TIMESTAMP, timestamp),
        (SIGNATURE, signature),
    ]
}

fn verify(signature: &str, secrets: &[&str]) -> Result<(), VerifyError> {
    verify_at(AT, BODY, &signed("1614265330", signature), secrets)
}

#[test]
fn known_signatures_verify() {
    assert_eq!(verify(KNOWN, &[SECRET]), Ok(()));
    // The same command with this secret, id, time and body; the other test of the libraries.
    let headers = [
        (ID, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
        (TIMESTAMP, "1649367553"),
        (SIGNATURE, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
    ];
    let body = r#"{"email":"test@example.com","username":"test_user"}"#;
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    assert_eq!(verify_at(1_649_367_553, body, &headers, &[secret]), Ok(()));
}

#[test]
fn any_signature_of_any_current_secret_verifies() {
    let [one, two, three] = STRANGE;
    for list in [
        format!("{KNOWN} {one}"),
        format!("{one} {two} {KNOWN} {three}"),
        format!(
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== {KNOWN}"
        ),
        format!("  nonsense v1,short {KNOWN}  "),
        format!("{one}   {KNOWN}"),
        format!("\t{one}\t{KNOWN}\t"),
    ] {
        assert_eq!(verify(&list, &[SECRET]), Ok(()), "{list}");
        assert_eq!(verify(&list, &["bmV3", SECRET]), Ok(()), "{list}");
        assert_eq!(verify(&list, &[SECRET, "b2xk"]), Ok(()), "{list}");
        for other in [&[][..], &["bmV3"]] {
            assert_eq!(verify(&list, other), Err(VerifyError::SignatureMismatch));
        }
    }
    assert_eq!(
        verify(&STRANGE.join(" "), &[SECRET]),
        Err(VerifyError::SignatureMismatch)
    );
}

#[test]
fn no_more_signatures_are_looked_at_than_any_sender_needs() {
    let list = |before| format!("{}{KNOWN}", format!("{} ", STRANGE[0]).repeat(before));
    assert_eq!(verify(&list(MAX_SIGNATURES - 1), &[SECRET]), Ok(()));
    assert_eq!(
        verify(&list(MAX_SIGNATURES), &[SECRET]),
        Err(VerifyError::SignatureMismatch)
    );
}

#[test]
fn id_time_and_body_are_covered() {
    let mismatch = Err(VerifyError::SignatureMismatch);
    let spaced = BODY.replace(' ', "");
    let own = signed("1614265330", KNOWN);
    assert_eq!(verify_at(AT, &spaced, &own, &[SECRET]), mismatch);
    assert_eq!(verify_at(AT, "", &own, &[SECRET]), mismatch);
    let later = signed("1614265331", KNOWN);
    assert_eq!(verify_at(AT, BODY, &later, &[SECRET]), mismatch);
    let padded = signed("01614265330", KNOWN);
    assert_eq!(verify_at(AT, BODY, &padded, &[SECRET]), mismatch);
    let mut other = own;
    other[0].1 = "msg_p5jXN8AQM9LWM0D4loKWxJel";
    assert_eq!(verify_at(AT, BODY, &other, &[SECRET]), mismatch);
}

#[test]
fn the_time_may_be_five_minutes_off_on_either_side() {
    let at = |now| verify_at(now, BODY, &signed("1614265330", KNOWN), &[SECRET]);
    for apart in [-300, -299, 0, 299, 300] {
        assert_eq!(at(AT + apart), Ok(()), "{apart}");
    }
    for apart in [-301, 301, 86_400, -AT, 100_000_000_000] {
        assert_eq!(
            at(AT + apart),
            Err(VerifyError::OutsideTolerance(300)),
            "{apart}"
        );
    }
    let request = |timestamp| verify_at(AT, BODY, &signed(timestamp, KNOWN), &[SECRET]);
    for far in ["0", "9223372036854775807"] {
        assert_eq!(request(far), Err(VerifyError::OutsideTolerance(300)));
    }
}

#[test]
fn a_time_in_milliseconds_is_named() {
    let at = |timestamp| verify_at(AT, BODY, &signed(timestamp, KNOWN), &[SECRET]);
    for timestamp in ["1614265330000", "100000000000", "99999999999999"] {
        assert_eq!(at(timestamp), Err(VerifyError::Milliseconds), "{timestamp}");
    }
    for timestamp in ["99999999999", "100000000000000", "1614265330000000"] {
        assert_eq!(at(timestamp), Err(VerifyError::OutsideTolerance(300)));
    }
    let reason = VerifyError::Milliseconds.to_string();
    assert!(reason.contains("milliseconds") && reason.contains("seconds"));
}

#[test]
fn blanks_around_headers_are_no_part_of_them() {
    let padded = [
        (ID, " msg_p5jXN8AQM9LWM0D4loKWxJek\t"),
        (TIMESTAMP, " 1614265330 "),
        (SIGNATURE, &format!(" {KNOWN} ")),
    ];
    assert_eq!(verify_at(AT, BODY, &padded, &[SECRET]), Ok(()));
}

#[test]
fn svix_names_are_an_alias_and_never_mixed() {
    let own = signed("1614265330", KNOWN);
    let svix = [
        (SVIX.id, ID_VALUE),
        (SVIX.timestamp, "1614265330"),
        (SVIX.signature, KNOWN),
    ];
    let at = |headers: &Headers<'_>| verify_at(AT, BODY, headers, &[SECRET]);
    assert_eq!(at(&svix), Ok(()));
    assert_eq!(at(&[own, svix].concat()), Ok(()));
    let late = [svix[0], (SVIX.timestamp, "1614265330000"), svix[2]];
    assert_eq!(at(&late), Err(VerifyError::Milliseconds));
    for (headers, missing) in [
        ([own[0], svix[1], svix[2]], SVIX.id),
        ([svix[0], own[1], svix[2]], SVIX.timestamp),
        ([svix[0], svix[1], own[2]], ID),
        ([own[0], svix[1], own[2]], TIMESTAMP),
        ([own[0], own[1], svix[2]], SVIX.id),
    ] {
        assert_eq!(at(&headers), Err(VerifyError::MissingHeader(missing)));
    }
    let wrong = [(SIGNATURE, STRANGE[0]), own[0], own[1]];
    let both = [&svix[..], &wrong].concat();
    assert_eq!(at(&both), Err(VerifyError::SignatureMismatch));
}

#[test]
fn the_id_is_that_of_the_names_in_use() {
    let id = |headers: &[(&str, &str)]| {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        id_of_headers(&headers.collect()).map(str::to_owned)
    };
    let (own, svix) = ((ID, "a"), (SVIX.id, "b"));
    for (headers, found) in [
        (&[own][..], Some("a")),
        (&[svix], Some("b")),
        (&[own, svix], Some("a")),
        (&[own, svix, (SVIX.signature, "")], Some("b")),
        (
            &[own, svix, (SVIX.signature, ""), (SIGNATURE, "")],
            Some("a"),
        ),
        (&[(ID, " "), svix], None),
        (&[(SVIX.id, " b ")], Some("b")),
        (&[], None),
    ] {
        assert_eq!(id(headers).as_deref(), found, "{headers:?}");
    }
}

#[test]
fn what_is_missing_is_told() {
    for name in [ID, TIMESTAMP, SIGNATURE] {
        let mut headers = signed("1614265330", KNOWN).to_vec();
        headers.retain(|header| header.0 != name);
        let refused = verify_at(AT, BODY, &headers, &[SECRET]);
        assert_eq!(refused, Err(VerifyError::MissingHeader(name)));
    }
}

#[test]
fn what_is_no_time_is_malformed() {
    for timestamp in [
        "",
        "-1",
        "+1614265330",
        "1614265330.0",
        "1614265330 1",
        "1614265330,1614265330",
        "0x6037b8b2",
        "2021-02-25T15:02:10Z",
        "9223372036854775808",
        "-9223372036854775808",
        "١٦١٤٢٦٥٣٣٠",
    ] {
        let refused = verify_at(AT, BODY, &signed(timestamp, KNOWN), &[SECRET]);
        let malformed = Err(VerifyError::MalformedHeader(TIMESTAMP));
        assert_eq!(refused, malformed, "{timestamp}");
    }
}

#[test]
fn what_is_no_signature_is_malformed() {
    let bare = KNOWN.strip_prefix("v1,").unwrap();
    for signature in [
        "",
        " ",
        "v1",
        "v1,",
        "v1,test",
        bare,
        &KNOWN.replace("v1,", "v2,"),
        &KNOWN.replace("v1,", "V1,"),
        &KNOWN.replace("v1,", "v1a,"),
        &KNOWN.replace("v1,", "v1="),
        &KNOWN.replace('=', ""),
        &KNOWN.replace('+', "-").replace('/', "_"),
        &format!("{KNOWN},{KNOWN}"),
        &format!("{KNOWN}, {KNOWN}"),
        &format!("v1a,AAAA {KNOWN},v1a,AAAA {KNOWN}"),
        &format!("{KNOWN}A"),
        &format!("v1,{}", STANDARD.encode([0; 31])),
        &format!("v1,{}", STANDARD.encode([0; 33])),
        "v1,\u{e9}",
    ] {
        let refused = verify(signature, &[SECRET]);
        let malformed = Err(VerifyError::MalformedHeader(SIGNATURE));
        assert_eq!(refused, malformed, "{signature}");
    }
}

#[test]
fn an_id_must_not_be_empty() {
    let mut headers = signed("1614265330", KNOWN);
    headers[0].1 = "";
    let refused = verify_at(AT, BODY, &headers, &[SECRET]);
    assert_eq!(refused, Err(VerifyError::MalformedHeader(ID)));
}

#[test]
fn secrets_are_base64_with_or_without_their_prefix() {
    let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let bare = SECRET.strip_prefix("whsec_").unwrap();
    for spelling in [SECRET, bare, &format!(" {SECRET}\n")] {
        assert_eq!(read(spelling).unwrap().as_bytes(), key, "{spelling}");
    }
    for spelling in ["whsec_aGk=", "aGk"] {
        assert_eq!(read(spelling).unwrap().as_bytes(), b"hi");
    }
    for wrong in [
        "",
        "whsec_",
        "whsec_!",
        "whsec_hunter2 hunter2",
        "whsec_whsec_aGk=",
        "whpk_aGk=",
        "whsk_aGk=",
        "hunter2-",
    ] {
        let refused = read(wrong).unwrap_err();
        assert!(!refused.contains("hunter2"), "{refused}");
        assert!(refused.starts_with("must hold"), "{refused}");
    }
}
