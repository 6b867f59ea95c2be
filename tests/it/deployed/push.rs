//! `sources push`: what a stack is given, what is shown of it, and what is refused.

use serde_json::{Value, json};

use super::SOURCES;
use super::aws::Aws;

const HIDDEN: [&str; 3] = ["no terminal", "none may show", "the new one"];

fn rotated() -> String {
    SOURCES.replace(
        r#"secrets = ["a secret that no terminal may show"]"#,
        r#"secrets = ["the new one", "a secret that no terminal may show"]"#,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_and_never_shown() {
    let aws = Aws::start(SOURCES).await;
    aws.home.write("switchhook.toml", &rotated());
    let said = aws.run(&["sources", "push"]);
    assert_eq!(said.code, Some(2), "nobody was asked: {}", said.err);
    let looked = aws.run(&["sources", "push", "--dry-run"]);
    assert_eq!(
        (looked.code, looked.out.as_str()),
        (Some(0), "~ voice: secrets 1 added (2 now)\n")
    );
    let before = aws.known(|known| known.secret.clone());
    assert!(!before.unwrap().contains("the new one"), "only looked");

    let pushed = aws.run(&["sources", "push", "--yes", "--json"]);
    assert_eq!(pushed.code, Some(0), "{}", pushed.err);
    assert_eq!(
        pushed.json(),
        json!({"source": "voice", "change": "changed", "fields": ["secrets 1 added (2 now)"]})
    );
    let secret = aws.known(|known| known.secret.clone()).unwrap();
    let document: Value = serde_json::from_str(&secret).unwrap();
    let secrets = &document["sources"]["voice"]["secrets"];
    assert_eq!(
        secrets,
        &json!(["the new one", "a secret that no terminal may show"])
    );

    aws.known(|known| known.asked.clear());
    let again = aws.run(&["sources", "push", "--yes"]);
    assert_eq!(again.out, "Nothing changes: the stack has these sources.\n");
    aws.known(|known| assert!(!known.asked.contains(&"PutSecretValue".to_owned())));
    for said in [&looked, &pushed, &again] {
        for hidden in HIDDEN {
            assert!(
                !format!("{}{}", said.out, said.err).contains(hidden),
                "{hidden}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_document_makes_a_stack_work() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| known.secret = None);
    let said = aws.run(&["sources"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("`switchhook sources push --stack hooks"),
        "{}",
        said.err
    );
    aws.home.write("mine.toml", SOURCES);
    let said = aws.run(&["sources", "push", "--config", "mine.toml", "--yes"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.out.lines().count(), 2);
    aws.done(&["sources"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_functions_would_refuse_is_not_pushed() {
    let aws = Aws::start(SOURCES).await;
    let large: String = (0..1_000)
        .map(|n| format!("[sources.s{n}]\nprovider = \"ai-sync\"\nsecrets = [\"{n:032}\"]\n"))
        .collect();
    for (document, reason) in [
        (
            "[sources.voice]\nprovider = \"nobody\"",
            "line 2: source `voice`: `provider`",
        ),
        (
            &format!("retention_days = 90\n{SOURCES}"),
            "`retention_days` is 90",
        ),
        (&large, "and a secret holds 65536"),
        (
            &SOURCES.replace("another that none may show", "…"),
            "line 11: source `texts`: `users`: is a placeholder",
        ),
        (
            &format!("{SOURCES}colour = 1\nnetworks = [\"all\"]"),
            "line 12: source `texts`: unknown field `colour`",
        ),
        (
            &format!("{SOURCES}colour = 1\nnetworks = [\"all\"]"),
            "line 13: source `texts`: `networks`: must hold networks",
        ),
    ] {
        aws.home.write("switchhook.toml", document);
        let said = aws.run(&["sources", "push", "--yes"]);
        assert_eq!(said.code, Some(1));
        assert!(said.err.contains(reason), "{}", said.err);
    }
    aws.known(|known| assert!(!known.asked.contains(&"PutSecretValue".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_document_is_replaced() {
    let aws = Aws::start(SOURCES).await;
    aws.known(|known| known.secret = Some("{damaged".to_owned()));
    aws.home.write("switchhook.toml", SOURCES);
    let said = aws.run(&["sources", "push", "--yes"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    aws.done(&["sources"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_no_stack_receives_are_refused_for_one() {
    let aws = Aws::start(SOURCES).await;
    let with = |size: &str| SOURCES.replace("country = \"US\"", &format!("max_body = \"{size}\""));
    aws.home.write("switchhook.toml", &with("4613735B"));
    let said = aws.run(&["sources", "push", "--yes"]);
    assert_eq!(said.code, Some(1));
    for part in [
        "`max_body` of source `voice` is 4613735 bytes",
        "4613734",
        "6 MB",
        "base64",
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    aws.known(|known| assert!(!known.asked.contains(&"PutSecretValue".to_owned())));
    let file = aws.home.run(&["check", "--json"]);
    assert_eq!(file.code, Some(0), "the laptop takes it: {}", file.err);
    let warnings = file.json()["warnings"].clone();
    let is_named = |warning: &Value| warning.as_str().unwrap().contains("no stack takes this");
    assert!(
        warnings.as_array().unwrap().iter().any(is_named),
        "{warnings}"
    );

    aws.home.write("switchhook.toml", &with("4613734B"));
    let said = aws.run(&["sources", "push", "--yes"]);
    assert_eq!(said.code, Some(0), "{}", said.err);

    // An older version pushed what this one refuses.
    let document: toml::Table = with("10MiB").parse().unwrap();
    aws.known(|known| known.secret = Some(serde_json::to_string(&document).unwrap()));
    let looks = aws.run(&["check", "--json"]);
    assert_eq!(looks.code, Some(1));
    let sources = looks
        .json_lines()
        .into_iter()
        .find(|look| look["check"] == "sources");
    let sources = sources.unwrap();
    assert_eq!(sources["result"], "failed");
    let detail = sources["detail"].as_str().unwrap();
    assert!(detail.contains("10485760 bytes"), "{detail}");
}
