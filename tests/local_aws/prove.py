#!/usr/bin/env python3
"""Deploys template.yaml on a local AWS and proves it with real deliveries.

The release zips run behind the template's own HTTP API, roles, FIFO queue, event source mapping, table
and bucket, all made by CloudFormation out of template.yaml; the roles' policies are enforced. What an
operator does is done by the real `switchhook … --stack`, which finds everything by the stack's outputs.
Then each zip's program runs under AWS's runtime interface emulator with the events of events/lambda.

    python3 -m venv VENV && VENV/bin/pip install -r tests/local_aws/requirements.txt
    PATH=VENV/bin:$PATH python3 tests/local_aws/prove.py

With `--serve` it deploys the stack, says how to reach it, and waits for Ctrl-C instead: a local AWS for
`sam local`, `cargo lambda watch` and `switchhook … --stack`.

Everything is on 127.0.0.1 and in a temporary folder. Ends with 1 at the first thing that is not as it
should be, and ends only processes that it started.
"""

import hashlib
import hmac
import json
import signal
import time
import tomllib
from datetime import datetime, timezone

from botocore.exceptions import ClientError

from deployment import FUNCTIONS, REGION, TEMPLATE, Stack, adapted, call, check, large_call, told, wait_for
from emulator import FILES_SOURCE, prove_emulator
from lifecycle import prove_alarms, prove_deletion, prove_moving, prove_pause, prove_restore
from proof import deployed, options, run

PROOF_SECS = 600


def prove_unconfigured(stack):
    check(stack.request("/healthz")[0] == 200, "healthz")
    status, headers, _ = stack.request("/webhooks/ai-sync", b"{}")
    check((status, headers.get("retry-after")) == (503, "2"), f"without a secret: {status}")
    told("without a sources document: healthz 200, a webhook 503 with Retry-After")


def prove_samples(stack, command):
    """Every sample of every provider is recorded once, under the id that it was answered."""
    expected = {}
    for source in command.sources["sources"]:
        samples = command.samples(source)
        check(samples, f"no samples of {source}")
        for sample in samples:
            sent = command.send(source, sample, stack.base())
            check(sent.returncode == 0, f"{source} {sample}: {sent.stdout}{sent.stderr}")
            answer = json.loads(sent.stdout.split(" ", 1)[1])
            for index in range(answer["events"]):
                expected[f"{answer['id']}.{index}"] = (source, sample)
        told(f"{source}: {len(samples)} samples answered 200")

    def recorded():
        seen = [record["id"]["S"] for record in stack.records()]
        check(len(seen) == len(set(seen)), "an event is recorded twice")
        deliveries = {id for record in stack.records() for id in record["deliveries"]["SS"]}
        return all(id in seen or id.split(".")[0] in deliveries for id in expected)

    wait_for("every sample is recorded", recorded, 60)
    unknown = [r["kind"]["S"] for r in stack.records() if r["kind"]["S"] == "unreadable"]
    check(not unknown, "a sample is unreadable")
    told(f"{len(expected)} events of samples recorded, each once")


def prove_duplicates(stack, command):
    for source in command.sources["sources"]:
        sample = command.samples(source)[0]
        before = {record["id"]["S"] for record in stack.records()}
        sent = command.send(source, sample, stack.base(), "--repeat", "3")
        check(sent.returncode == 0, f"{source} {sample}: {sent.stdout}{sent.stderr}")

        def counted():
            new = [record for record in stack.records() if record["id"]["S"] not in before]
            return new and all(len(record["deliveries"]["SS"]) == 3 for record in new)

        wait_for(f"three copies of {source} {sample} are one record", counted)
    told("three copies of a delivery are one record that counts three, for every source")


def prove_refusals(stack, command):
    before = len(stack.records())
    sent = command.send("ai-sync", "call.ended", stack.base(), "--tamper")
    check(sent.returncode == 1 and sent.stdout.startswith("401"), sent.stdout)
    check(stack.request("/webhooks/nobody", b"{}")[0] == 404, "an unknown source")
    check(stack.request("/elsewhere", b"{}")[0] == 404, "no route")
    status, headers, _ = stack.request("/webhooks/ai-sync")
    check((status, headers.get("allow")) == (405, "POST"), "GET of a webhook")
    check(stack.is_idle() and len(stack.records()) == before, "something refused came through")
    told("a changed body 401, an unknown source 404, GET 405, and nothing of them is queued")


