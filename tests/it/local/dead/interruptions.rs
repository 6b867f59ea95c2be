//! Commands that are broken off, and letters that somebody else holds.

use std::sync::Arc;

use serde_json::{Value, json};
use switchhook::local::sqs::Queues;
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;

use super::bench::{Bench, DEAD_LETTERS, QUEUE, envelope, id};
use super::{CALL, ENDED};
use crate::programs::{Home, Program};

/// So many that no command is through with them before it can be stopped.
const MANY: usize = 2_000;

fn with_many_letters() -> Bench {
    let bench = Bench::open();
    for start in (0..MANY).step_by(10) {
        let entries = (start..start + 10).map(|n| {
            let name = format!("letter-{n}");
            json!({"Id": name, "MessageBody": "no envelope", "MessageGroupId": name, "MessageDeduplicationId": name})
        });
        let entries: Vec<_> = entries.collect();
        let batch = json!({"QueueUrl": DEAD_LETTERS, "Entries": entries});
        bench.aws("AmazonSQS.SendMessageBatch", &batch);
    }
    bench
}

/// Starts a listing and returns it as soon as it holds some letters.
fn listing(bench: &Bench) -> Program {
    let mut listing = bench.home.start(&["dead", "list", "--json"]);
    listing.line_with("message_id");
    listing
}

#[test]
fn whoever_interrupts_a_command_has_its_letters_put_back() {
    let bench = with_many_letters();
    for signal in ["INT", "TERM"] {
        let listing = listing(&bench);
        listing.signal(signal);
        let said = listing.end();
        assert_eq!(said.code, Some(1), "{}", said.err);
        assert!(said.err.contains("interrupted"), "{}", said.err);
        assert!(said.json_lines().len() < MANY, "it was through before");
    }
    assert_eq!(bench.letters().len(), MANY);
}

#[test]
fn letters_of_a_command_that_was_killed_are_told_of_and_free_again_at_the_next_start() {
    let bench = with_many_letters();
    listing(&bench).kill();
    let said = bench.dead(&["list", "--json"], 0);
    let hidden = MANY - said.json_lines().len();
    assert!(hidden > 0 && hidden < MANY);
    assert!(
        said.err.contains(&format!("in other hands: {hidden} ")),
        "{}",
        said.err
    );
    let bench = Bench::of(bench.stop());
    assert_eq!(bench.letters().len(), MANY);
}

/// A redrive that is killed after it sent an event, and before it deleted the letter, may be repeated
/// while the event still waits: the queue has it once.
#[test]
fn a_redrive_between_sending_and_deleting_may_be_repeated() {
    let bench = Bench::open();
    bench.damage(CALL);
    let body = envelope(1, CALL, "call.ended", ENDED).to_string();
    bench.send(QUEUE, CALL, &body, &[]);
    let letter = bench.letters_when(1).remove(0);
    let message = letter["message_id"].as_str().unwrap();
    let place = bench.dead(&["show", &id(1), "--json"], 0).json()["sequence_number"].clone();
    bench.repair(CALL);
    let home = bench.stop();
    let queues = queues(&home);
    let sent = json!({
        "QueueUrl": QUEUE, "MessageBody": body, "MessageGroupId": CALL,
        "MessageDeduplicationId": message,
        "MessageAttributes": {"sequence_number": {"DataType": "String", "StringValue": place}},
    });
    call(&queues, "SendMessage", &sent);
    let said = home.run(&["dead", "redrive", "--all"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "redriven 1\n"));
    let counts = json!({"QueueUrl": QUEUE, "AttributeNames": ["All"]});
    let counts = call(&queues, "GetQueueAttributes", &counts);
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessages"], "1");
    let bench = Bench::of(home);
    let event = bench.home.events_when(1).remove(0);
    assert_eq!(
        (&event["id"], &event["deliveries"]),
        (&json!(id(1)), &json!(1))
    );
    assert!(bench.letters().is_empty());
}

/// A queue may refuse one message of a batch and take the others.
#[test]
fn what_the_queue_does_not_take_stays_a_dead_letter() {
    let bench = Bench::open();
    for (n, group) in [(1, "no group: it has spaces"), (2, CALL)] {
        let body = envelope(n, CALL, "call.ended", ENDED).to_string();
        let kept = [
            ("group", group),
            ("reason", "data"),
            ("sequence_number", "7"),
        ];
        bench.send(DEAD_LETTERS, &format!("letter-{n}"), &body, &kept);
    }
    assert_eq!(bench.letters().len(), 2);
    let said = bench.dead(&["redrive", "--all"], 1);
    assert!(said.out.contains("redriven 1"), "{}", said.out);
    assert!(said.out.contains("failed 1"), "{}", said.out);
    let left = bench.letters();
    assert_eq!((left.len(), &left[0]["id"]), (1, &json!(id(1))));
    assert_eq!(bench.home.events_when(1).len(), 1);
}

/// Whatever order they died in.
#[test]
fn letters_of_an_entity_go_back_in_the_order_accepted() {
    let bench = Bench::open();
    for n in [3, 1, 2] {
        let body = envelope(n, CALL, "call.ended", ENDED).to_string();
        let (group, place) = (format!("letter-{n}"), (n + 7).to_string());
        let kept = [
            ("group", CALL),
            ("sequence_number", place.as_str()),
            ("reason", "state"),
        ];
        bench.send(DEAD_LETTERS, &group, &body, &kept);
    }
    let home = bench.stop();
    assert_eq!(
        home.run(&["dead", "redrive", "--reason", "state"]).code,
        Some(0)
    );
    let ask = json!({
        "QueueUrl": QUEUE, "MaxNumberOfMessages": 10,
        "AttributeNames": ["All"], "MessageAttributeNames": ["All"],
    });
    let received = call(&queues(&home), "ReceiveMessage", &ask);
    let messages = received["Messages"].as_array().unwrap().iter();
    let told = messages.map(|message| {
        let attribute = |name: &str| message["MessageAttributes"][name]["StringValue"].clone();
        assert_eq!(attribute("forced"), Value::Null);
        (
            message["Attributes"]["MessageGroupId"].clone(),
            attribute("sequence_number"),
        )
    });
    let places = ["8", "9", "10"].map(|place| (json!(CALL), json!(place)));
    assert_eq!(told.collect::<Vec<_>>(), places);
}

/// Opens the queues' file beside nobody.
fn queues(home: &Home) -> Queues {
    let millis = || u64::try_from(SystemClock.now().as_millisecond()).unwrap();
    Queues::open(&home.data().join("queue.sqlite"), Arc::new(millis)).unwrap()
}

fn call(queues: &Queues, operation: &str, body: &Value) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let answer = runtime.block_on(queues.call(operation, body.to_string().as_bytes()));
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}
