"""What becomes of a stack and its data: paused, restored, deleted with something in it, made again, alarmed.

Follows docs/operations.md; prove.py runs it.
"""

import json
import os
import subprocess
import sys
import time

from deployment import REGION, ROOT, Stack, call, check, told, wait_for

STOP = b'{"event":"sms.received","data":{"from":"+15550100009","to":"+15550100004","message":"STOP"}}'


def deliveries_of(stack, table, entity):
    """How many deliveries each record of an entity counts, in a table by its name."""
    pages = stack.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = [item for page in pages for item in page["Items"]]
    records = [item for item in items if item["pk"]["S"] == entity and item["sk"]["S"].startswith("event#")]
    return [len(record["deliveries"]["SS"]) for record in records]


def prove_pause(stack, command, secret):
    """While the consumer is paused, deliveries are accepted and wait."""
    command.on(stack, "pause")
    command.on(stack, "pause")  # once more changes nothing
    stack.post(secret, call("paused"))
    time.sleep(2)
    check(stack.depth(stack.outputs["QueueUrl"]) == 1, "what waits")
    check(not stack.records_of("ai-sync/call/paused"), "a paused consumer recorded something")
    looks = command.lines(stack, "check", "--url", stack.base(), code=1)
    paused = [look for look in looks if look["result"] != "ok" and "resume" in look["detail"]]
    check(paused, f"`check` does not see that the consumer is paused: {looks}")
    command.on(stack, "check", "--before-delete", code=1)
    command.on(stack, "resume")
    command.on(stack, "resume")
    wait_for("what had waited", lambda: stack.records_of("ai-sync/call/paused"))
    wait_for("the queue is empty", stack.is_idle)
    told("`pause` lets events wait, `check` says so, `resume` lets them through")


def restore(stack, name):
    """The steps of "Restore" in docs/operations.md; returns the label of the new table's stream."""
    dynamodb = stack.dynamodb
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=stack.outputs["TableName"], TargetTableName=name, UseLatestRestorableTime=True
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    expiry = {"Enabled": True, "AttributeName": "expires_at"}
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    streamed = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    dynamodb.update_table(TableName=name, StreamSpecification=streamed)
    recovery = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
    return dynamodb.describe_table(TableName=name)["Table"]["LatestStreamLabel"]


def prove_restore(stack, command, secret, template, zips):
    """A restored table takes over: it knows duplicates and who said STOP, and the pipe reads it."""
    stack.post(secret, call("restored"))
    stack.post(secret, STOP)
    wait_for("both are recorded", lambda: stack.records_of("ai-sync/call/restored"))
    wait_for("the queue is empty", stack.is_idle)
    old = stack.outputs["TableName"]
    command.on(stack, "pause")
    label = restore(stack, "restored")
    shown = command.lines(stack, "events", "--limit", "1000", "--table", "restored")
    check({event["id"] for event in shown} == {r["id"]["S"] for r in stack.records()}, "another table is shown")
    stack.deploy(template, zips, ExistingTable="restored", ExistingTableStream=label)
    check(stack.outputs["TableName"] == "restored", stack.outputs)
    command.on(stack, "resume")
    stack.post(secret, call("restored"))
    stack.post(secret, call("after the restore"))
    wait_for("a new event", lambda: stack.records_of("ai-sync/call/after the restore"))
    wait_for("the queue is empty", stack.is_idle)
    check(deliveries_of(stack, "restored", "ai-sync/call/restored") == [2], "a duplicate is not known any more")
    check(deliveries_of(stack, old, "ai-sync/call/restored") == [1], "the old table is still written to")
    command.on(stack, "opt-outs", "+15550100009", code=3)
    source = stack.aws.client("pipes").describe_pipe(Name=stack.outputs["PipeName"])["Source"]
    check(f"table/restored/stream/{label}" in source, source)
    looks = {look["check"]: look for look in command.lines(stack, "check", "--url", stack.base())}
    check(all(look["result"] != "failed" for look in looks.values()), looks)
    check(looks["table settings"]["result"] == "ok", looks["table settings"])
    told("a restored table takes over with its duplicates, its suppression list and the pipe")


