//! Many seeds of the real code hold, one seed means one history, and the checker finds machinery that
//! is broken on purpose.

use std::ops::Range;

use simulation::{Broken, run};

/// More seeds than any mistake has needed.
const ENOUGH: u64 = 1_000;

fn hold(seeds: Range<u64>) {
    for seed in seeds {
        let outcome = run(seed, None);
        assert!(
            outcome.wrong.is_empty(),
            "{:#?}\nIts history: cargo run -p simulation -- {seed}",
            outcome.wrong
        );
    }
}

#[test]
fn seeds_to_100_hold() {
    hold(0..100);
}

#[test]
fn seeds_to_200_hold() {
    hold(100..200);
}

#[test]
fn seeds_to_300_hold() {
    hold(200..300);
}

#[test]
fn seeds_to_400_hold() {
    hold(300..400);
}

#[test]
fn one_seed_means_one_history() {
    for seed in 0..20 {
        let histories =
            [run(seed, None), run(seed, None)].map(|outcome| outcome.history.join("\n"));
        assert!(histories[0].len() > 1_000, "seed {seed} does nothing");
        assert_eq!(
            histories[0].as_bytes(),
            histories[1].as_bytes(),
            "seed {seed}"
        );
    }
}

#[test]
fn the_checker_finds_whatever_is_broken() {
    for broken in Broken::ALL {
        let found = (0..ENOUGH).find(|seed| !run(*seed, Some(*broken)).wrong.is_empty());
        let seed = found.unwrap_or_else(|| panic!("{broken:?} was not found in {ENOUGH} seeds"));
        println!("{broken:?} was found by seed {seed}");
    }
}

/// What must happen in so many seeds for them to prove anything.
#[test]
fn enough_goes_wrong() {
    let outcomes = (0..100).map(|seed| run(seed, None).counts);
    let sum = outcomes.fold(simulation::Counts::default(), |sum, counts| sum + counts);
    assert!(sum.requests > 1_000, "{sum:?}");
    assert!(sum.requests > sum.received + 100, "{sum:?}");
    assert!(sum.messages > sum.records + 300, "{sum:?}");
    assert!(sum.faults > 300, "{sum:?}");
    assert!(sum.lists > 5, "{sum:?}");
    assert!(sum.late > 0, "{sum:?}");
    assert!(sum.variants > 60 && sum.implausible > 30, "{sum:?}");
    assert!(sum.listed[0] > 40 && sum.listed[1] > 10, "{sum:?}");
    assert!(sum.erased > 0, "{sum:?}");
    assert!(sum.deaths > 100 && sum.mishaps > 100, "{sum:?}");
    // By right; nothing in a simulation gives another reason.
    let reasons = [
        "attempts",
        "body_damaged",
        "body_missing",
        "envelope",
        "item",
        "panic",
        "refused_by_table",
        "too_old",
    ];
    for reason in reasons {
        assert!(sum.letters.contains_key(reason), "{reason}: {sum:?}");
    }
}
