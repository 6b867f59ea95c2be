//! SQS FIFO and the consumer: which events are handled in a step.

use std::fmt::Write as _;

use super::partitions::Partitions;

/// How far SQS looks for message groups (guide to SQS, "Avoid large message backlogs with the same
/// message group ID": "FIFO queues scan the first 120,000 messages to determine available message
/// groups").
const WINDOW: f64 = 120_000.0;

/// The requests of each kind that a partition of a FIFO queue takes a second; one brings up to ten
/// messages (guide to SQS, "Amazon SQS message quotas": "Each partition in a FIFO queue is limited to
/// 300 transactions per second, per API action"). A message group is in one partition.
const PARTITION_CALLS: usize = 300;

/// What a queue takes in all, in three of the regions (same page; high throughput).
const QUOTAS: [(&str, usize); 2] = [
    ("N. Virginia, Oregon, Ireland", 70_000),
    ("Ohio, Frankfurt", 19_000),
];

/// Handles a step: the events in the window whose writes no partition refuses.
///
/// An event whose index entry is refused is refused as a whole ("GSI back pressure", guide to
/// `DynamoDB`), and the later events of its entity wait for it, whatever their shards are. So the
/// fullest partition of the index holds all entities up alike, and one of the table only its own. To
/// try again costs nothing here: a real drain is slower.
pub(super) fn step(table: &mut Partitions, index: &mut Partitions, arrived: f64, consumer: f64) {
    let seen = seen(table, arrived);
    let of_partition: Vec<(f64, f64)> = table
        .iter()
        .map(|partition| {
            let wanted = partition.share * (seen - partition.position).max(0.0);
            (wanted.min(table.room(partition)), wanted)
        })
        .collect();
    let writable: f64 = of_partition.iter().map(|(writable, _)| writable).sum();
    let wanted: f64 = of_partition.iter().map(|(_, wanted)| wanted).sum();
    let tried = writable.min(consumer);
    let written = tried.min(index.even_room());
    let part = |of: f64, all: f64| if all > 0.0 { of / all } else { 0.0 };
    // What the index refuses does not heat the table.
    let heat = (consumer / wanted.max(1.0)).min(1.0) * part(written, tried);
    let part = part(written, writable);
    let of_table = of_partition.iter();
    table.use_up(of_table.map(|(writable, wanted)| (writable * part, wanted * heat)));
    let shares: Vec<f64> = index.iter().map(|partition| partition.share).collect();
    index.use_up(shares.iter().map(|share| (share * written, share * tried)));
}

/// Returns the place, among all events that arrived, to which SQS looks.
fn seen(table: &Partitions, arrived: f64) -> f64 {
    let mut parts: Vec<(f64, f64)> = table.iter().map(|p| (p.position, p.share)).collect();
    parts.sort_by(|one, other| one.0.total_cmp(&other.0));
    // From the oldest event on, ever more partitions have events that wait.
    let (mut place, mut share, mut room) = (table.oldest(), 0.0, WINDOW);
    for (position, own) in parts {
        let waiting = (position - place) * share;
        if waiting >= room {
            break;
        }
        room -= waiting;
        place = position;
        share += own;
    }
    arrived.min(place + room / share)
}

/// Returns the least number of partitions of a queue in which none of these groups' partitions takes
/// more sends than it can, each event sent by itself.
fn partitions(groups: usize, events: usize) -> usize {
    let mut rng = fastrand::Rng::with_seed(0);
    let hashes: Vec<u64> = (0..groups).map(|_| u64::from(rng.u32(..))).collect();
    let each = events as f64 / groups as f64;
    let fits = |count: &usize| {
        let mut sends = vec![0.0; *count];
        for hash in &hashes {
            let place = (hash * *count as u64) >> 32;
            if let Some(sends) = sends.get_mut(usize::try_from(place).unwrap_or_default()) {
                *sends += each;
            }
        }
        sends.iter().all(|sends| *sends <= PARTITION_CALLS as f64)
    };
    (1..1_000).find(fits).unwrap_or(1_000)
}

/// Describes what the queue has to take.
pub(super) fn table() -> String {
    const EVENTS: usize = 10_000;
    let quotas = |get: &dyn Fn(usize) -> usize| {
        let each = QUOTAS.map(|(regions, calls)| format!("{} ({regions})", grouped(get(calls))));
        each.join(", ")
    };
    let (calls, window) = (PARTITION_CALLS, grouped(120_000));
    let rows = [
        (
            "sends a second, one event a delivery",
            grouped(EVENTS),
            quotas(&|calls| calls),
        ),
        (
            "receives, and deletions, a second",
            format!("{}, of ten messages each", grouped(EVENTS / 10)),
            "the same".to_owned(),
        ),
        (
            "partitions of the queue, none with more than 300 sends a second",
            grouped(partitions(EVENTS, EVENTS)),
            quotas(&|calls| calls / PARTITION_CALLS),
        ),
        (
            "events a second of one entity",
            "1".to_owned(),
            format!(
                "{calls} sent one by one, {} handled, where nothing else is in its partition",
                grouped(calls * 10)
            ),
        ),
        (
            "messages in which SQS looks for entities",
            "a backlog above".to_owned(),
            window,
        ),
    ];
    let mut text = "The queue, at 10,000 events a second of 10,000 entities.\n\n\
        | limit | it takes | there is |\n|---|---:|---:|\n"
        .to_owned();
    for (limit, takes, there) in rows {
        let _ = writeln!(text, "| {limit} | {takes} | {there} |");
    }
    text
}

/// Writes a number with commas between thousands.
fn grouped(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: f64 = 1e12;

    fn both() -> (Partitions, Partitions) {
        let mut rng = fastrand::Rng::with_seed(1);
        let table = Partitions::new(&mut rng, 1_000, 4_000, 2.0);
        let index = Partitions::new(&mut rng, 16, 4_000, 1.0);
        (table, index)
    }

    #[test]
    fn no_more_than_the_window_is_handled_at_once() {
        let (mut table, mut index) = both();
        step(&mut table, &mut index, 1e6, NEVER);
        assert!((table.waiting(1e6) - 1e6 + WINDOW).abs() < 1.0);
        let (mut table, mut index) = both();
        step(&mut table, &mut index, 1e5, NEVER);
        assert!(table.waiting(1e5) < 1.0);
    }

    #[test]
    fn consumer_is_no_faster_than_it_is() {
        let (mut table, mut index) = both();
        step(&mut table, &mut index, 1e5, 700.0);
        assert!((table.waiting(1e5) - 1e5 + 700.0).abs() < 1.0);
    }

    #[test]
    fn index_without_room_holds_the_table_up() {
        let (mut table, mut index) = both();
        let rooms: Vec<f64> = index.iter().map(|p| index.room(p)).collect();
        index.use_up(rooms.into_iter().map(|room| (room, room)));
        let before = table.waiting(1e7);
        step(&mut table, &mut index, 1e7, NEVER);
        assert!((table.waiting(1e7) - before).abs() < 1e-3);
    }
}
