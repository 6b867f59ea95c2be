//! The events that arrive.

/// The traffic of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Traffic {
    /// Ten thousand events a second for an hour, of ten thousand entities.
    Steady,
    /// Receipts of two million texts within an hour, each of an entity of its own. They come in as
    /// texts are delivered: most of them early.
    Campaign,
}

/// How many entities have places among the hashes. A campaign's are so many more that these stand for
/// all of them.
pub(super) const ENTITIES: usize = 10_000;

const HOUR: f64 = 3_600.0;
const STEADY: f64 = 10_000.0;
const RECEIPTS: f64 = 2_000_000.0;
/// After so many seconds the receipts of a campaign come at 1/e of the rate of its begin, 2,263 a
/// second: half of all are there after ten minutes.
const FADES: f64 = 900.0;

impl Traffic {
    pub(super) const ALL: [Self; 2] = [Self::Steady, Self::Campaign];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Campaign => "campaign",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Steady => "10,000 events a second of 10,000 entities, for an hour",
            Self::Campaign => "A campaign: 2 million receipts of one source within an hour",
        }
    }

    /// Returns how many events arrived within so many seconds.
    pub(super) fn arrived(self, seconds: usize) -> f64 {
        let seconds = (seconds as f64).min(HOUR);
        match self {
            Self::Steady => STEADY * seconds,
            Self::Campaign => RECEIPTS * faded(seconds) / faded(HOUR),
        }
    }

    /// Returns when an event arrived, by its place among all.
    pub(super) fn arrival(self, place: f64) -> f64 {
        match self {
            Self::Steady => place / STEADY,
            Self::Campaign => -FADES * (1.0 - place / RECEIPTS * faded(HOUR)).ln(),
        }
    }
}

fn faded(seconds: f64) -> f64 {
    1.0 - (-seconds / FADES).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_arrive_within_the_hour_and_each_at_its_time() {
        for (traffic, all) in [(Traffic::Steady, 36e6), (Traffic::Campaign, 2e6)] {
            assert!((traffic.arrived(3_600) - all).abs() < 1e-3);
            assert!((traffic.arrived(9_999) - all).abs() < 1e-3);
            for second in [1, 60, 600, 3_000] {
                let at = traffic.arrival(traffic.arrived(second));
                assert!(
                    (at - second as f64).abs() < 1e-6,
                    "{traffic:?} {second}: {at}"
                );
            }
        }
        assert!(Traffic::Campaign.arrived(600) > 0.49 * RECEIPTS);
    }
}
