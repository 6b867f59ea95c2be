//! A backlog of one entity: the others wait once it fills the queue's window, not before, and all of it
//! drains without loss.
#![expect(clippy::print_stdout, reason = "with --nocapture it shows the figures")]

use simulation::{Backlog, BacklogOutcome, Hog, run_backlog};

/// The longest that anybody waits for a batch of others and a backoff.
const AT_ONCE_MILLIS: u64 = 2_000;

fn run(window: usize, hog: Hog, secs: u64) -> BacklogOutcome {
    let outcome = run_backlog(Backlog { window, hog, secs });
    println!("{hog:?} with a window of {window}: {outcome:?}");
    assert!(outcome.wrong.is_empty(), "{:#?}", outcome.wrong);
    outcome
}

#[test]
fn lists_of_one_entity_make_others_wait_only_where_they_fill_the_window() {
    let within = run(4_000, Hog::Lists(3), 30);
    assert_eq!(within.hog_events, 3_000);
    assert!(within.longest_wait_millis < AT_ONCE_MILLIS, "{within:?}");
    let beyond = run(500, Hog::Lists(3), 30);
    assert_eq!(beyond.hog_events, 3_000);
    assert!(beyond.longest_wait_millis > AT_ONCE_MILLIS, "{beyond:?}");
    assert!(beyond.most_waiting > 500, "{beyond:?}");
    // Ten events of one entity cost one write of its state.
    assert!(beyond.state_writes < 500, "{beyond:?}");
}

#[test]
fn failing_entity_makes_others_wait_only_once_its_sender_filled_the_window() {
    let within = run(4_000, Hog::Fails(30), 120);
    assert_eq!(within.hog_events, 3_001);
    assert!(within.longest_wait_millis < AT_ONCE_MILLIS, "{within:?}");
    let beyond = run(1_500, Hog::Fails(30), 120);
    assert_eq!(beyond.hog_events, 3_001);
    assert!(beyond.longest_wait_millis > AT_ONCE_MILLIS, "{beyond:?}");
}
