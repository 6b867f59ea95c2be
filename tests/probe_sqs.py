"""Probes an SQS endpoint with boto3: 24 checks of FIFO semantics as AWS documents them.

Usage: python3 probe_sqs.py ENDPOINT_URL

Prints one line a check, and exits with 1 if any fails. Needs nothing but boto3; every run makes
queues of its own, so it may be pointed at an endpoint in use.
"""

import json
import sys
import threading
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

KIB = 1024
MIB = 1024 * KIB
CHECKS = []


def check(description):
    """Adds a function to the list of checks."""

    def add(function):
        CHECKS.append((description, function))
        return function

    return add


def expect(actual, wanted):
    if actual != wanted:
        raise AssertionError(f"got {shorten(actual)}, want {shorten(wanted)}")


def expect_refusal(function, *args, **kwargs):
    """Calls the function, which has to fail, and returns the error's code."""
    try:
        function(*args, **kwargs)
    except ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError("accepted what AWS refuses")


def shorten(value):
    return repr(value)[:200]


def bodies(messages):
    return [message["Body"] for message in messages]


class Queue:
    """A queue of this run."""

    def __init__(self, sqs, url):
        self.sqs = sqs
        self.url = url

    def send(self, body, group, dedup=None):
        return self.sqs.send_message(
            QueueUrl=self.url,
            MessageBody=body,
            MessageGroupId=group,
            MessageDeduplicationId=dedup or uuid.uuid4().hex,
        )

    def receive(self, count=10, wait=0, **more):
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=wait,
            AttributeNames=["All"],
            **more,
        )
        return answer.get("Messages", [])

    def delete(self, message):
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def attribute(self, name):
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return answer["Attributes"].get(name)


