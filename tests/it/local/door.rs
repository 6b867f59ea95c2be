//! The door of `local`: how many may come in, how long they may stay, and who else may look at what is
//! kept.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use tests::sign;

use super::{SECRET, TOKEN, accepted, configured, mode};
use crate::programs::{Home, built, eventually, request};

/// Connects and sends the beginning of something.
fn open(address: &str, beginning: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(beginning.as_bytes()).unwrap();
    stream
}

/// Reads until there is a whole head and what came with it.
fn head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        assert_ne!(count, 0, "the connection ended: {read:?}");
        read.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn half_sent_requests_do_not_keep_a_good_sender_out() {
    let home = configured();
    let local = home.local(&[]);
    let body = br#"{"event":"agent.created","data":{"agent_id":"a"}}"#;
    let signature = sign(SECRET, body);
    let length = body.len().to_string();
    let headers = [
        ("x-webhook-signature", signature.as_str()),
        ("content-length", length.as_str()),
    ];
    let good = request("POST", "/webhooks/other", &headers, body);
    let half = [
        "",
        "POST /webhooks/other HT",
        "POST /webhooks/other HTTP/1.1\r\nhost: a\r\nx-a: ",
        "POST /webhooks/other HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{",
    ];
    let mut held: Vec<_> = (0..300)
        .map(|number| open(&local.address, half[number % half.len()]))
        .collect();
    for _ in 0..3 {
        assert_eq!(local.exchange(&good).status, 200);
    }
    // The first ones made room for the last ones.
    let first = held.remove(0).read(&mut [0; 1]);
    assert!(matches!(first, Ok(0) | Err(_)), "{first:?}");
    let mut last = held.pop().unwrap();
    last.write_all(b"}").unwrap();
    assert!(head(&mut last).starts_with("HTTP/1.1 401 "));
    local.stop("TERM");
}

#[test]
fn what_the_head_decides_is_answered_before_the_body() {
    let home = configured();
    let local = home.local(&[]);
    let token = format!("/webhooks/voice/{TOKEN}");
    for (method, path, length, status) in [
        ("POST", "/webhooks/nobody", "content-length: 1000000", 404),
        (
            "POST",
            "/webhooks/nobody",
            "transfer-encoding: chunked",
            404,
        ),
        (
            "POST",
            "/webhooks/voice/not-its-token-at-all-x",
            "content-length: 1000000",
            404,
        ),
        ("POST", "/elsewhere", "content-length: 1000000", 404),
        ("PUT", "/webhooks/other", "content-length: 1000000", 405),
        ("POST", "/webhooks/other", "content-length: 4194305", 413),
        (
            "POST",
            token.as_str(),
            "content-length: 9223372036854775807",
            413,
        ),
    ] {
        let head_of = format!("{method} {path} HTTP/1.1\r\nhost: a\r\n{length}\r\n\r\n");
        let mut stream = open(&local.address, &head_of);
        let answer = head(&mut stream);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{path} {length}: {answer}"
        );
        assert!(answer.contains("x-request-id: "), "{answer}");
    }
    // A body that says nothing of its length has the same bound, and its connection goes on after it.
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(0x10_0000));
    let mut stream = open(
        &local.address,
        "POST /webhooks/other HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).unwrap();
    }
    assert!(head(&mut stream).starts_with("HTTP/1.1 413 "));
    stream
        .write_all(b"0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    assert!(head(&mut stream).starts_with("HTTP/1.1 200 "));
    let said = local.stop("TERM").out;
    assert_eq!(said.matches("delivery refused").count(), 8, "{said}");
}

