//! Filters of the listings: times in every form, and what is said when nothing matches.

use serde_json::json;
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;

use super::{accepted, configured};
use crate::programs::{Home, Said};

const ENDED: &[u8] =
    br#"{"event":"call.ended","timestamp":"2026-02-03T04:05:06.007Z","data":{"call_id":"call_1"}}"#;

fn one_event() -> Home {
    let home = configured();
    let local = home.local(&[]);
    accepted(&home, &local, &[], ENDED);
    local.stop("TERM");
    home
}

#[test]
fn a_filter_that_matches_nothing_says_so_beside_the_output() {
    let home = one_event();
    let said = |args: &[&str]| -> Said {
        let said = home.run(args);
        assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{args:?}");
        said
    };
    let to = ["--to", "http://127.0.0.1:9/hooks"];
    for (args, note) in [
        (&["events", "--kind", "call.started"][..], "no events match"),
        (&["events", "--source", "voice"], "no events match"),
        (
            &["events", "--entity", "other/call/none"],
            "no events match",
        ),
        (&["events", "--until", "1d"], "no events match"),
        (&["events", "--since", "2100-01-01"], "no events match"),
        (
            &["dead", "list", "--reason", "state"],
            "no dead letters match",
        ),
        (
            &["dead", "redrive", "--kind", "call.ended"],
            "no dead letters match",
        ),
        (
            &["dead", "drop", "--source", "voice", "--yes"],
            "no dead letters match",
        ),
        (
            &[&["replay", "--kind", "call.started"][..], &to].concat(),
            "no events match",
        ),
    ] {
        assert_eq!(said(args).err, format!("switchhook: {note}\n"), "{args:?}");
        let with_json = [args, &["--json"]].concat();
        assert_eq!(said(&with_json).err, format!("switchhook: {note}\n"));
    }
    for (source, known) in [
        (
            "nope",
            "unknown source `nope`; expected one of `other`, `voice`",
        ),
        (
            "vioce",
            "unknown source `vioce`; expected one of `other`, `voice`; did you mean `voice`?",
        ),
    ] {
        for args in [
            &["events", "--source", source][..],
            &["dead", "list", "--source", source],
            &["dead", "redrive", "--source", source, "--dry-run"],
            &[&["replay", "--source", source][..], &to].concat(),
        ] {
            let err = said(args).err;
            assert!(err.contains(known), "{args:?}: {err}");
        }
    }
    let shown = home.run(&["show", "nope/call/1", "--json"]);
    assert_eq!(shown.json()["events"], json!([]));
    assert!(shown.err.contains("unknown source `nope`"), "{}", shown.err);
    let shown = home.run(&["show", "vioce/call/1"]);
    assert_eq!(shown.code, Some(1));
    assert!(shown.err.contains("did you mean `voice`?"), "{}", shown.err);

    let all = home.run(&["events", "--source", "other"]);
    assert_eq!((all.code, all.err.as_str()), (Some(0), ""));
}

#[test]
fn without_a_filter_an_empty_listing_is_no_surprise() {
    let home = configured();
    home.local(&[]).stop("TERM");
    let said = home.run(&["events"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.starts_with("No events."), "{}", said.out);
    let said = home.run(&["events", "--json"]);
    assert_eq!((said.code, said.out + &said.err), (Some(0), String::new()));
}

#[test]
fn an_unknown_kind_is_wrong_usage_that_lists_them() {
    let home = Home::new();
    for command in [
        &["events"][..],
        &["replay", "--to", "http://127.0.0.1:9"],
        &["dead", "list"],
        &["dead", "redrive"],
    ] {
        let said = home.run(&[command, &["--kind", "call.end"]].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{command:?}");
        for part in [
            "'call.end'",
            "call.abandoned",
            "unrecognised",
            "similar",
            "'call.ended'",
        ] {
            assert!(said.err.contains(part), "{part}: {}", said.err);
        }
    }
}

#[test]
fn times_are_taken_in_every_form() {
    let home = one_event();
    let now = SystemClock.now();
    let today = now.strftime("%Y-%m-%d").to_string();
    let count = |args: &[&str]| {
        let said = home.run(&[&["events", "--json"], args].concat());
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
        said.json_lines().len()
    };
    for (args, found) in [
        (&["--since", "1h"][..], 1),
        (&["--since", "90m"], 1),
        (&["--since", "2d 12h"], 1),
        (&["--until", "1h"], 0),
        (&["--since", "2d", "--until", "1h"], 0),
        (&["--since", "1h", "--until", "2d"], 0),
        (&["--since", "2020-01-01"], 1),
        (&["--until", "2020-01-01"], 0),
        (&["--since", &format!("{today}T00:00:00Z")], 1),
        (&["--since", "2020-01-01T00:00:00+10:00"], 1),
    ] {
        assert_eq!(count(args), found, "{args:?}");
    }
    for command in [
        &["events"][..],
        &["replay", "--to", "http://127.0.0.1:9", "--dry-run"],
        &["dead", "list"],
        &["dead", "drop", "--dry-run"],
    ] {
        for flag in ["--since", "--until"] {
            for good in ["6h", "2026-01-22", "2026-01-22T09:00:00Z"] {
                let said = home.run(&[command, &[flag, good]].concat());
                assert_eq!(
                    said.code,
                    Some(0),
                    "{command:?} {flag} {good}: {}",
                    said.err
                );
            }
            for (wrong, reason) in [
                ("6", "the unit is missing"),
                ("yesterday", "expected RFC 3339"),
                ("-6h", "greater than zero"),
                ("2026-01-22T09:00:00", "the offset from UTC is missing"),
                ("1 month", "no fixed length"),
            ] {
                let said = home.run(&[command, &[flag, wrong]].concat());
                assert_eq!(said.code, Some(2), "{command:?} {flag} {wrong}");
                assert!(said.err.contains(reason), "{wrong}: {}", said.err);
            }
        }
    }
    let said = home.run(&["sources", "--silent-for", "6"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("the unit is missing"), "{}", said.err);
}

#[test]
fn an_entity_says_by_which_order_its_events_are_listed() {
    let home = one_event();
    let said = home.run(&["show", "other/call/call_1"]);
    assert!(said.out.contains("in the order accepted"), "{}", said.out);
    let help = home.run(&["help", "show"]).out;
    assert!(help.contains("in the order accepted"), "{help}");
}
