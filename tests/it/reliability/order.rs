//! Invariant 6: the order of one entity's events is the queue's, a moved message keeps its place,
//! and what two groups change together loses nothing.

use switchhook_core::entity::Entity;

use super::rig::{Rig, batch, call, text};
use crate::doubles::{Call, Fault};

fn contact(name: &str) -> String {
    format!(r#"{{"phone_number":"+15550100003","first_name":"{name}"}}"#)
}

const CONTACT: &str = "voice/contact/+15550100003";
const HOOK: &str = "/webhooks/voice/contact";

#[tokio::test]
async fn events_of_one_entity_are_committed_in_the_order_accepted() {
    let rig = Rig::open().await;
    let mut posted = Vec::new();
    for n in 0..12 {
        let id = format!("call_{}", n % 2);
        let delivery = rig.post(&call("transferred", &id, 59 - n)).await;
        posted.push((n % 2, format!("{delivery}.0")));
    }
    rig.ledger.fail_at(4, Fault::Refuse); // one of the first batch stays behind
    rig.settle().await;
    let calls = rig.ledger.take_calls();
    let of_call = |n: u32| -> Vec<_> {
        posted
            .iter()
            .filter(|(call, _)| *call == n)
            .map(|(_, id)| id.clone())
            .collect()
    };
    for n in 0..2 {
        let expected = of_call(n);
        let mut recorded: Vec<_> = calls
            .iter()
            .filter_map(|call| match call {
                Call::PutRecord(id) => Some(id.to_string()),
                _ => None,
            })
            .filter(|id| expected.contains(id))
            .collect();
        recorded.dedup(); // a record that was refused once is put again
        assert_eq!(recorded, expected, "call_{n}");
        let records = rig.records(&format!("voice/call/call_{n}")).await;
        let listed: Vec<_> = records.iter().map(|record| record.id.to_string()).collect();
        assert_eq!(listed, expected, "call_{n}");
    }
}

#[tokio::test]
async fn a_redriven_message_keeps_its_place() {
    let rig = Rig::open().await;
    rig.post_to(HOOK, &contact("Old")).await;
    let older = rig.take_one().await;
    let place =
        &older.attributes.unwrap()[&aws_sdk_sqs::types::MessageSystemAttributeName::SequenceNumber];
    rig.post_to(HOOK, &contact("New")).await;
    rig.settle().await;
    rig.send(CONTACT, older.body.as_deref().unwrap(), Some(place))
        .await;
    rig.settle().await;
    let records = rig.records(CONTACT).await;
    assert_eq!(records.len(), 2);
    assert_eq!(
        records[0].sequence.to_string(),
        place.parse::<u128>().unwrap().to_string()
    );
    assert!(records[0].sequence < records[1].sequence);
    assert_eq!(rig.state(CONTACT).await["name"], "New");
}

/// SQS keeps no place when it moves a message itself.
#[tokio::test]
async fn a_message_that_sqs_itself_moved_is_the_oldest() {
    let rig = Rig::open().await;
    rig.post_to(HOOK, &contact("Old")).await;
    let older = rig.take_one().await;
    rig.post_to(HOOK, &contact("New")).await;
    rig.settle().await;
    rig.send(CONTACT, older.body.as_deref().unwrap(), None)
        .await;
    let mut moved = batch(&rig.receive().await);
    let arn = "arn:aws:sqs:us-east-1:000000000000:switchhook-dead-letters.fifo".to_owned();
    moved.records[0]
        .attributes
        .insert("DeadLetterQueueSourceArn".to_owned(), arn);
    assert!(rig.run(moved).await.unwrap().batch_item_failures.is_empty());
    let records = rig.records(CONTACT).await;
    assert_eq!((records.len(), records[0].sequence.0), (2, 0));
    assert_eq!(rig.state(CONTACT).await["name"], "New");
}

/// Texts of one number in two conversations reach its place in the suppression list at the same
/// time: the version that both read guards the write.
#[tokio::test]
async fn two_groups_that_change_one_suppression_lose_no_update() {
    let rig = Rig::open().await;
    for n in 0..16_u32 {
        let number = format!("+1555010{n:04}");
        let (first, second) = if n % 2 == 0 {
            ("STOP", "START")
        } else {
            ("START", "STOP")
        };
        if n >= 8 {
            // There is a state already, which both read.
            let id = format!("c{n}");
            rig.post(&text(&id, &id, &number, second, 1)).await;
            rig.settle().await;
        }
        let later = n % 4 / 2; // whether the first was said later
        let (a, b) = (format!("a{n}"), format!("b{n}"));
        rig.post(&text(&a, &a, &number, first, 10 + later)).await;
        rig.test.clock.advance(1);
        rig.post(&text(&b, &b, &number, second, 11 - later)).await;
        let entity = Entity::opt_out(&number, "sms");
        rig.ledger.let_two_meet_at(entity.clone());
        assert_eq!(rig.run_once().await.1, Some(Vec::new()));
        assert_eq!(
            rig.ledger.conflicts(),
            usize::try_from(n).unwrap() + 1,
            "both read the same"
        );
        // The second is accepted later: a START lifts the STOP if it was also said later.
        let is_lifted = second == "START" && later == 0;
        let state = rig.state(entity.as_str()).await;
        assert_eq!(state["opted_out"], !is_lifted, "{n}: {state}");
        assert_eq!(rig.messages_left().await, 0);
    }
}