def prove_large_body(stack, secret):
    body = large_call("large")
    delivery, _ = stack.post(secret, body)
    [record] = wait_for("the large one", lambda: stack.records_of("ai-sync/call/large"))
    pointer = json.loads(record["raw_stored"]["S"])
    kept = stack.s3.get_object(Bucket=stack.outputs["BodiesBucket"], Key=pointer["key"])["Body"].read()
    check(kept == body, "the bucket has other bytes")
    check(pointer["key"] == f"ai-sync/{delivery}.0", pointer["key"])
    told(f"a body of {len(body)} bytes went through S3 and came back byte for byte")


def prove_poison(stack, secret):
    """One batch: a poison between two events of its group, and another group beside them."""
    stack.consumer_runs(False)
    stack.post(secret, call("p1", "call.started"))
    stack.sqs.send_message(
        QueueUrl=stack.outputs["QueueUrl"],
        MessageBody="poison",
        MessageGroupId="ai-sync/call/p1",
        MessageDeduplicationId="poison",
    )
    stack.post(secret, call("p1"))
    stack.post(secret, call("p2"))
    check(stack.depth(stack.outputs["QueueUrl"]) == 4, "four messages wait")
    stack.consumer_runs(True)
    wait_for("the neighbours", lambda: len(stack.records_of("ai-sync/call/p1")) == 2)
    wait_for("the other group", lambda: len(stack.records_of("ai-sync/call/p2")) == 1)
    [letter] = wait_for("the dead letter", stack.take_dead_letters)
    reason = letter["MessageAttributes"]["reason"]["StringValue"]
    check((letter["Body"], reason) == ("poison", "envelope"), f"{reason}: {letter['Body']}")
    check(letter["MessageAttributes"]["sequence_number"]["StringValue"], "its place is kept")
    stack.sqs.delete_message(
        QueueUrl=stack.outputs["DeadLetterQueueUrl"], ReceiptHandle=letter["ReceiptHandle"]
    )
    wait_for("the queue is empty", stack.is_idle)
    told("a poison event is dead-lettered alone; its neighbours in group and batch came through")