class Probe:
    """Makes clients and queues; queue names are new in every run."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.run = uuid.uuid4().hex[:6]
        self.sqs = self.client()

    def client(self):
        return boto3.client(
            "sqs",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}, read_timeout=30),
        )

    def standard(self, name):
        return self.make(f"{name}-{self.run}", {"VisibilityTimeout": "2"})

    def fifo(self, name, **attributes):
        defaults = {"VisibilityTimeout": "2", "FifoQueue": "true"}
        return self.make(f"{name}-{self.run}.fifo", defaults | attributes)

    def fifo_with_dead_letters(self, name, dead_letters, max_receives):
        policy = {
            "deadLetterTargetArn": dead_letters.attribute("QueueArn"),
            "maxReceiveCount": max_receives,
        }
        return self.fifo(name, VisibilityTimeout="1", RedrivePolicy=json.dumps(policy))

    def make(self, name, attributes):
        answer = self.sqs.create_queue(QueueName=name, Attributes=attributes)
        return Queue(self.sqs, answer["QueueUrl"])


@check("a FIFO queue keeps its high-throughput attributes")
def attributes_are_kept(probe):
    queue = probe.fifo(
        "attributes",
        DeduplicationScope="messageGroup",
        FifoThroughputLimit="perMessageGroupId",
        SqsManagedSseEnabled="true",
    )
    expect(queue.attribute("DeduplicationScope"), "messageGroup")
    expect(queue.attribute("FifoThroughputLimit"), "perMessageGroupId")


@check("a batch fills from one group, in order")
def batch_fills_in_order(probe):
    queue = probe.fifo("order")
    sent = [f"m{number}" for number in range(5)]
    for body in sent:
        queue.send(body, "group")
    expect(bodies(queue.receive()), sent)


@check("a message in flight blocks its group, and no other")
def in_flight_blocks_group(probe):
    queue = probe.fifo("blocked")
    for number in range(3):
        queue.send(f"a{number}", "A")
    queue.send("b0", "B")
    first = queue.receive(1)
    expect(bodies(first), ["a0"])
    expect(bodies(queue.receive()), ["b0"])
    queue.delete(first[0])
    expect(bodies(queue.receive()), ["a1", "a2"])


@check("after a partial delete the rest waits for the visibility timeout")
def partial_delete_keeps_block(probe):
    queue = probe.fifo("partial")
    for number in range(4):
        queue.send(f"a{number}", "A")
    queue.delete(queue.receive(2)[0])
    expect(queue.receive(), [])
    time.sleep(2.3)
    expect(bodies(queue.receive()), ["a1", "a2", "a3"])


@check("ChangeMessageVisibility 0 returns a message at once, in order")
def visibility_zero_returns_message(probe):
    queue = probe.fifo("zero", VisibilityTimeout="30")
    for number in range(2):
        queue.send(f"a{number}", "A")
    receipt = queue.receive(1)[0]["ReceiptHandle"]
    probe.sqs.change_message_visibility(
        QueueUrl=queue.url, ReceiptHandle=receipt, VisibilityTimeout=0
    )
    again = queue.receive()
    expect(bodies(again), ["a0", "a1"])
    expect(again[0]["Attributes"]["ApproximateReceiveCount"], "2")


@check("a repeated deduplication id is dropped, and answered as the first")
def repeat_is_answered_as_first(probe):
    queue = probe.fifo("dedup")
    first, second = queue.send("x", "A", "D1"), queue.send("y", "A", "D1")
    expect(bodies(queue.receive()), ["x"])
    expect(second["MessageId"], first["MessageId"])
    expect(second["SequenceNumber"], first["SequenceNumber"])


@check("deduplication survives the deletion of the first")
def dedup_survives_delete(probe):
    queue = probe.fifo("dedup-deleted")
    queue.send("x", "A", "D1")
    queue.delete(queue.receive()[0])
    queue.send("x", "A", "D1")
    expect(queue.receive(), [])


@check("deduplication scope `queue`: another group is dropped")
def dedup_scope_queue(probe):
    queue = probe.fifo("scope-queue")
    queue.send("x", "A", "D1")
    queue.send("y", "B", "D1")
    expect(bodies(queue.receive()), ["x"])


@check("deduplication scope `messageGroup`: another group is kept")
def dedup_scope_group(probe):
    queue = probe.fifo(
        "scope-group",
        DeduplicationScope="messageGroup",
        FifoThroughputLimit="perMessageGroupId",
    )
    queue.send("x", "A", "D1")
    queue.send("y", "B", "D1")
    expect(sorted(bodies(queue.receive() + queue.receive())), ["x", "y"])


@check("content-based deduplication")
def dedup_by_content(probe):
    queue = probe.fifo("content", ContentBasedDeduplication="true")
    for _ in range(2):
        probe.sqs.send_message(QueueUrl=queue.url, MessageBody="same", MessageGroupId="A")
    expect(bodies(queue.receive()), ["same"])


@check("a message without deduplication id or group is refused")
def ids_are_required(probe):
    queue = probe.fifo("ids")
    for ids in ({"MessageGroupId": "A"}, {"MessageDeduplicationId": "A"}):
        expect_refusal(probe.sqs.send_message, QueueUrl=queue.url, MessageBody="x", **ids)


@check("after maxReceiveCount receives a message goes to the dead-letter queue")
def redrive_to_dead_letters(probe):
    dead_letters = probe.fifo("redrive-dlq")
    queue = probe.fifo_with_dead_letters("redrive", dead_letters, 2)
    queue.send("poison", "A")
    queue.send("next", "A")
    received = []
    while len(received) < 5 and ["next"] not in received:
        received.append(bodies(queue.receive(1)))
        if received[-1] != ["next"]:
            time.sleep(1.2)
    expect(received, [["poison"], ["poison"], ["next"]])
    dead = dead_letters.receive()
    expect(bodies(dead), ["poison"])
    expect("DeadLetterQueueSourceArn" in dead[0]["Attributes"], True)


@check("a standard dead-letter queue for a FIFO queue is refused")
def standard_dead_letters_refused(probe):
    expect_refusal(probe.fifo_with_dead_letters, "kind", probe.standard("kind-dlq"), 2)


@check("StartMessageMoveTask moves dead letters back")
def dead_letters_move_back(probe):
    dead_letters = probe.fifo("move-dlq")
    queue = probe.fifo_with_dead_letters("move", dead_letters, 1)
    queue.send("p", "A")
    queue.receive()
    time.sleep(1.2)
    queue.receive()
    probe.sqs.start_message_move_task(SourceArn=dead_letters.attribute("QueueArn"))
    time.sleep(1.5)
    expect(bodies(queue.receive(wait=2)), ["p"])


@check("a long poll wakes on a send")
def long_poll_wakes_on_send(probe):
    queue = probe.fifo("wake-send")
    sender = Queue(probe.client(), queue.url)
    threading.Timer(0.5, sender.send, ("w", "A")).start()
    start = time.monotonic()
    expect(len(queue.receive(wait=5)), 1)
    expect(time.monotonic() - start < 1.5, True)


@check("a long poll wakes when a visibility timeout ends")
def long_poll_wakes_on_timeout(probe):
    queue = probe.fifo("wake-timeout", VisibilityTimeout="1")
    queue.send("x", "A")
    queue.receive()
    start = time.monotonic()
    expect(len(queue.receive(wait=5)), 1)
    expect(time.monotonic() - start < 2.5, True)


@check("a message of 900 KiB is accepted")
def large_message(probe):
    queue = probe.fifo("large")
    queue.send("x" * 900 * KIB, "A")
    expect([len(body) for body in bodies(queue.receive())], [900 * KIB])


@check("a message of 1 MiB is accepted")
def largest_message(probe):
    queue = probe.fifo("largest")
    queue.send("x" * MIB, "A")
    expect(len(queue.receive()), 1)


@check("a message of 1 MiB and a byte is refused")
def too_large_message(probe):
    queue = probe.fifo("too-large")
    expect_refusal(queue.send, "x" * (MIB + 1), "A")


@check("MaximumMessageSize is 1 MiB unless set")
def default_maximum_size(probe):
    expect(probe.fifo("maximum").attribute("MaximumMessageSize"), str(MIB))


@check("a batch of 1.5 MiB is refused as a whole")
def too_large_batch(probe):
    queue = probe.fifo("batch")
    entries = [
        {
            "Id": str(number),
            "MessageBody": "x" * 150 * KIB,
            "MessageGroupId": "A",
            "MessageDeduplicationId": str(number),
        }
        for number in range(10)
    ]
    code = expect_refusal(probe.sqs.send_message_batch, QueueUrl=queue.url, Entries=entries)
    expect(code.endswith("BatchRequestTooLong"), True)


@check("a received message has the FIFO system attributes")
def system_attributes(probe):
    queue = probe.fifo("system")
    queue.send("x", "A", "Z")
    wanted = {
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "MessageDeduplicationId",
        "MessageGroupId",
        "SenderId",
        "SentTimestamp",
        "SequenceNumber",
    }
    expect(wanted - set(queue.receive()[0]["Attributes"]), set())


@check("an expired receipt handle deletes nothing")
def expired_receipt(probe):
    queue = probe.fifo("expired", VisibilityTimeout="1")
    queue.send("x", "A")
    message = queue.receive()[0]
    time.sleep(1.2)
    expect_refusal(queue.delete, message)


@check("a repeated ReceiveRequestAttemptId returns the same batch")
def receive_attempt_repeats(probe):
    queue = probe.fifo("attempt", VisibilityTimeout="30")
    queue.send("x", "A")
    first = queue.receive(ReceiveRequestAttemptId="R1")
    again = queue.receive(ReceiveRequestAttemptId="R1")
    expect(len(first), 1)
    expect([m["MessageId"] for m in again], [m["MessageId"] for m in first])


def run(probe, description, function):
    """Runs one check, prints its line, and tells whether it passed."""
    start = time.monotonic()
    try:
        function(probe)
        outcome = "PASS"
    except Exception as error:  # a check that breaks must not hide the others
        outcome = f"FAIL {type(error).__name__}: {shorten(str(error))}"
    print(f"{description:70} {outcome} ({time.monotonic() - start:.2f}s)", flush=True)
    return outcome == "PASS"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    probe = Probe(sys.argv[1])
    passed = sum(run(probe, *each) for each in CHECKS)
    print(f"{passed} of {len(CHECKS)} checks passed")
    sys.exit(passed != len(CHECKS))


if __name__ == "__main__":
    main()
