//! `pause` and `resume`: what Lambda is asked, how long it is waited for, and what is said of it.

use serde_json::json;

use super::SOURCES;
use super::aws::Aws;
use crate::programs::Home;

#[tokio::test(flavor = "multi_thread")]
async fn consumer_is_paused_and_resumed_once() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| known.parts.looks_per_change = 2);
    let paused = aws.done(&["pause", "--json"]).json();
    assert_eq!(
        paused,
        json!({"stack": "hooks", "consumer": "paused", "changed": true})
    );
    let again = aws.done(&["pause"]);
    assert!(again.out.starts_with("already paused"), "{}", again.out);
    assert!(again.out.contains("14 days"), "{}", again.out);
    let checked = aws.run(&["check", "--json"]);
    assert_eq!(checked.code, Some(1));
    let looks = checked.json_lines();
    let consumer = looks.iter().find(|look| look["check"] == "consumer");
    let detail = consumer.unwrap()["detail"].as_str().unwrap();
    assert!(
        detail.contains("`switchhook resume --stack hooks`"),
        "{detail}"
    );

    let resumed = aws.done(&["resume", "--json"]).json();
    assert_eq!(
        resumed,
        json!({"stack": "hooks", "consumer": "running", "changed": true})
    );
    let again = aws.done(&["resume", "--json"]).json();
    assert_eq!(again["changed"], false);
    aws.known(|known| assert_eq!(known.parts.changes, [false, true]));
}

#[tokio::test(flavor = "multi_thread")]
async fn change_under_way_is_waited_for() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| {
        known.parts.mapping = vec!["Creating", "Updating", "Enabled"];
        known.parts.busy = 1;
    });
    aws.done(&["pause"]);
    aws.known(|known| {
        assert_eq!(known.parts.changes, [false]);
        // Somebody else resumes it.
        known.parts.mapping = vec!["Enabling", "Enabled"];
    });
    let resumed = aws.done(&["resume", "--json"]).json();
    assert_eq!(resumed["changed"], true);
    aws.known(|known| assert_eq!(known.parts.changes, [false], "nothing to ask for"));
}

#[tokio::test(flavor = "multi_thread")]
async fn consumer_that_does_not_stop_in_time_is_reported() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| known.parts.looks_per_change = 1_000);
    let said = aws.run(&["pause", "--within", "1s"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    for part in [
        "not paused in time",
        "Disabling",
        "goes on",
        "repeat the command",
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    aws.known(|known| known.parts.mapping = vec!["Updating"]);
    let said = aws.run(&["pause", "--within", "1s"]);
    assert!(said.err.contains("not asked for yet"), "{}", said.err);
    aws.known(|known| known.parts.mapping = vec!["Deleting"]);
    let said = aws.run(&["resume"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("is being deleted"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn laptop_and_stack_of_an_older_template_have_nothing_to_pause() {
    let said = Home::new().run(&["pause"]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("laptop's consumer cannot be paused"),
        "{}",
        said.err
    );

    let aws = Aws::start(SOURCES).await;
    aws.known(|known| known.outputs.remove("ConsumerEventSource"));
    for command in ["pause", "resume"] {
        let said = aws.run(&[command]);
        assert_eq!(said.code, Some(1));
        for part in [
            "no output `ConsumerEventSource`",
            "deploy this version's template",
        ] {
            assert!(said.err.contains(part), "{}", said.err);
        }
    }
    aws.known(|known| {
        known
            .outputs
            .insert("ConsumerEventSource", super::parts::MAPPING.into())
    });
    let denied = "User is not authorized to perform: lambda:UpdateEventSourceMapping";
    aws.trouble(
        "UpdateEventSourceMapping",
        (403, "AccessDeniedException", denied),
    );
    let said = aws.run(&["pause"]);
    assert_eq!(said.code, Some(1));
    for part in ["lambda:UpdateEventSourceMapping", "ask for the permission"] {
        assert!(said.err.contains(part), "{}", said.err);
    }
}
