#!/usr/bin/env python3
"""Moves what a deleted stack left in its queue to the queue of a new one, each event in its old place.

    python3 docs/move-messages.py OLD_QUEUE_URL NEW_QUEUE_URL

Both are FIFO queues of Switchhook, in one region; it needs boto3 and credentials that may receive from and
delete in the old one and send to the new one. The new stack must have the old one's table (ExistingTable),
or events count twice that were recorded already. It may be stopped and started again: a message is deleted
after the new queue has it, and one that is sent twice is a duplicate. Messages of the old dead-letter queue are
moved in the same way, to the new dead-letter queue, with what is kept about them.
"""

import argparse
import sys

import boto3

HIDDEN_SECS = 60


def moved(sqs, old, new):
    """Moves up to ten messages and returns how many there were."""
    received = sqs.receive_message(
        QueueUrl=old,
        MaxNumberOfMessages=10,
        VisibilityTimeout=HIDDEN_SECS,
        WaitTimeSeconds=2,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    ).get("Messages", [])
    for message in received:
        system, attributes = message["Attributes"], {}
        for name, value in message.get("MessageAttributes", {}).items():
            attributes[name] = {"DataType": value["DataType"], "StringValue": value["StringValue"]}
        # Where it stood among the events of its entity: the new queue would give it a later place. What SQS itself
        # moved to a dead-letter queue lost its place there, and counts as the oldest.
        number = "0" if "DeadLetterQueueSourceArn" in system else system["SequenceNumber"]
        place = {"DataType": "String", "StringValue": number}
        sqs.send_message(
            QueueUrl=new,
            MessageBody=message["Body"],
            MessageGroupId=system["MessageGroupId"],
            MessageDeduplicationId=message["MessageId"],
            MessageAttributes={"sequence_number": place} | attributes,
        )
        sqs.delete_message(QueueUrl=old, ReceiptHandle=message["ReceiptHandle"])
    return len(received)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", help="the URL of the queue that a deleted stack left")
    parser.add_argument("new", help="the output QueueUrl, or DeadLetterQueueUrl, of the new stack")
    arguments = parser.parse_args()
    sqs = boto3.client("sqs")
    total = 0
    while count := moved(sqs, arguments.old, arguments.new):
        total += count
        print(f"{total} moved", file=sys.stderr)
    print(f"{total} messages moved; hidden ones, if any, are seen again after {HIDDEN_SECS} s: run it once more")


if __name__ == "__main__":
    main()