def prove_failure(stack):
    """While the dead-letter queue takes nothing, a poison event comes again; it is not lost."""
    url = stack.outputs["DeadLetterQueueUrl"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    stack.sqs.send_message(
        QueueUrl=stack.outputs["QueueUrl"],
        MessageBody="another poison",
        MessageGroupId="ai-sync/call/f1",
        MessageDeduplicationId="another poison",
    )
    wait_for(
        "the failure is told",
        lambda: any("dead letter not sent" in line for line in stack.lines("ConsumerLogGroup")),
    )
    stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    [letter] = wait_for("the dead letter, after its delay", stack.take_dead_letters)
    stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
    wait_for("the queue is empty", stack.is_idle)
    told("what failed came again after its delay, and nothing of it was lost")


def prove_redrive(stack, command, secret):
    """What could not be handled is put right, redriven, and takes its original place."""
    stack.consumer_runs(False)
    delivery, _ = stack.post(secret, large_call("r1"))
    where = {"Bucket": stack.outputs["BodiesBucket"], "Key": f"ai-sync/{delivery}.0"}
    body = stack.s3.get_object(**where)["Body"].read()
    stack.s3.delete_object(**where)
    stack.consumer_runs(True)
    event = f"{delivery}.0"
    [letter] = wait_for("the dead letter", lambda: command.lines(stack, "dead", "list"))
    check((letter["id"], letter["reason"], letter["recorded"]) == (event, "body_missing", False), letter)
    [shown] = command.lines(stack, "dead", "show", event)
    check(not stack.records_of("ai-sync/call/r1"), "recorded without its body")
    stack.s3.put_object(**where, Body=body)
    for options in (["--dry-run"], []):
        [redriven] = command.lines(stack, "dead", "redrive", event, *options)
        check(redriven["action"] == "redriven", redriven)
    [record] = wait_for("the redriven one", lambda: stack.records_of("ai-sync/call/r1"))
    check(record["id"]["S"] == event, record["id"])
    check(int(record["sequence"]["S"]) == int(shown["sequence_number"]), "another place")
    check(command.on(stack, "dead", "list", "--json") == "", "a letter is left")
    told("`dead redrive` sends a letter that was put right to its original place")


def prove_dropping(stack, command):
    stack.sqs.send_message(
        QueueUrl=stack.outputs["QueueUrl"],
        MessageBody="poison",
        MessageGroupId="ai-sync/call/d1",
        MessageDeduplicationId="dropped",
    )
    [letter] = wait_for("the dead letter", lambda: command.lines(stack, "dead", "list"))
    command.on(stack, "dead", "drop", "--all", code=2)  # nobody is asked
    [looked] = command.lines(stack, "dead", "drop", "--all", "--dry-run")
    check(looked["dry_run"] and len(command.lines(stack, "dead", "list")) == 1, looked)
    [dropped] = command.lines(stack, "dead", "drop", letter["message_id"], "--yes")
    check((dropped["action"], command.lines(stack, "dead", "list")) == ("dropped", []), dropped)
    told("`dead drop` asks, looks and drops")


def prove_reading(stack, command, secret):
    """What the commands show is what the table and the bucket hold."""
    stop = b'{"event":"sms.received","data":{"from":"+15550100003","to":"+15550100004","message":"STOP"}}'
    stack.post(secret, stop)
    listed = lambda: {entry["phone"] for entry in command.lines(stack, "opt-outs")}
    wait_for("the number", lambda: "+15550100003" in listed())
    [entry] = command.lines(stack, "opt-outs", "+1 555 010 0003", code=3)
    check(entry["opted_out"] and entry["phone"] == "+15550100003", entry)
    time.sleep(2)  # AWS says whole seconds: within the STOP's own, nothing takes it back
    command.on(stack, "opt-outs", "remove", "+15550100003", "--because", "signed the form")
    wait_for("the number to leave", lambda: "+15550100003" not in listed())
    command.on(stack, "opt-outs", "add", "+15550100007", "--because", "asked on the phone")
    wait_for("another number", lambda: "+15550100007" in listed())
    command.on(stack, "opt-outs", "+15550100007", code=3)
    command.on(stack, "opt-outs", "+15550100003")
    records = {record["id"]["S"]: record for record in stack.records()}
    events = command.lines(stack, "events", "--limit", "1000")
    check({event["id"] for event in events} == records.keys(), "other events")
    [large] = stack.records_of("ai-sync/call/large")
    shown = command.on(stack, "show", large["id"]["S"], "--raw")
    check(shown.endswith("\n" + large_call("large").decode()), "other bytes")
    [entity] = command.lines(stack, "show", "ai-sync/call/large")
    check([event["id"] for event in entity["events"]] == [large["id"]["S"]], entity)
    told(f"`events` lists all {len(events)} events, `show` their bytes, `opt-outs` who said STOP and who was added by hand")
    sent = command.on(stack, "send", "ai-sync", "call.ended", "--url", stack.base())
    check(sent.startswith("200 "), sent)
    elsewhere = command.on(stack, "send", "ai-sync", "call.ended", code=1)
    check(elsewhere == "", "sent to the public address of an API that is not there")
    told("`send` signs by the stack's own secret, and calls nobody else")


def prove_forgetting(stack, command):
    """Of a number nothing is left but its entry of the suppression list."""
    number = "+15550100003"
    command.on(stack, "forget", number, code=1)  # nobody is asked
    [looked] = command.lines(stack, "forget", number, "--dry-run")
    check(command.answering(stack, "n\n", "forget", number, "--at-most", "10000") == 1, "it did not ask")
    [erased] = command.lines(stack, "forget", number, "--yes", "--at-most", "10000")
    check(erased["deleted"] == looked["items"] > 0, (looked, erased))
    check(erased["kept_opt_outs"] == 1, erased)
    left = [item["pk"]["S"] for item in stack.items() if number in str(item)]
    check(left == [f"_/opt_out/{number}/sms"], left)
    [left] = command.lines(stack, "forget", number, "--yes")
    check(left["items"] == 0, left)
    told("`forget` leaves nothing of a number but its entry of the suppression list")


def prove_check(stack, command):
    looks = command.lines(stack, "check", "--url", stack.base())
    # A stack of default settings with demo sources, whose URLs have no tokens: `check` advises, and finds nothing else.
    # The CloudFormation of the local AWS leaves a table's expiry and recovery out; prove_restore has them.
    advice = ("does not sign the URL", "DeletionProtection", "AlarmEmail", "AccountConcurrency", "SilenceHours", "expires_at")
    bad = [look for look in looks if look["result"] != "ok" and not any(text in look["detail"] for text in advice)]
    check(not bad and len(looks) >= 13, bad or looks)
    command.on(stack, "check", "--before-deploy")  # an update
    command.on(Stack(stack.aws, "x" * 50), "check", "--before-deploy", code=1)
    command.on(Stack(stack.aws, "nowhere"), "check", "--before-deploy")
    command.on(Stack(stack.aws, "nowhere"), "events", code=1)
    told("`check` finds the stack whole, and says before a deployment what would fail")


def prove_hits(stack, command):
    """The local AWS does not read metrics out of log lines, so what they say is put there by API."""
    told_by = stack.aws.client("cloudwatch")
    counts = [json.loads(line) for line in stack.lines("IngressLogGroup") if '"Deliveries"' in line]
    data, hits = [], {}
    for count in counts:
        [directive] = [
            directive
            for directive in count["_aws"]["CloudWatchMetrics"]
            if {"Name": "Deliveries"} in directive["Metrics"]
        ]
        if count["Status"] == "200":
            hits[count["Source"]] = hits.get(count["Source"], 0) + count["Deliveries"]
        for names in directive["Dimensions"]:
            data.append({
                "MetricName": "Deliveries",
                "Dimensions": [{"Name": name, "Value": count[name]} for name in names],
                "Timestamp": datetime.fromtimestamp(count["_aws"]["Timestamp"] / 1000, timezone.utc),
                "Value": count["Deliveries"],
            })
    for start in range(0, len(data), 500):
        told_by.put_metric_data(Namespace=directive["Namespace"], MetricData=data[start : start + 500])
    listed = {source["name"]: source for source in command.lines(stack, "sources")}
    check({name: source["hits"] for name, source in listed.items()} == hits, (listed, hits))
    for source in listed.values():
        last = datetime.fromisoformat(source["last_hit"])
        check((datetime.now(timezone.utc) - last).total_seconds() < PROOF_SECS, source)
        check(source["url"].startswith(stack.outputs["WebhooksUrl"]), source)
    check(command.lines(stack, "sources", "--silent-for", "1h") == [], "silent")
    told(f"`sources` tells {sum(hits.values())} hits as the log lines count them")


def prove_replay(stack, command):
    queue = stack.sqs.create_queue(QueueName="of-the-bus")["QueueUrl"]
    arn = stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events, bus = stack.aws.client("events"), stack.outputs["BusName"]
    pattern = json.dumps({"source": ["switchhook"], "detail-type": ["call.ended"]})
    events.put_rule(Name="ended", EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule="ended", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    [large] = stack.records_of("ai-sync/call/large")
    said = command.on(stack, "replay", large["id"]["S"])
    check(f"1 of 1 put on the bus {bus}" in said, said)

    def handed_out():
        found = stack.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        details = [json.loads(message["Body"])["detail"] for message in found]
        return [detail for detail in details if detail["id"] == large["id"]["S"]]

    detail = wait_for("the replayed event", handed_out)[0]
    check(json.loads(detail["data"]) == json.loads(large["data"]["S"]), detail)
    told("`replay` hands a recorded event to the rules of the stack's bus")


def prove_rotation(stack, command):
    """A new secret is pushed beside the old one and then alone: nothing is deployed or started anew."""
    old = command.sources["sources"]["ai-sync"]["secrets"][0]
    new = hashlib.sha256(old.encode()).hexdigest()
    text = command.document.read_text()
    both = text.replace(f'"{old}"', f'"{new}", "{old}"')
    since = time.monotonic()

    def is_taken(secret):
        body = call("rotated")
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return stack.request("/webhooks/ai-sync", body, {"x-webhook-signature": signature})[0] == 200

    command.document.write_text(both)
    pushing = ("sources", "push", "--config", str(command.document))
    command.on(stack, *pushing, code=2)  # nobody is asked
    check(command.answering(stack, "n\n", *pushing) == 1, "a no is none")
    check(command.push(stack) == "~ ai-sync: secrets 1 added (2 now)\n", "another change")
    wait_for("the new secret", lambda: is_taken(new), 70)
    check(is_taken(old), "the old secret went too early")
    command.document.write_text(text.replace(old, new))
    check(command.answering(stack, "y\n", *pushing) == 0, "a yes is none")
    check("Nothing changes" in command.push(stack), "a yes pushes nothing")
    command.sources = tomllib.loads(command.document.read_text())
    check(is_taken(new), "the new secret is refused")
    wait_for("the queue is empty", stack.is_idle)
    told(f"`sources push` rotates a secret: taken over without a deployment, {time.monotonic() - since:.0f} s")
    return new


def prove_restart(stack, secret):
    """What was accepted outlives everything that runs; what the ledger knew, it still knows."""
    stack.consumer_runs(False)
    for key in ("s1", "s2", "p1"):
        stack.post(secret, call(key))
    before = len(stack.records())
    stack.aws.stop()
    stack.aws.start()
    check(stack.depth(stack.outputs["QueueUrl"]) == 3, "the queue forgot")
    check(len(stack.records()) == before, "the ledger forgot")
    stack.consumer_runs(True)
    wait_for("what had waited", lambda: stack.records_of("ai-sync/call/s2"))
    wait_for("the queue is empty", stack.is_idle)
    check(len(stack.records()) == before + 2, "a duplicate from before the restart is known")
    told("three events wait over a restart of everything: two are recorded, one is a duplicate")


def parsed(lines):
    """The functions' lines; the local AWS has some besides, which are no JSON."""
    return [json.loads(line) for line in lines if line.startswith("{")]


def prove_telemetry(stack, command, secret):
    _, request_id = stack.post(secret, call("traced"))
    [record] = wait_for("the traced one", lambda: stack.records_of("ai-sync/call/traced"))
    # A batch's line comes when the batch is over.
    wait_for("its line", lambda: any(request_id in line for line in stack.lines("ConsumerLogGroup")))
    ingress, consumer = stack.lines("IngressLogGroup"), stack.lines("ConsumerLogGroup")
    [line] = [line for line in parsed(ingress) if line.get("request_id") == request_id]
    seen = (line["message"], line["status"], line["events"], line["kinds"])
    check(seen == ("delivery accepted", 200, 1, "call.ended"), line)
    check(line["bytes"] == len(call("traced")) and line["Deliveries"] == 1, line)
    batches = [json.loads(line) for line in consumer if request_id in line]
    events = [event for line in batches for event in line["events"] if event["request_id"] == request_id]
    [event] = events
    check(event["event_id"] == record["id"]["S"] == line["delivery_id"] + ".0", (event, line))
    check((event["source"], event["kind"], event["outcome"]) == ("ai-sync", "call.ended", "recorded"), event)
    hidden = [*command.secrets(), "15550100003"]
    for line in ingress + consumer:
        for value in hidden:
            check(value not in line, f"a log line shows what it must not: {line}")
    lines = parsed(ingress + consumer)
    for line in lines:
        check(datetime.fromisoformat(line["timestamp"]).tzinfo, line)
        check(line["level"] in ("INFO", "WARN", "ERROR"), line)
        check(line["requestId"], line)
    counts = [line for line in lines if "_aws" in line]
    for count in counts:
        for directive in count["_aws"]["CloudWatchMetrics"]:
            sets = [name for names in directive["Dimensions"] for name in names]
            for name in [metric["Name"] for metric in directive["Metrics"]] + sets:
                check(name in count, f"{name} is not on its line")
    events = sum(count.get("Events", 0) for count in counts)
    told(f"one request id from delivery to commit; {len(counts)} lines with metrics, {events} events counted")


def prove_tls_only(stack, template, zips):
    stack.deploy(template, zips)
    for output in ("QueueUrl", "DeadLetterQueueUrl"):
        try:
            stack.depth(stack.outputs[output])
        except ClientError as error:
            check(error.response["Error"]["Code"].startswith("AccessDenied"), error)
        else:
            raise AssertionError(f"{output} answers plain HTTP")
    # The local AWS keeps a bucket's policy without applying it to this call.
    policy = stack.s3.get_bucket_policy(Bucket=stack.outputs["BodiesBucket"])["Policy"]
    check("aws:SecureTransport" in policy, policy)
    told("the whole template, as an update: the queues refuse plain HTTP")


# ------------------------------------------------------------------------------------ all of it


def serve(stack, command, folder):
    signal.alarm(0)
    command.sources["sources"]["voice"] = FILES_SOURCE
    stack.push(command.sources)
    environments = {function: stack.environment(function) for function in FUNCTIONS}
    for function, environment in environments.items():
        lines = [f"{name}={value}\n" for name, value in environment.items()]
        (folder / f"{function}.env").write_text("".join(lines))
    for_sam = {function.capitalize(): environment for function, environment in environments.items()}
    (folder / "env.json").write_text(json.dumps(for_sam, indent=2))
    print(f"""
the sources        {command.document}, and `voice` of events/lambda
deliveries         switchhook --config {command.document} send ai-sync call.ended --url '{stack.base()}'
any AWS tool       AWS_ENDPOINT_URL={stack.aws.url} AWS_REGION={REGION} AWS_ACCESS_KEY_ID=test
                   AWS_SECRET_ACCESS_KEY=test; the stack is `{stack.name}`
cargo lambda       cargo lambda watch --package ingress --env-file {folder}/ingress.env
                   cargo lambda invoke ingress --data-file events/lambda/ingress-json.json
sam, with Docker   sam local invoke Ingress --event events/lambda/ingress-json.json \\
                     --env-vars {folder}/env.json --docker-network host
                   sam local start-api --env-vars {folder}/env.json --docker-network host
Ctrl-C ends it.""", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass


def prove(arguments, folder, programs):
    stack, command = deployed(arguments, folder, programs, PROOF_SECS)
    if arguments.serve:
        serve(stack, command, folder)
        told("ended")
        return
    secret = command.sources["sources"]["ai-sync"]["secrets"][0]
    prove_unconfigured(stack)
    command.on(stack, "sources", code=1)  # says how to push some
    command.push(stack)
    prove_samples(stack, command)
    prove_duplicates(stack, command)
    prove_refusals(stack, command)
    prove_large_body(stack, secret)
    prove_poison(stack, secret)
    prove_failure(stack)
    prove_redrive(stack, command, secret)
    prove_dropping(stack, command)
    prove_telemetry(stack, command, secret)
    prove_reading(stack, command, secret)
    prove_check(stack, command)
    prove_hits(stack, command)
    prove_replay(stack, command)
    secret = prove_rotation(stack, command)
    prove_restart(stack, secret)
    prove_pause(stack, command, secret)
    template = adapted(TEMPLATE.read_text())
    prove_restore(stack, command, secret, template, arguments.zips)
    stack = prove_deletion(stack, command, secret, template, arguments.zips)
    prove_forgetting(stack, command)  # and with it what others are duplicates of
    second = Stack(stack.aws, "emulated")
    second.deploy(template, arguments.zips, AlarmEmail="ops@example.com")
    check(second.outputs["AlarmTopic"], "no topic of the stack")
    prove_emulator(second, arguments.zips, folder, programs)
    prove_moving(stack)
    prove_alarms(stack, template, arguments.zips)
    prove_tls_only(second, adapted(TEMPLATE.read_text(), tls_only=True), arguments.zips)
    told("proven")


def main():
    parser = options(__doc__)
    parser.add_argument("--serve", action="store_true", help="deploy, and leave it running until Ctrl-C")
    run(prove, parser.parse_args())


if __name__ == "__main__":
    main()
