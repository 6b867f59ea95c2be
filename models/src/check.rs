//! Explores a configuration and says what came of it.

use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

use crate::broken::Broken;
use crate::laws::Law;
use crate::model::{BURIES, Protocol, SETTLES};
use crate::scenario::{Config, Scenario};
use crate::words;

/// What came of an exploration.
#[derive(Debug)]
pub struct Report {
    /// How many different states there are.
    pub states: usize,
    /// How many steps the longest story has.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// The law that was broken, with the shortest story that breaks it.
    pub broken: Option<(Law, Vec<String>)>,
    /// Whether what ought to happen at some time does.
    pub is_alive: bool,
}

/// Explores everything that can happen in a scenario.
#[must_use]
pub fn whole(scenario: Scenario, threads: usize) -> Report {
    explore(Config::new(scenario, None), threads)
}

/// Looks for the shortest story in which a broken rule breaks a law.
#[must_use]
pub fn breaking(broken: Broken) -> Report {
    let config = Config::new(broken.scenario(), Some(broken));
    explore(config, 1)
}

#[expect(clippy::disallowed_methods, reason = "it tells how long it took")]
fn explore(config: Config, threads: usize) -> Report {
    let began = Instant::now();
    let checker = Protocol::new(config).checker();
    let checker = checker
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let model = checker.model();
    let broken = model.broken().map(|law| {
        let path = checker
            .discovery(law.text())
            .expect("what is broken is discovered");
        (law, words::story(&model.config, &path.into_vec()))
    });
    Report {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: began.elapsed(),
        broken,
        is_alive: [SETTLES, BURIES]
            .iter()
            .all(|name| checker.discovery(name).is_some()),
    }
}