def prove_deletion(stack, command, secret, template, zips):
    """Nothing acknowledged goes with a stack; one of the same name is made with what it left."""
    command.on(stack, "pause")
    stack.post(secret, call("left behind"))
    command.on(stack, "check", "--before-delete", code=1)
    left = dict(stack.outputs)
    [waiting] = peek(stack, left["QueueUrl"])
    place = waiting["Attributes"]["SequenceNumber"]
    stack.cloudformation.delete_stack(StackName=stack.name)
    wait_for("the deletion", lambda: is_gone(stack))
    check(stack.depth(left["QueueUrl"]) == 1, "what was acknowledged is gone")
    for output in ("TableName", "BodiesBucket"):
        check(left[output], output)
    stack.dynamodb.describe_table(TableName=left["TableName"])
    stack.s3.head_bucket(Bucket=left["BodiesBucket"])
    arn = stack.secretsmanager.describe_secret(SecretId=left["SourcesSecretArn"])["ARN"]

    again = Stack(stack.aws, stack.name)
    again.parameters = dict(stack.parameters)
    again.deploy(template, zips, ExistingBucket=left["BodiesBucket"], ExistingSecret=arn)
    check(again.outputs["QueueUrl"] != left["QueueUrl"], "the new stack has the old queue")
    check(again.outputs["TableName"] == left["TableName"], again.outputs)
    again.post(secret, call("restored"))
    counts = lambda: deliveries_of(again, left["TableName"], "ai-sync/call/restored")
    wait_for("the duplicate of before the deletion", lambda: counts() == [3])
    command.on(again, "opt-outs", "+15550100009", code=3)
    move(stack, left["QueueUrl"], again.outputs["QueueUrl"])
    check(again.depth(left["QueueUrl"]) == 0, "the old queue still holds something")
    [record] = wait_for("what was left behind", lambda: again.records_of("ai-sync/call/left behind"))
    check(int(record["sequence"]["S"]) == int(place), "it has another place than it had")
    wait_for("the queue is empty", again.is_idle)
    command.on(again, "check", "--before-delete")
    told("a stack is deleted with an event in its queue, and one of its name takes everything over")
    return again


def move(stack, old, new):
    command = [sys.executable, str(ROOT / "docs" / "move-messages.py"), old, new]
    environment = os.environ | stack.aws.credentials() | {"AWS_DEFAULT_REGION": REGION}
    subprocess.run(command, check=True, timeout=60, env=environment, capture_output=True)


def prove_moving(stack):
    """What SQS itself moved to a dead-letter queue lost its place: it is moved on as the oldest."""
    queue = lambda name, **more: stack.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true", **more})["QueueUrl"]
    dead, new = queue("dead.fifo"), queue("new.fifo")
    arn = stack.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    source = queue("source.fifo", RedrivePolicy=redrive)
    stack.sqs.send_message(QueueUrl=source, MessageBody="m", MessageGroupId="g", MessageDeduplicationId="d")
    for _ in range(3):
        stack.sqs.receive_message(QueueUrl=source, VisibilityTimeout=0)
    [waiting] = peek(stack, dead)
    check("DeadLetterQueueSourceArn" in waiting["Attributes"], waiting)
    move(stack, dead, new)
    [moved] = stack.sqs.receive_message(QueueUrl=new, MessageAttributeNames=["All"])["Messages"]
    check(moved["MessageAttributes"]["sequence_number"]["StringValue"] == "0", moved)
    told("what SQS moved by itself counts as the oldest of its entity after it is moved on")


def peek(stack, url):
    """What waits in a queue, without hiding it."""
    received = stack.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageSystemAttributeNames=["All"]
    )
    return received["Messages"]


def is_gone(stack):
    found = stack.cloudformation.list_stacks()["StackSummaries"]
    own = [summary["StackStatus"] for summary in found if summary["StackName"] == stack.name]
    return own and all(status == "DELETE_COMPLETE" for status in own)


def prove_alarms(stack, template, zips):
    """Each alarm that the local AWS can have goes off by its metric and reaches the topic."""
    sns, cloudwatch = stack.aws.client("sns"), stack.aws.client("cloudwatch")
    topic = sns.create_topic(Name="pages")["TopicArn"]
    queue = stack.sqs.create_queue(QueueName="pages")["QueueUrl"]
    arn = stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    stack.deploy(template, zips, AlarmTopicArn=topic, SilenceHours="24")
    check(stack.outputs["AlarmTopic"] == topic, stack.outputs)
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"{stack.name}-")["MetricAlarms"]
    rising = [alarm for alarm in alarms if alarm["ComparisonOperator"] == "GreaterThanThreshold"]
    check(len(rising) == len(alarms) - 1, "only Silence goes off by too little")
    for alarm in alarms:
        check(alarm["AlarmActions"] == [topic] == alarm["OKActions"], alarm)
    for alarm in alarms:
        # What went on before may have set it off, when there was no topic.
        cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="OK", StateReason="to begin with")
        put(cloudwatch, alarm, alarm["Threshold"] + 1 if alarm in rising else 0)
        found = cloudwatch.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
        check(found[0]["StateValue"] == "ALARM", f"{alarm['AlarmName']}: {found[0]['StateValue']}")
    pages = set()

    def all_paged():
        for message in stack.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            pages.add(json.loads(json.loads(message["Body"])["Message"])["AlarmName"])
            stack.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return pages >= {alarm["AlarmName"] for alarm in alarms}

    try:
        wait_for("a page of each alarm", all_paged)
    except AssertionError as error:
        missing = {alarm["AlarmName"] for alarm in alarms} - pages
        raise AssertionError(f"{error}: {missing}") from None
    told(f"{len(alarms)} alarms go off by their metrics, and each pages through the topic")


def put(cloudwatch, alarm, value):
    cloudwatch.put_metric_data(
        Namespace=alarm["Namespace"],
        MetricData=[{"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": value}],
    )
