//! The ledger's time index, asked hour by hour for several hours at a time: one after the other, most
//! of a month would be spent waiting for AWS to say that nothing came.

use std::iter;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_aws::dynamodb::item::Item;
use switchhook_aws::dynamodb::listing::{Listed, Order};
use switchhook_core::ports::PortError;
use switchhook_core::time::Timestamp;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const HOUR_BACK: SignedDuration = SignedDuration::from_hours(-1);

/// For how many hours is asked at a time.
const AT_A_TIME: usize = 16;

/// Lists what was accepted from an hour to an hour, both of them included, in this order, page by
/// page.
pub(super) fn pages(
    ledger: &DynamoDbLedger,
    (since, until): (Timestamp, Timestamp),
    order: Order,
) -> impl Stream<Item = Result<Vec<Listed>, PortError>> {
    let first_page = move |hour| async move {
        let (listed, after) = ledger.hour_page(hour, order, None).await?;
        Ok((hour, listed, after))
    };
    stream::iter(hours((since, until), order))
        .map(first_page)
        .buffered(AT_A_TIME)
        .map_ok(move |(hour, listed, after)| {
            let others = other_pages(ledger, hour, order, after);
            stream::once(async { Ok(listed) }).chain(others)
        })
        .try_flatten()
}

fn other_pages(
    ledger: &DynamoDbLedger,
    hour: Timestamp,
    order: Order,
    after: Option<Item>,
) -> impl Stream<Item = Result<Vec<Listed>, PortError>> {
    stream::try_unfold(after, move |after| async move {
        let Some(after) = after else { return Ok(None) };
        let page = ledger.hour_page(hour, order, Some(after)).await?;
        Ok(Some(page))
    })
}

/// Returns a time in every hour between two times.
fn hours((since, until): (Timestamp, Timestamp), order: Order) -> impl Iterator<Item = Timestamp> {
    let (first, by) = match order {
        Order::OldestFirst => (since, HOUR),
        Order::NewestFirst => (until, HOUR_BACK),
    };
    // Whole hours from either end meet the other end's hour at most one step beyond it.
    let span = earlier(since, HOUR)..=later(until, HOUR);
    iter::successors(Some(first), move |hour| hour.checked_add(by).ok())
        .take_while(move |hour| span.contains(hour))
}

pub(super) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use switchhook_core::ids::EventId;
    use switchhook_core::ports::Ledger;
    use switchhook_core::time;

    use super::*;
    use crate::local::doubles::{ledger, record};

    #[tokio::test]
    async fn all_pages_of_an_hour_come_before_the_next_hour() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(folder.path()).await;
        let until: Timestamp = "2026-01-31T22:30:00Z".parse().unwrap();
        let since = earlier(until, SignedDuration::from_hours(40));
        let mut oldest_first: Vec<EventId> = Vec::new();
        for index in 0..1_105_u16 {
            let ago = match index {
                0..=9 => 30,
                10..=1_099 => 3, // more than a page
                _ => 2,
            };
            let at = earlier(until, SignedDuration::from_hours(ago));
            let at = later(at, SignedDuration::from_millis(i64::from(index)));
            let id = format!("019aad2b-7c00-7000-8000-000000000001.{index}");
            oldest_first.push(id.parse().unwrap());
            let record = record(oldest_first[usize::from(index)], at);
            ledger.put_record(&record).await.unwrap();
        }
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let pages = pages(&ledger, (since, until), order);
            let pages: Vec<Vec<Listed>> = pages.try_collect().await.unwrap();
            let mut ids: Vec<_> = pages.iter().flatten().map(|event| event.id).collect();
            if order == Order::NewestFirst {
                ids.reverse();
            }
            assert_eq!(ids, oldest_first);
        }
    }

    #[test]
    fn every_hour_is_asked_for_in_either_order() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (since, until, count) in [
            ("2026-01-31T22:59:59Z", "2026-02-01T01:00:00Z", 4),
            ("2026-01-31T22:00:00Z", "2026-02-01T01:59:59Z", 4),
            ("2026-01-31T22:30:00Z", "2026-01-31T22:40:00Z", 1),
        ] {
            let asked = |order| -> Vec<String> {
                hours((at(since), at(until)), order)
                    .map(time::hour)
                    .collect()
            };
            let (up, down) = (asked(Order::OldestFirst), asked(Order::NewestFirst));
            assert!(up.is_sorted() && down.iter().rev().is_sorted());
            let in_both: BTreeSet<_> = up.iter().filter(|hour| down.contains(hour)).collect();
            assert!(in_both.len() >= count, "{since}: {in_both:?}");
        }
    }
}
