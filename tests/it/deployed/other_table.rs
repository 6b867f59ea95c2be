//! `--table`: a restored table is read beside the stack's own.

use serde_json::Value;

use super::aws::Aws;
use super::{SOURCES, received};
use crate::programs::Home;

#[tokio::test(flavor = "multi_thread")]
async fn reading_commands_ask_the_table_that_is_named() {
    let (aws, events) = received("voice").await;
    let id = events[0]["id"].as_str().unwrap();
    aws.known(|known| known.renamed = Some(("hooks-restored", "switchhook")));
    for args in [
        &["events", "--json", "--raw"][..],
        &["show", id, "--raw"],
        &["opt-outs"],
        &["opt-outs", "+15550100003"],
        &["replay", "--source", "voice", "--dry-run"],
    ] {
        let own = aws.done(args);
        aws.known(|known| known.tables.clear());
        let other = aws.done(&[args, &["--table", "hooks-restored"]].concat());
        assert_eq!(own.out, other.out, "{args:?}");
        aws.known(|known| {
            assert!(!known.tables.is_empty(), "{args:?}");
            assert!(
                known.tables.iter().all(|table| table == "hooks-restored"),
                "{args:?}"
            );
        });
    }
    aws.done(&["replay", id, "--table", "hooks-restored"]);
    let put: Vec<Value> = aws.known(|known| std::mem::take(&mut known.bus));
    assert_eq!(put.len(), 1, "onto the stack's own bus");
}

#[tokio::test(flavor = "multi_thread")]
async fn table_that_is_not_there_is_named() {
    let aws = Aws::start(SOURCES).await;
    for args in [
        &["events"][..],
        &["show", "voice/call/c"],
        &["opt-outs", "--json"],
        &["replay", "--source", "voice", "--dry-run"],
    ] {
        let said = aws.run(&[args, &["--table", "nowhere"]].concat());
        assert_eq!(said.code, Some(1), "{args:?}");
        assert!(
            said.err.contains("there is no table `nowhere`"),
            "{}",
            said.err
        );
    }
    let laptop = Home::new().run(&["events", "--table", "restored"]);
    assert_eq!(laptop.code, Some(2));
    assert!(
        laptop.err.contains("`--table` goes with `--stack`"),
        "{}",
        laptop.err
    );
    for args in [
        &["dead", "list"][..],
        &["forget", "+15550100003"],
        &[
            "opt-outs",
            "--table",
            "restored",
            "add",
            "+15550100003",
            "--because",
            "x",
        ],
        &["check"],
    ] {
        let said = aws.run(&[args, &["--table", "restored"]].concat());
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.err);
    }
}
