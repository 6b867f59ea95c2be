//! The commands that `local` prints for its demo sources, pasted into a shell.

use serde_json::Value;
use switchhook_core::providers;

use crate::programs::{Home, eventually};

/// Returns each demo source with its command.
fn commands(printed: &str) -> Vec<(&str, &str)> {
    let blocks = printed.split("\n\n  ").skip(1);
    blocks
        .map(|block| {
            let (source, block) = block.split_once("  (").unwrap();
            let (_, command) = block.split_once("  try it:\n").unwrap();
            let command = command.split("\n\n").next().unwrap();
            (source, command)
        })
        .collect()
}

#[test]
fn every_printed_curl_works_as_often_as_it_is_pasted() {
    let home = Home::new();
    let local = home.local(&[]);
    let printed = local.program.out();
    let commands = commands(&printed);
    let named: Vec<_> = commands.iter().map(|(source, _)| *source).collect();
    let known: Vec<_> = providers::ALL.iter().map(|p| p.name()).collect();
    assert_eq!(named, known);
    for (source, command) in commands {
        assert!(
            command.starts_with("  curl -X POST 'http://127.0.0.1:"),
            "{command}"
        );
        for copies in 1..=2 {
            let said = home.shell(command);
            assert_eq!(said.code, Some(0), "{command}: {}", said.err);
            let answer: Value = serde_json::from_str(&said.out).unwrap();
            assert_eq!(answer["received"], true, "{command}: {answer}");
            eventually("the event", || {
                let mut events = home.events().into_iter();
                events.find(|event| event["source"] == source && event["deliveries"] == copies)
            });
        }
    }
}
