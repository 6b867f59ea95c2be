//! The partitions of a table or an index.

use std::ops::Range;

/// What a partition writes a second (guide to `DynamoDB`, "Best practices for designing and using
/// partition keys effectively": "every partition [...] is designed to deliver a maximum capacity of
/// 3,000 read units per second and 1,000 write units per second").
const UNITS: f64 = 1_000.0;

/// How much of what a partition did not use it may use later: 300 seconds (same guide, "Burst
/// capacity": "DynamoDB currently retains up to five minutes (300 seconds) of unused read and write
/// capacity"). The guide sets no bound on how fast, so there is none here, which favours the key of
/// the hour.
const BURST: f64 = 300.0 * UNITS;

/// The use from which a partition is split for heat: near its limit (AWS Database Blog, "Scaling
/// `DynamoDB`", part 3).
const HOT: f64 = 0.9 * UNITS;

/// For how long it has to be used so. AWS names no time: an assumption, on the slow side.
const SPLIT_SECS: f64 = 600.0;

/// The partitions, and how far the events of each are handled.
#[derive(Clone, Debug)]
pub(super) struct Partitions {
    all: Vec<Partition>,
    /// The share of a key: all are used alike.
    key: f64,
    /// What an event costs here.
    units: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Partition {
    /// Its keys, in the order of their hashes.
    keys: Range<usize>,
    /// Units that it may write now.
    tokens: f64,
    /// Its share of all events.
    pub(super) share: f64,
    /// What it was asked for in the last step, in units.
    wanted: f64,
    hot_secs: f64,
    /// How many events of all that arrived, in their order, have been looked through for its own:
    /// those are handled.
    pub(super) position: f64,
}

impl Partitions {
    /// Makes as many partitions as so many units a second take, each of an equal share of the hashes,
    /// and gives each key a hash by chance. They were not used for a while.
    pub(super) fn new(rng: &mut fastrand::Rng, keys: usize, warm: u32, units: f64) -> Self {
        let mut hashes: Vec<u32> = (0..keys).map(|_| rng.u32(..)).collect();
        hashes.sort_unstable();
        let count = u64::from(warm.div_ceil(1_000));
        let border =
            |number: u64| hashes.partition_point(|hash| u64::from(*hash) < (number << 32) / count);
        let key = 1.0 / keys as f64;
        let all = (0..count).map(|number| {
            let keys = border(number)..border(number + 1);
            Partition {
                share: keys.len() as f64 * key,
                keys,
                tokens: BURST,
                wanted: 0.0,
                hot_secs: 0.0,
                position: 0.0,
            }
        });
        let all = all.filter(|partition| !partition.keys.is_empty()).collect();
        Self { all, key, units }
    }

    /// Begins anew after a pause: partitions are split, and never merged (same blog, part 3).
    pub(super) fn rest(&mut self) {
        for partition in &mut self.all {
            partition.tokens = BURST;
            partition.hot_secs = 0.0;
            partition.position = 0.0;
        }
    }

    /// Adds the units of so many seconds to each.
    pub(super) fn refill(&mut self, secs: f64) {
        for partition in &mut self.all {
            partition.tokens = (partition.tokens + UNITS * secs).min(BURST + UNITS * secs);
        }
    }

    /// Splits those that were hot for long enough, each in two of equal use, if it has two keys.
    ///
    /// One key is not split between its sort keys, although `DynamoDB` can do so: not where they only
    /// rise (AWS Database Blog, "Scaling `DynamoDB`", part 2), as in the time index. No entity of this
    /// traffic needs it.
    pub(super) fn split(&mut self, secs: f64) {
        let mut halves = Vec::new();
        for partition in &mut self.all {
            partition.hot_secs = match partition.wanted >= HOT * secs {
                true => partition.hot_secs + secs,
                false => 0.0,
            };
            if partition.hot_secs >= SPLIT_SECS && partition.keys.len() > 1 {
                let Range { start, end } = partition.keys;
                let middle = start + (end - start) / 2;
                partition.hot_secs = 0.0;
                partition.tokens /= 2.0;
                partition.keys = start..middle;
                partition.share = (middle - start) as f64 * self.key;
                halves.push(Partition {
                    keys: middle..end,
                    share: (end - middle) as f64 * self.key,
                    ..partition.clone()
                });
            }
        }
        self.all.append(&mut halves);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.all.iter()
    }

    /// Returns how many events a partition can write now.
    pub(super) fn room(&self, partition: &Partition) -> f64 {
        partition.tokens / self.units
    }

    /// Returns how many events can be written now that are spread like all are, before any partition
    /// is at its limit.
    pub(super) fn even_room(&self) -> f64 {
        let room = |partition| self.room(partition) / partition.share;
        self.all.iter().map(room).fold(f64::INFINITY, f64::min)
    }

    /// Notes what each partition wrote, and what it was asked for: both in events.
    pub(super) fn use_up(&mut self, each: impl Iterator<Item = (f64, f64)>) {
        for (partition, (written, wanted)) in self.all.iter_mut().zip(each) {
            partition.tokens -= written * self.units;
            partition.position += written / partition.share;
            partition.wanted = wanted * self.units;
        }
    }

    /// Returns how many events wait, of so many that arrived.
    pub(super) fn waiting(&self, arrived: f64) -> f64 {
        let mut waiting = 0.0;
        for partition in &self.all {
            waiting += partition.share * (arrived - partition.position);
        }
        waiting
    }

    /// Returns the place of the oldest event that waits, among all that arrived.
    pub(super) fn oldest(&self) -> f64 {
        let positions = self.all.iter().map(|partition| partition.position);
        positions.fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(keys: usize, warm: u32) -> Partitions {
        Partitions::new(&mut fastrand::Rng::with_seed(1), keys, warm, 1.0)
    }

    /// Uses them for so many seconds as far as they go, and returns the events of the last second.
    fn used(partitions: &mut Partitions, secs: u32, wanted: f64) -> f64 {
        let mut last = 0.0;
        for _ in 0..secs {
            partitions.refill(1.0);
            let written = partitions.even_room().min(wanted);
            let shares: Vec<_> = partitions.iter().map(|p| p.share).collect();
            partitions.use_up(shares.iter().map(|share| (share * written, share * wanted)));
            partitions.split(1.0);
            last = written;
        }
        last
    }

    #[test]
    fn one_key_writes_a_thousand_units_a_second_once_its_burst_is_gone() {
        for warm in [1_000, 40_000] {
            let mut one = partitions(1, warm);
            assert!((used(&mut one, 100, 3_000.0) - 3_000.0).abs() < 1e-6);
            assert!((used(&mut one, 100, 3_000.0) - 1_000.0).abs() < 1e-6);
            assert!((used(&mut one, 10_000, 3_000.0) - 1_000.0).abs() < 1e-6);
            assert_eq!(one.all.len(), 1);
        }
    }

    #[test]
    fn many_keys_are_split_until_all_is_written() {
        let mut many = partitions(10_000, 4_000);
        assert_eq!(many.all.len(), 4);
        assert!(used(&mut many, 500, 10_000.0) < 4_100.0);
        assert!((used(&mut many, 2_000, 10_000.0) - 10_000.0).abs() < 1e-6);
        assert!((11..=32).contains(&many.all.len()), "{}", many.all.len());
    }
}
