//! The protocol keeps every law in every scenario; broken in any one rule it does not.

use std::collections::BTreeMap;
use std::thread;

use models::broken::Broken;
use models::check::{self, Report};
use models::scenario::Scenario;
use models::scenarios;

/// How many threads explore one scenario.
const THREADS: usize = 2;

fn told(report: &Report) -> String {
    let Report {
        states,
        depth,
        took,
        ..
    } = report;
    format!(
        "{states} states, {depth} steps deep, {:.1} s",
        took.as_secs_f64()
    )
}

fn story(report: &Report) -> String {
    let broken = report.broken.as_ref();
    broken.map_or_else(String::new, |(law, story)| {
        format!("{}\n{}", law.text(), story.join("\n"))
    })
}

#[test]
fn whatever_fails_in_whatever_order_no_law_is_broken() {
    thread::scope(|scope| {
        for scenario in scenarios::ALL {
            scope.spawn(move || {
                let report = check::whole(*scenario, THREADS);
                println!("{}: {}", scenario.name, told(&report));
                assert!(report.broken.is_none(), "{}", story(&report));
                assert!(report.is_alive, "nothing comes of `{}`", scenario.name);
            });
        }
    });
}

/// Else a broken rule may be caught by a world that is broken by itself.
#[test]
fn the_world_of_every_broken_rule_is_sound_by_itself() {
    let as_whole = |own: &Scenario| {
        let mut all = scenarios::ALL.iter();
        all.any(|scenario| (scenario.name, scenario.faults) == (own.name, own.faults))
    };
    let scenarios = Broken::ALL.iter().map(|broken| broken.scenario());
    let smaller: BTreeMap<_, _> = scenarios
        .filter(|scenario| !as_whole(scenario)) // else it is explored above
        .map(|scenario| ((scenario.name, scenario.faults), scenario))
        .collect();
    assert!(!smaller.is_empty());
    for (_, scenario) in smaller {
        let report = check::whole(scenario, THREADS);
        let (name, faults) = (scenario.name, scenario.faults);
        println!("{name} with {faults} faults: {}", told(&report));
        assert!(report.broken.is_none(), "{}", story(&report));
        assert!(report.is_alive, "nothing comes of `{name}`");
    }
}

#[test]
fn every_broken_rule_breaks_a_law() {
    for broken in Broken::ALL {
        let report = check::breaking(*broken);
        println!("{broken:?}: {}\n{}\n", told(&report), story(&report));
        let law = report.broken.map(|(law, _)| law);
        assert_eq!(law, Some(broken.breaks()), "{broken:?}");
    }
}

#[test]
fn the_shortest_story_is_told_in_words() {
    let (_, story) = check::breaking(Broken::RecordBeforeState).broken.unwrap();
    assert_eq!(
        story,
        [
            "`started` is sent: delivery 0, at second 0, is accepted and answered 2xx",
            "consumer 0 receives `started` (delivery 0) (receive 1) and reads the ledger",
            "consumer 0 puts the record of `started` (delivery 0) and dies right after it",
            "consumer 0 receives `started` (delivery 0) (receive 2) and reads the ledger",
            "consumer 0 answers: what is done is deleted",
        ]
    );
}

#[test]
fn the_story_of_a_lost_variant_names_its_bytes() {
    let (_, story) = check::breaking(Broken::EntryBeforeBytes).broken.unwrap();
    assert_eq!(
        story,
        [
            "`ended` is sent: delivery 0, at second 0, is accepted and answered 2xx",
            "`ended` is sent: delivery 1, bytes [1], at second 0, is accepted and answered 2xx",
            "consumer 0 receives `ended` (delivery 0) (receive 1), `ended` (delivery 1, bytes 1) (receive 1) and reads the ledger",
            "consumer 0 writes the state of entity 0 (read in version 0)",
            "consumer 0 puts the record of `ended` (delivery 0)",
            "consumer 0 writes the state of entity 0 (read in version 1)",
            "consumer 0 counts the variant `ended` (delivery 1, bytes 1) and dies right after it",
            "consumer 0 receives `ended` (delivery 0) (receive 2), `ended` (delivery 1, bytes 1) (receive 2) and reads the ledger",
            "consumer 0 answers: what is done is deleted",
        ]
    );
}
