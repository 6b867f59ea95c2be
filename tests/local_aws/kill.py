#!/usr/bin/env python3
"""Kills the two functions' processes on a local AWS while senders post: nothing acknowledged is lost.

template.yaml is deployed with the release zips, as prove.py does it. Senders of two providers post events
with copies, lists of events, shuffled, some with large bodies, and some of entities whose states are
damaged, which become dead letters. Nothing else may, but what was killed five times while just it ran.
Meanwhile children of the local AWS are killed with SIGKILL, again and again: all processes of the ingress,
as soon as a sender has its answer or at a random moment, or the consumer's, at a random moment. A sender
that is not answered 2xx sends again, as a provider would. Towards the end the damaged states are put right
and `switchhook dead redrive --all --stack` runs while the kills go on, and once more after them. Then every
event is in the table once, with its own bytes, and counts all deliveries that were acknowledged; both
queues are empty.

    python3 -m venv VENV && VENV/bin/pip install -r tests/local_aws/requirements.txt
    PATH=VENV/bin:$PATH python3 tests/local_aws/kill.py --one-arch --kills 100

`--seed` repeats a run's bodies and pauses; what is in flight then is the machine's affair.

One attribute of the stack is changed: messages in the hands of a process that died come again after three
seconds and not after three minutes.
"""

import base64
import hashlib
import hmac
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

from deployment import FUNCTIONS, call, check, large_call, told, wait_for
from proof import deployed, options, run

SENDERS = 6
VISIBILITY_SECS = 3
# How many messages may wait before the senders pause, and how long they do.
MOST_WAITING, PAUSE_SECS = 120, 0.2
# How long between a process's being there and its end, at most.
MOST_PAUSE_SECS = 0.5
DRAIN_SECS = 180
# How often just one event must run when its process is killed until it becomes a dead letter.
MISHAPS = 5


def status(key, status, noise):
    """A status of Cellcast's, which come alone and in lists."""
    return json.dumps(
        {"_id": key, "sender": "ACME", "receiver": "+61400000123", "type": "send", "status": status, "noise": noise}
    ).encode()


class Delivery:
    """One request: of AI Sync an event, of Cellcast an event or a list of several."""

    def __init__(self, source, bodies):
        self.source, self.bodies = source, bodies
        # The bytes of a list of one would be the list's.
        self.body = bodies[0] if len(bodies) == 1 else b"[" + b",".join(bodies) + b"]"

    def headers(self, sources):
        if self.source == "ai-sync":
            secret = sources["ai-sync"]["secrets"][0]
            proof = {"x-webhook-signature": hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()}
        else:
            user = sources["cellcast"]["users"][0]
            login = f"{user['username']}:{user['password']}".encode()
            proof = {"authorization": f"Basic {base64.b64encode(login).decode()}"}
        return {**proof, "content-type": "application/json"}


