"""What a case is made of: a request, the sources that meet it, and what must come of it."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime

from .digest import canonical, dedup_key, digest, slot
from .text import Raw, parse

RECEIVED_AT = "2026-02-03T04:05:06.789Z"
ACCEPTED_AT_MS = round(datetime.fromisoformat(RECEIVED_AT).timestamp() * 1000)

SECRET = "example-secret"
OTHER_SECRET = "other-example-secret"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

SOURCES = f"""\
[sources.voice]
provider = "ai-sync"
secrets = ["{SECRET}"]

[sources.other]
provider = "ai-sync"
secrets = ["{OTHER_SECRET}"]
"""


def sources(settings: str) -> str:
    """The usual document with other settings of `voice`."""
    return SOURCES.replace(f'secrets = ["{SECRET}"]\n\n', settings.strip() + "\n\n", 1)


@dataclass
class Recipe:
    """A body too large to be committed: pieces of text, each repeated."""

    pieces: list[tuple[str, int]]

    def body(self) -> bytes:
        return "".join(text * times for text, times in self.pieces).encode()

    def json(self):
        return [{"text": text, "times": times} for text, times in self.pieces]


@dataclass
class Credential:
    """The header that lets a case in."""

    header: str
    foreign: str
    """What would stand there if another source's secret had made it."""
    covers_body: bool = True
    """Whether it must not let in any other body."""


@dataclass
class Case:
    name: str
    about: str
    body: bytes
    expected: dict
    headers: list
    provider: str = "ai-sync"
    path: str = "/webhooks/voice"
    query: str = ""
    received_at: str = RECEIVED_AT
    method: str = "POST"
    peer: str | None = "192.0.2.10"
    sources: str = SOURCES
    recipe: Recipe | None = None
    credential: "Credential | None" = None
    """The header that lets it in, if one does: then it can be tampered with."""

    def request(self) -> dict:
        request = {"method": self.method, "path": self.path, "query": self.query, "headers": self.headers}
        request["received_at"] = self.received_at
        if self.peer:
            request["peer"] = self.peer
        if self.recipe:
            request["body_recipe"] = self.recipe.json()
        if self.credential:
            request["credential"] = vars(self.credential)
        return request


CASES: list[Case] = []


def add_case(provider, name, about, body, expected, headers, **more):
    """Adds a case of any provider, with all of its headers."""
    recipe = body if isinstance(body, Recipe) else None
    body = recipe.body() if recipe else body.encode() if isinstance(body, str) else body
    if any((case.provider, case.name) == (provider, name) for case in CASES):
        raise ValueError(f"two cases of {provider} are called {name}")
    expected = {"about": about, **expected}
    lines = [list(header) for header in headers]
    CASES.append(Case(name, about, body, expected, lines, provider=provider, recipe=recipe, **more))


def add(name, about, body, expected, *, signature="", secret=SECRET, content_type=JSON, headers=(), **more):
    """Adds a case of AI Sync. `signature` is a header's value, `None` for no such header; else it is made."""
    bytes_ = body.body() if isinstance(body, Recipe) else body.encode() if isinstance(body, str) else body
    lines = [["Content-Type", content_type]] if content_type else []
    lines += [["User-Agent", "AISync-Webhooks/1.0"]]
    if signature == "":
        lines.append(["X-Webhook-Signature", "sha256=" + sign(bytes_, secret)])
    elif signature is not None:
        lines.append(["X-Webhook-Signature", signature])
    lines += [list(header) for header in headers]
    proven = [line[0] for line in lines if line[0].lower() == "x-webhook-signature"]
    if expected["status"] == 200 and proven and "unsigned" not in more.get("sources", ""):
        foreign = "sha256=" + sign(bytes_, OTHER_SECRET)
        more["credential"] = Credential(proven[0], foreign)
    add_case("ai-sync", name, about, body, expected, lines, **more)


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


# What must come of a request.


def refused(status: int, code: str, **headers: str) -> dict:
    expected = {"status": status, "answer": {"error": code}}
    return expected | ({"headers": headers} if headers else {})