#[test]
fn body_under_two_slugs_is_recorded_and_said() {
    let home = configured();
    let local = home.local(&[]);
    let said_of = |path: &str, body: &str| {
        let signature = sign(SECRET, body.as_bytes());
        let headers = [("x-webhook-signature", signature.as_str())];
        assert_eq!(local.post(path, &headers, body.as_bytes()).status, 200);
    };
    let warned = || {
        local
            .program
            .out()
            .matches("recorded under another slug")
            .count()
    };
    let contact = r#"{"phone_number":"+15550100003","name":"A"}"#;
    let call = r#"{"event":"call.ended","data":{"call_id":"c"}}"#;
    for (path, body, events, warnings) in [
        ("/webhooks/other/contact", contact, 1, 0),
        ("/webhooks/other/contact", contact, 1, 0), // a retry
        (
            "/webhooks/other/contact-delete",
            &contact.replace('A', "B"),
            2,
            0,
        ),
        ("/webhooks/other/contact-delete", contact, 3, 1),
        ("/webhooks/other/contact", call, 4, 1), // the body says what it is
        ("/webhooks/other/contact-delete", call, 4, 1),
    ] {
        said_of(path, body);
        home.events_when(events);
        if warnings > 0 {
            eventually("the line", || (warned() == warnings).then_some(()));
        }
        assert_eq!(warned(), warnings, "{path} {body}");
    }
    local.stop("TERM");
}

/// Checks everything below a folder.
fn check_private(folder: &Path) -> usize {
    assert_eq!(mode(folder), 0o700, "{}", folder.display());
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += check_private(&path);
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            files += 1;
        }
    }
    files
}

#[test]
fn files_are_their_owners_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let home = configured();
        let local = home.local_under(umask);
        let long: String = (0..40_000u64).map(|n| (n * n).to_string()).collect();
        let body = format!(r#"{{"event":"agent.created","data":{{"agent_id":"a","x":"{long}"}}}}"#);
        accepted(&home, &local, &[], body.as_bytes());
        let data = home.data();
        assert!(data.join("bodies/other").is_dir() && data.join("ledger.sqlite-wal").exists());
        assert!(check_private(&data) >= 8, "{umask}");
        local.stop("TERM");
        check_private(&data);
        // The other commands are as careful.
        let said = home.shell(&format!(
            "umask {umask}; {} events",
            built("switchhook").display()
        ));
        assert_eq!(said.code, Some(0), "{}", said.err);
        check_private(&data);
    }
}

#[test]
fn folder_that_others_may_change_is_refused_by_every_command() {
    let home = configured();
    home.local(&[]).stop("TERM");
    let commands = [
        &[
            "replay",
            "--kind",
            "call.ended",
            "--to",
            "http://127.0.0.1:9",
        ][..],
        &["local", "--port", "0"],
        &["events"],
        &["dead", "list"],
    ];
    let refused = |data: &Path, reason: &str| {
        for command in commands {
            let said = home.run(&[command, &["--data", data.to_str().unwrap()]].concat());
            assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{command:?}");
            assert!(
                said.err.contains(reason) && said.err.contains("--data"),
                "{}",
                said.err
            );
        }
    };
    let data = home.data();
    fs::set_permissions(&data, Permissions::from_mode(0o770)).unwrap();
    refused(&data, "chmod go-w");
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    let link = home.path().join("link");
    symlink(&data, &link).unwrap();
    refused(&link, "is a symbolic link");
    symlink("/nowhere", data.join("last-run.json.unfinished")).unwrap();
    refused(&data, "is a symbolic link");
    fs::remove_file(data.join("last-run.json.unfinished")).unwrap();
    if fs::metadata(&data).unwrap().uid() == 0 {
        std::os::unix::fs::chown(&data, Some(65_534), None).unwrap();
    } else {
        return; // there is no folder of another user that looks like one of ours
    }
    refused(&data, "belongs to another user");
}

#[test]
fn what_lets_others_in_is_said_and_what_lets_them_read_along_asked_for() {
    let home = Home::new();
    let local = home.local(&["--aws-port", "0"]);
    assert!(local.program.out().contains("Every user of this machine"));
    local.stop("TERM");
    let local = home.local(&[]);
    assert!(!local.program.out().contains("Every user of this machine"));
    local.stop("TERM");
    let to = "http://events.example.com:3000/hooks";
    for command in [
        &["local", "--port", "0", "--forward-to", to][..],
        &["replay", "--kind", "call.ended", "--to", to],
    ] {
        let said = home.run(command);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{command:?}");
        assert!(said.err.contains("--allow-plain-http"), "{}", said.err);
    }
    let insisted = ["--forward-to", to, "--allow-plain-http"];
    assert!(
        home.local(&insisted)
            .stop("TERM")
            .out
            .contains("events.example.com")
    );
}
