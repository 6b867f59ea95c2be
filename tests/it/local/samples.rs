//! `switchhook send`: every sample of every provider, through the whole receiver.

use switchhook_core::providers;

use crate::programs::{Home, eventually};

/// The provider whose senders name their own types of events.
const OWN_TYPES: &str = "standard-webhooks";

#[test]
fn every_sample_is_let_in_known_and_recorded() {
    let home = Home::new();
    let _local = home.local(&[]);
    let mut samples = 0;
    for provider in providers::ALL {
        let source = provider.name();
        let said = home.run(&["send", source, "all", "--shuffle"]);
        assert_eq!(said.code, Some(0), "{source}: {} {}", said.out, said.err);
        samples += home.run(&["send", source, "--json"]).json_lines().len();
    }
    let events = eventually("every sample to be recorded", || {
        let events = home.events();
        (events.len() >= samples).then_some(events)
    });
    for event in events {
        let kind = event["kind"].as_str().unwrap();
        assert_ne!(kind, "unreadable", "{event}");
        let own = event["source"] == OWN_TYPES;
        assert_eq!(kind == "unrecognised", own, "{event}");
    }
}

#[test]
fn no_corrupted_sample_is_let_in() {
    let home = Home::new();
    let _local = home.local(&[]);
    for provider in providers::ALL {
        let source = provider.name();
        let said = home.run(&["send", source, "all", "--tamper", "--json"]);
        assert_eq!(said.code, Some(1), "{source}: {} {}", said.out, said.err);
        let statuses = said.json_lines().remove(0)["statuses"].clone();
        let refused = if source == "nectar-desk" {
            "404"
        } else {
            "401"
        };
        let statuses: Vec<_> = statuses.as_object().unwrap().keys().collect();
        assert_eq!(statuses, [refused], "{source}");
    }
    assert_eq!(home.events().len(), 0);
}