class Load:
    """What is posted, and what the senders were told about it."""

    def __init__(self, stack, sources, numbers):
        self.stack, self.sources, self.numbers = stack, sources, numbers
        self.lock = threading.Lock()
        self.queue, self.made, self.posted, self.lists = [], 0, [], 0
        self.acknowledged = {}  # of each event's bytes, the deliveries
        self.unanswered = Counter()  # of each event's bytes, copies that may have been accepted or not
        self.poisons, self.damaged = True, []
        self.answered = threading.Event()
        self.stopped = threading.Event()
        self.failures = []

    def start(self):
        self.threads = [threading.Thread(target=self.send) for _ in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        check(not self.failures, self.failures)

    def send(self):
        try:
            while not self.stopped.is_set():
                if self.stack.depth(self.stack.outputs["QueueUrl"]) > MOST_WAITING:
                    time.sleep(PAUSE_SECS)
                else:
                    self.post(self.next())
        except Exception as error:  # told by `stop`
            self.failures.append(error)

    def next(self):
        with self.lock:
            if not self.queue:
                self.queue = self.some()
            return self.queue.pop()

    def some(self):
        """Three events of each of ten entities, copies among them, shuffled, and old copies."""
        calls, texts = [], []
        for _ in range(10):
            key = f"k{self.made}"
            self.made += 1
            is_call = self.made % 3 > 0
            if self.poisons and self.made % 10 == 5:
                self.damage(f"ai-sync/call/{key}" if is_call else f"cellcast/message/{key},+61400000123")
            if is_call:
                for event in ("call.started", "call.answered", "call.ended"):
                    large = self.numbers.random() < 0.1
                    calls.append(large_call(key, event) if large else call(key, event))
            else:
                texts += [status(key, word, self.numbers.random()) for word in ("Queued", "Sent", "Delivered")]
        made = [Delivery("ai-sync", [body]) for body in calls]
        while texts:
            count = self.numbers.randint(1, 4)
            made.append(Delivery("cellcast", texts[:count]))
            texts = texts[count:]
        copies = [delivery for delivery in made for _ in range(self.numbers.choice((1, 1, 2, 3)))]
        copies += self.numbers.sample(self.posted, min(3, len(self.posted)))
        self.posted += made
        self.numbers.shuffle(copies)
        return copies

    def damage(self, entity):
        item = {"pk": {"S": entity}, "sk": {"S": "state"}, "version": {"N": "1"}}
        self.stack.dynamodb.put_item(TableName=self.stack.outputs["TableName"], Item=item)
        self.damaged.append(entity)

    def repair(self):
        """Puts right what is damaged, for good."""
        with self.lock:
            self.poisons = False
            for entity in self.damaged:
                item = {"pk": {"S": entity}, "sk": {"S": "state"}}
                self.stack.dynamodb.delete_item(TableName=self.stack.outputs["TableName"], Key=item)

    def post(self, delivery):
        """Sends until it is acknowledged."""
        headers = delivery.headers(self.sources)
        while True:
            code, _, answer = self.stack.request(f"/webhooks/{delivery.source}", delivery.body, headers)
            self.answered.set()
            with self.lock:
                if code == 200:
                    check(answer["events"] == len(delivery.bodies), f"{answer} of {len(delivery.bodies)} events")
                    self.lists += len(delivery.bodies) > 1
                    for body in delivery.bodies:
                        self.acknowledged.setdefault(body, set()).add(answer["id"])
                    return
                self.unanswered.update(delivery.bodies)
            check(code >= 500, f"{code} {answer}")


class Killer:
    """Kills children of the local AWS, which are the functions' processes."""

    def __init__(self, stack, load, numbers):
        self.stack, self.load, self.numbers = stack, load, numbers
        self.names = {function: stack.outputs[f"{function.capitalize()}Function"] for function in FUNCTIONS}
        self.kills, self.killed = 0, Counter()

    def kill(self, count):
        for _ in range(count):
            function = self.numbers.choice(FUNCTIONS)
            killed = wait_for(f"a process of the {function}", lambda: self.killed_of(function))
            self.kills += 1
            self.killed[function] += killed

    def killed_of(self, function):
        """Waits for the moment, kills all processes of a function, and returns how many they were."""
        time.sleep(self.numbers.random() * MOST_PAUSE_SECS)
        processes = self.processes(function)
        if function == "ingress" and self.numbers.random() < 0.5:
            self.load.answered.clear()
            self.load.answered.wait(MOST_PAUSE_SECS)
        for process in processes:
            os.kill(process, signal.SIGKILL)
        return len(processes)

    def processes(self, function):
        found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [process for process in found if self.is_of(process, function)]

    def is_of(self, process, function):
        try:
            status = Path(f"/proc/{process}/stat").read_text()
            parent = int(status.rpartition(")")[2].split()[1])
            if parent != self.stack.aws.program.pid:
                return False
            environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
        except OSError:
            return False  # it has ended meanwhile
        return f"AWS_LAMBDA_FUNCTION_NAME={self.names[function]}".encode() in environment


def redriven(command, stack, code=0):
    lines = command.lines(stack, "dead", "redrive", "--all", code=code)
    return sum(line["action"] == "redriven" for line in lines)


def check_dead(command, stack, load, killer, dead):
    """Notes why letters are dead: a redrive would heal those too that are not dead by right."""
    for letter in command.lines(stack, "dead", "list"):
        is_poisoned = letter["reason"] == "item" and letter["entity"] in load.damaged
        check(is_poisoned or letter["reason"] == "attempts", f"dead, and not by right: {letter}")
        dead.setdefault(letter["reason"], set()).add(letter["message_id"])
    killed = len(dead.get("attempts", ()))
    most = killer.killed["consumer"] // MISHAPS
    check(killed <= most, f"{killer.killed['consumer']} processes were killed, and {killed} events are dead by it")


def is_drained(stack):
    return stack.is_idle() and stack.depth(stack.outputs["DeadLetterQueueUrl"]) == 0


def check_table(stack, command, load):
    """Every event once, with its own bytes, and all deliveries that were acknowledged.

    Returns how many events there are, and how many deliveries were accepted without being answered so.
    """
    events = command.lines(stack, "events", "--raw", "--limit", "100000")
    bodies = {event["id"]: base64.b64decode(event["raw"]) for event in events}
    check(len(bodies) == len(set(bodies.values())), "an event is recorded twice")
    missing = [body[:100] for body in set(load.acknowledged) - set(bodies.values())]
    check(not missing, f"acknowledged and not recorded: {missing}")
    check(len(bodies) == len(load.acknowledged), "other bytes are recorded than were sent")
    records, unheard = stack.records(), 0
    check(bodies.keys() == {record["id"]["S"] for record in records}, "the command tells other events")
    for record in records:
        body, counted = bodies[record["id"]["S"]], set(record["deliveries"]["SS"])
        acknowledged = load.acknowledged[body]
        check(acknowledged <= counted, f"{acknowledged - counted} of {record['id']} were acknowledged")
        more = len(counted - acknowledged)
        check(more <= load.unanswered[body], f"{record['id']} counts {more} that nobody sent")
        unheard += more
    return len(records), unheard


def prove(arguments, folder, programs):
    stack, command = deployed(arguments, folder, programs, 300 + 5 * arguments.kills)
    command.push(stack)
    stack.sqs.set_queue_attributes(
        QueueUrl=stack.outputs["QueueUrl"], Attributes={"VisibilityTimeout": str(VISIBILITY_SECS)}
    )
    told(f"--seed {arguments.seed}")
    numbers = random.Random(arguments.seed)
    load = Load(stack, command.sources["sources"], random.Random(numbers.random()))
    killer, dead = Killer(stack, load, numbers), {}
    load.start()
    try:
        last = arguments.kills // 3
        killer.kill(arguments.kills - last)
        told(f"{killer.kills} kills under load")
        check_dead(command, stack, load, killer, dead)
        load.repair()
        redriving = threading.Thread(target=killer.kill, args=(last,))
        redriving.start()
        sent_back = redriven(command, stack)
        redriving.join()
    finally:
        load.stop()
    told(f"{killer.kills} kills; {sent_back} dead letters redriven meanwhile")
    wait_for("an empty queue", stack.is_idle, DRAIN_SECS)
    check_dead(command, stack, load, killer, dead)
    sent_back += redriven(command, stack)
    wait_for("empty queues", lambda: is_drained(stack), DRAIN_SECS)
    check(sent_back > 0, "nothing was poison")
    check(load.lists > 0, "no list was acknowledged")
    check(killer.kills == arguments.kills, f"{killer.kills} kills")
    events, unheard = check_table(stack, command, load)
    broken = (folder / "aws.log").read_text(errors="replace").count(": Runtime exited before returning")
    deliveries = len(set().union(*load.acknowledged.values()))
    found = {reason: len(letters) for reason, letters in dead.items()}
    told(
        f"{killer.kills} kills of {dict(killer.killed)} processes, {broken} in the middle of an invocation:"
        f" {deliveries} deliveries acknowledged, {load.unanswered.total()} copies of events not"
        f" ({unheard} of these accepted all the same),"
        f" {load.lists} of them lists,"
        f" {events} events recorded once, dead {found}, {sent_back} redriven"
    )


def main():
    parser = options(__doc__)
    parser.add_argument("--kills", type=int, default=10, help="how often processes are killed")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="repeats a run's load")
    run(prove, parser.parse_args())


if __name__ == "__main__":
    main()
