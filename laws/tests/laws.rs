//! Every law holds for every known-answer case, for varied cases, and for any bytes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failed step should fail the test on the spot"
)]

use laws::{ALL, Law, forms, seeds};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// In which forms bodies travel: as they are, compressed, or as a pointer to the body store.
const ALL_FORMS: [&str; 3] = ["deflated", "inline", "stored"];

/// How a case is varied: what is done, where, and with what.
type Change = (u8, prop::sample::Index, Vec<u8>);

fn changed(mut input: Vec<u8>, others: &[Vec<u8>], changes: &[Change]) -> Vec<u8> {
    for (what, at, bytes) in changes {
        let place = at.index(input.len() + 1);
        match what % 5 {
            0 => input
                .splice(place..place, bytes.iter().copied())
                .for_each(drop),
            1 => input.truncate(place),
            2 => {
                _ = input
                    .get_mut(place)
                    .map(|byte| *byte ^= bytes.first().unwrap_or(&1))
            }
            3 => _ = input.drain(place..(place + bytes.len()).min(input.len())),
            _ => input.extend(&at.get(others)[place.min(at.get(others).len())..]),
        }
    }
    input
}

fn holds(law: &str) {
    let (_, check): &(&str, Law) = ALL.iter().find(|(name, _)| *name == law).unwrap();
    let seeds = seeds(law);
    assert!(seeds.len() >= 30, "{} seeds of {law}", seeds.len());
    seeds.iter().for_each(|seed| check(seed));
    let default = Config::default();
    let config = Config {
        failure_persistence: None,
        cases: default.cases * 4,
        ..default
    };
    let change = (
        any::<u8>(),
        any::<prop::sample::Index>(),
        vec(any::<u8>(), 0..8),
    );
    let varied = (any::<prop::sample::Index>(), vec(change, 0..6))
        .prop_map(|(seed, changes)| changed(seed.get(&seeds).clone(), &seeds, &changes));
    let inputs = prop_oneof![3 => varied, 1 => vec(any::<u8>(), 0..400)];
    let outcome = TestRunner::new(config).run(&inputs, |input| {
        check(&input);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{law}: {error}"));
}

#[test]
fn any_bytes_survive() {
    holds("bytes");
    assert_eq!(forms(), ALL_FORMS.into());
}

#[test]
fn any_document_is_taken_or_refused_and_opens_nothing() {
    holds("configuration");
}

#[test]
fn any_delivery_is_kept_can_be_handled_and_is_nobody_elses() {
    holds("delivery");
    assert_eq!(forms(), ALL_FORMS.into());
}

#[test]
fn any_order_of_arrival_leaves_the_same_states() {
    holds("order");
}

#[test]
fn any_request_without_a_credential_is_refused() {
    holds("request");
}

#[test]
fn exactly_what_was_signed_is_taken() {
    holds("verification");
}

#[test]
fn whoever_said_stop_last_is_left_alone_whatever_is_told_when() {
    holds("words");
}

#[test]
fn every_law_has_a_target_of_the_fuzzer() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/targets");
    for (law, _) in ALL {
        assert!(folder.join(format!("{law}.rs")).is_file(), "{law}");
    }
}
