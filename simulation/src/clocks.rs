//! The senders' own clocks: right, hours off, frozen, or never set.

use std::collections::BTreeMap;
use std::time::Duration;

use switchhook_core::time::Timestamp;

use crate::world::World;

/// How a sender's clock is off.
#[derive(Clone, Copy, Debug)]
enum Clock {
    /// By a few seconds at most.
    Right,
    /// By so many milliseconds.
    Off(i64),
    /// It stands at this moment.
    Frozen(Timestamp),
    /// It shows another time of any year each time.
    Wild,
}

/// The clocks of all sources.
#[derive(Debug)]
pub(crate) struct Clocks(BTreeMap<&'static str, Clock>);

/// 0000-01-01T00:00:00Z and 9999-12-30T00:00:00Z.
const ANY_YEAR_SECS: std::ops::Range<i64> = -62_167_219_200..253_402_128_000;
const HOUR_MILLIS: i64 = 3_600_000;

/// The share of times that are wild whatever the clock.
const WILD: f64 = 0.04;

impl Clocks {
    pub(crate) fn draw(world: &World) -> Self {
        let sources = [
            "voice",
            "voice-two",
            "texts",
            "sms",
            "desk",
            "desk-two",
            "hooks",
        ];
        Self(sources.map(|source| (source, clock(world))).into())
    }

    /// Returns the time that a source's clock shows so long from now.
    pub(crate) fn time(&self, world: &World, source: &str, after: Duration) -> Timestamp {
        let true_millis = (world.now() + after).as_millisecond();
        let millis = |millis| Timestamp::from_millisecond(millis).unwrap();
        if world.happens(WILD) {
            return wild(world);
        }
        match self.0[source] {
            Clock::Right => millis(true_millis + world.draw(|chance| chance.i64(-3..3)) * 1_000),
            Clock::Off(by) => millis(true_millis + by),
            Clock::Frozen(at) => at,
            Clock::Wild => wild(world),
        }
    }
}

fn clock(world: &World) -> Clock {
    match world.draw(|chance| chance.u8(0..10)) {
        0..=5 => Clock::Right,
        6..=7 => {
            let by = |chance: &mut fastrand::Rng| chance.i64(-12 * HOUR_MILLIS..12 * HOUR_MILLIS);
            let hours = world.draw(by);
            // Off by minutes, the bound of what is believed is within reach.
            Clock::Off(if world.happens(0.5) {
                hours
            } else {
                hours / 60
            })
        }
        8 if world.happens(0.5) => Clock::Frozen(wild(world)),
        8 => Clock::Frozen(world.now()),
        _ => Clock::Wild,
    }
}

fn wild(world: &World) -> Timestamp {
    const FAMOUS: [&str; 8] = [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "1999-12-31T23:59:59.999Z",
        "2000-01-01T00:00:00Z",
        "2038-01-19T03:14:07Z",
        "2099-12-31T23:59:59Z",
        "9999-12-30T21:59:59.999Z",
    ];
    if world.happens(0.5) {
        let famous = world.draw(|chance| FAMOUS[chance.usize(0..FAMOUS.len())]);
        return famous.parse().unwrap();
    }
    let second = world.draw(|chance| chance.i64(ANY_YEAR_SECS));
    Timestamp::from_second(second).unwrap()
}