UNAUTHORIZED = refused(401, "unauthorized")
NOT_FOUND = refused(404, "not_found")
TOO_LARGE = refused(413, "too_large")
METHOD_NOT_ALLOWED = refused(405, "method_not_allowed", allow="POST")


def accepted(event: dict, states: dict | None = None) -> dict:
    return accepted_all([event], states)


def accepted_all(events: list[dict], states: dict | None = None) -> dict:
    expected = {"status": 200, "answer": {"received": True, "events": len(events)}, "events": events}
    return expected | ({"states": states} if states is not None else {})


def element(event: dict, index: int, raw: str) -> dict:
    """An event that is one of several of its delivery: which one, and its exact text."""
    return event | {"index": index, "raw": raw}


def event(kind, entity, record, data, *, provider_event, occurred_at=None, cut=None) -> dict:
    """An event. Fields of `data` that were cut are in `cut`, with the whole text as a recipe."""
    found = {"kind": kind, "provider_event": provider_event, "entity": entity}
    found |= {"occurred_at": occurred_at, "record": record, "data": data}
    return found | ({"cut": cut} if cut else {})


def once(*parts: str) -> str:
    """The record of what happens once to its entity."""
    return dedup_key(*parts)


def within_window(*parts: str | bytes, window_secs: int = 2 * 60 * 60, received_at: str = RECEIVED_AT) -> str:
    """The record of what may rightly happen again; AI Sync's window is two hours."""
    accepted_at_ms = round(datetime.fromisoformat(received_at).timestamp() * 1000)
    return f"{dedup_key(*parts)}#{slot(accepted_at_ms, window_secs)}"


def repeatable(name: str, body: str) -> str:
    """The record of an event that its time (as it is written) and its data tell apart."""
    told = parse(body)
    timestamp = json.dumps(told["timestamp"]) if "timestamp" in told else ""
    return within_window(name, timestamp, canonical(_member(body, "data")))


def _member(body: str, name: str) -> str:
    """The text of a member of a JSON object."""
    begin = body.index(f'"{name}":') + len(name) + 3
    rest = body[begin:].lstrip()
    end = json.JSONDecoder().raw_decode(rest)[1]
    return rest[:end]


def contact_record(slug: str, body: bytes | str) -> str:
    body = body.encode() if isinstance(body, str) else body
    return within_window(slug, hashlib.sha256(body).hexdigest())


def unknown(
    kind, body, reason, extra=None, *, slug="", provider_event=None, source="voice", window_secs=2 * 60 * 60
) -> dict:
    """`unrecognised` and `unreadable`: about a delivery, known by its slug and bytes."""
    body = body.body() if isinstance(body, Recipe) else body.encode() if isinstance(body, str) else body
    entity = f"{source}/delivery/{digest(slug.encode(), body)}"
    data = {"reason": reason, "extra": extra or {}}
    record = within_window(kind, window_secs=window_secs)
    return event(kind, entity, record, data, provider_event=provider_event)


def unreadable(body, reason, **more) -> dict:
    return accepted(unknown("unreadable", body, reason, **more))


def unrecognised(body, reason, extra, **more) -> dict:
    return accepted(unknown("unrecognised", body, reason, extra, **more))


# The shapes of `data`: every name that there is, null unless it is told.


def _shape(names: str):
    def make(extra=None, **told):
        strange = told.keys() - set(names.split())
        if strange:
            raise ValueError(f"no names of this shape: {strange}")
        return {name: told.get(name) for name in names.split()} | {"extra": extra or {}}

    return make


call = _shape(
    "direction from to agent status started_at answered_at ended_at duration_secs talk_secs wait_secs"
    " recordings disposition sentiment transcript tags"
)
message_received = _shape("from to text in_reply_to_text channel keyword")
message_status = _shape("status status_raw final from to text segments price error_code reason")
email_status = _shape("status to from subject reason")
call_disposition = _shape("disposition note")
call_recording = _shape("recordings")
opted_out = _shape("phone email channel method")
contact_list = _shape("name size")
contact = _shape("name phone email address lists fields")
agent = _shape("name status metrics")
campaign = _shape("name totals")
booking = _shape("name phone email starts_at agent")

__all__ = [name for name in globals() if not name.startswith("_")]
