"""CloudContactAI: what its cases have in common. The sources that meet them, signatures and keys.

Its pages are https://developer.cloudcontactai.com/docs/webhooks ("Webhooks", the untyped bodies),
/docs/webhooks-types ("Webhook Event Types") and "Webhook API" (the signature).
"""

import base64
import hashlib
import hmac

from .case import *

PROVIDER = "cloudcontactai"
CLIENT_ID = "1231"
TOKEN = "abcdefghijklmnopqrstuv-_01"
WINDOW_SECS = 10 * 60

CUSTOMER, OURS = "+15550100003", "+15550100004"
HASH = "hash-0001"

SIGNED = f"""\
[sources.sms]
provider = "cloudcontactai"
client_id = "{CLIENT_ID}"
secrets = ["{SECRET}"]
body_unsigned = true

[sources.other]
provider = "cloudcontactai"
client_id = "1232"
secrets = ["{OTHER_SECRET}"]
body_unsigned = true
"""


def ccai_sources(settings: str) -> str:
    """The usual document with other settings of `sms`."""
    own = f'client_id = "{CLIENT_ID}"\nsecrets = ["{SECRET}"]\nbody_unsigned = true'
    if "tokens" not in settings:
        settings = settings.strip() + "\nbody_unsigned = true"
    return SIGNED.replace(own, settings.strip(), 1)


OPEN = ccai_sources(f'unsigned = true\ntokens = ["{TOKEN}"]')
BOTH = ccai_sources(f'client_id = "{CLIENT_ID}"\nsecrets = ["{SECRET}"]\ntokens = ["{TOKEN}"]')
OPEN_PATH = f"/webhooks/sms/{TOKEN}"


def ccai_tag(hash_: str = HASH, secret: str = SECRET, client_id: str = CLIENT_ID) -> str:
    """The signature: base64 of HMAC-SHA256 over `{client id}:{event hash}`."""
    return base64.b64encode(hmac.new(secret.encode(), f"{client_id}:{hash_}".encode(), hashlib.sha256).digest()).decode()


def add_signed(name, about, body, expected, *, signature="", hash_=HASH, headers=(), content_type=JSON, **more):
    """A case of a source with a secret. `signature` is a header's value, `None` for no such header; else it is made."""
    lines = [["Content-Type", content_type]] if content_type else []
    lines += [["User-Agent", "Java/14-ea"]]
    if signature == "":
        signature = ccai_tag(hash_)
    if signature is not None:
        lines.append(["X-CCAI-Signature", signature])
    lines += [list(header) for header in headers]
    more.setdefault("sources", SIGNED)
    more.setdefault("path", "/webhooks/sms")
    proven = [line[0] for line in lines if line[0].lower() == "x-ccai-signature"]
    if expected["status"] == 200 and proven and "\nunsigned" not in more["sources"]:
        foreign = ccai_tag(hash_, OTHER_SECRET)
        more["credential"] = Credential(proven[0], foreign, covers_body=False)
    add_case(PROVIDER, name, about, body, expected, lines, **more)


def add_unsigned(name, about, body, expected, **more):
    """A case of an account that gets no signature: its URL has a token."""
    more = {"sources": OPEN, "path": OPEN_PATH} | more
    add_signed(name, about, body, expected, signature=None, **more)


def by_bytes(name: str, body: str | bytes) -> str:
    """The record of what has nothing of its own but its bytes, for ten minutes."""
    bytes_ = body.encode() if isinstance(body, str) else body
    return within_window(name, hashlib.sha256(bytes_).hexdigest(), window_secs=WINDOW_SECS)


def envelope(name: str, data: str, hash_: str | None = HASH) -> str:
    """A body of today's generation."""
    signed = f'"eventHash":"{hash_}",' if hash_ is not None else ""
    return f'{{"eventType":"{name}",{signed}"data":{data}}}'


def status_event(name, key, record, data):
    return event("message.status", f"sms/message/{key}", record, data, provider_event=name)


def received_event(name, record, data, key=f"{CUSTOMER},{OURS}"):
    return event("message.received", f"sms/conversation/{key}", record, data, provider_event=name)


def ccai_unknown(body, reason, extra, **more):
    return unrecognised(body, reason, extra, source="sms", window_secs=WINDOW_SECS, **more)


def ccai_unreadable(body, reason):
    return unreadable(body, reason, source="sms", window_secs=WINDOW_SECS)


__all__ = [name for name in globals() if not name.startswith("_")]
