//! The invariants with injected faults: whatever fails, hangs, loses its answer or dies, nothing
//! that got a 2xx is lost and nothing counts twice.

mod answers;
mod attempts;
mod authenticity;
mod consent;
mod crashes;
mod dead_letters;
mod groups;
mod lists;
mod order;
mod reading;
mod requests;
pub(crate) mod rig;
mod sending;
mod shapes;
mod table;
mod variants;
mod windows;

use proptest::test_runner::Config;

/// Returns how a property is checked: by this many cases, and by more of them where
/// `PROPTEST_CASES` is set above its default of 256.
pub(crate) fn many(cases: u32) -> Config {
    let default = Config::default();
    let cases = u64::from(cases) * u64::from(default.cases) / 256;
    Config {
        cases: u32::try_from(cases.max(1)).unwrap_or(u32::MAX),
        failure_persistence: None,
        ..default
    }
}
