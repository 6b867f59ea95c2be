"""Cellcast: what its cases have in common."""

import base64
import hashlib
import json

from .case import *

NAME, PASSWORD = "hooks", "s3cret:with colons"
OTHER_NAME, OTHER_PASSWORD = "others", "another password"
WINDOW_SECS = 10 * 60

SOURCES = f"""\
[sources.texts]
provider = "cellcast"
users = [{{ username = "{NAME}", password = "{PASSWORD}" }}]

[sources.other]
provider = "cellcast"
users = [{{ username = "{OTHER_NAME}", password = "{OTHER_PASSWORD}" }}]
"""


def settings(more: str, *, users: str = f'users = [{{ username = "{NAME}", password = "{PASSWORD}" }}]') -> str:
    """The usual document with other settings of `texts`."""
    usual = f'users = [{{ username = "{NAME}", password = "{PASSWORD}" }}]\n\n'
    return SOURCES.replace(usual, f"{users}\n{more}".strip() + "\n\n", 1)


def login(name: str = NAME, password: str = PASSWORD, word: str = "Basic ") -> str:
    return word + base64.b64encode(f"{name}:{password}".encode()).decode()


USUAL = login()
OTHER = login(OTHER_NAME, OTHER_PASSWORD)


def add(name, about, body, expected, *, slug="", path=None, authorization=USUAL, content_type=JSON, headers=(), **more):
    """Adds a case of Cellcast. `authorization` is a header's value, `None` for no such header."""
    lines = [["Content-Type", content_type]] if content_type else []
    lines += [["Authorization", authorization]] if authorization is not None else []
    lines += [list(header) for header in headers]
    more.setdefault("sources", SOURCES)
    proven = [line[0] for line in lines if line[0].lower() == "authorization"]
    if expected["status"] == 200 and proven and "unsigned" not in more["sources"]:
        more["credential"] = Credential(proven[0], OTHER, covers_body=False)
    path = path or "/webhooks/texts" + (f"/{slug}" if slug else "")
    add_case("cellcast", name, about, body, expected, lines, path=path, **more)


def text(value) -> str:
    return json.dumps(value, separators=(",", ":"))


def sha(of: str | bytes) -> str:
    return hashlib.sha256(of.encode() if isinstance(of, str) else of).hexdigest()


def reply_record(id_: str, sender: str, words: str) -> str:
    """Of the current generation: two replies may share an id, and their words as well."""
    return within_window("receive", id_, sender, sha(words), window_secs=WINDOW_SECS)


def nameless_record(sender: str, body: str | bytes) -> str:
    return within_window("receive", sender, sha(body), window_secs=WINDOW_SECS)


def legacy_record(sender: str, received_at: str, words: str) -> str:
    return within_window("receive", sender, received_at, sha(words), window_secs=WINDOW_SECS)


def status_record(id_: str, receiver: str, word: str) -> str:
    return once("send", id_, receiver, word)


def receive(key, record, *, occurred_at=None, source="texts", cut=None, **told) -> dict:
    data = message_received(**{"channel": "sms"} | told)
    entity = f"{source}/conversation/{key}"
    return event("message.received", entity, record, data, provider_event="receive", occurred_at=occurred_at, cut=cut)


def send(key, record, **told) -> dict:
    """`key` is the message's id and the recipient as it is written, joined by a comma; the id alone without one."""
    return event("message.status", f"texts/message/{key}", record, message_status(**told), provider_event="send")


def unrecognised_event(body, reason, extra, *, slug="", provider_event=None) -> dict:
    return unknown(
        "unrecognised",
        body,
        reason,
        extra,
        slug=slug,
        provider_event=provider_event,
        source="texts",
        window_secs=WINDOW_SECS,
    )


def unreadable_event(body, reason, *, slug="", extra=None) -> dict:
    return unknown("unreadable", body, reason, extra, slug=slug, source="texts", window_secs=WINDOW_SECS)


def add_unrecognised(name, about, body, reason, extra, *, slug="", provider_event=None, **more):
    found = unrecognised_event(body, reason, extra, slug=slug, provider_event=provider_event)
    add(name, about, body, accepted(found), slug=slug, **more)


def add_unreadable(name, about, body, reason, *, slug="", extra=None, **more):
    bytes_ = body.body() if isinstance(body, Recipe) else body
    found = unreadable_event(bytes_, reason, slug=slug, extra=extra)
    add(name, about, body, accepted(found), slug=slug, **more)


__all__ = [name for name in globals() if not name.startswith("_")]
