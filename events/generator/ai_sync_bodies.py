"""AI Sync: authentic deliveries that are none of the known events, and bodies in every encoding."""

import hashlib
import struct
import zlib

from .ai_sync_events import AT, add_contact
from .ai_sync_fields import add_call, ended
from .case import *

NOT_JSON = "the body is not valid JSON"
NO_OBJECT = "the body is not a JSON object"
TOO_DEEP = "the body is nested deeper than 120 levels"
NOT_UTF8 = "the body is not valid UTF-8"
EMPTY = "the body is empty"
DAMAGED = "the compressed body is damaged or inflates to more than 8 MiB"
ENCODING = "the content encoding is not known"


def add_cases():
    unknown_events()
    missing_keys()
    no_objects()
    broken_bytes()
    depths()
    encodings()
    sizes()


def add_unknown(name, about, body, reason, extra, *, slug="", provider_event=None, **more):
    expected = unrecognised(body, reason, extra, slug=slug, provider_event=provider_event)
    path = f"/webhooks/voice/{slug}" if slug else "/webhooks/voice"
    add(name, about, body, expected, path=path, **more)


def unknown_events():
    add_unknown(
        "event-unknown",
        "An event that the documents do not name.",
        '{"event":"call.exploded","timestamp":"2025-01-15T14:30:25Z","data":{"call_id":"call_9"}}',
        "unknown event",
        {"event": "call.exploded", "timestamp": "2025-01-15T14:30:25Z", "data": {"call_id": "call_9"}},
        provider_event="call.exploded",
    )
    add_unknown(
        "event-of-another-case",
        "Names of events are what they are, to the letter.",
        '{"event":"Call.Ended","data":{"call_id":"call_9"}}',
        "unknown event",
        {"event": "Call.Ended", "data": {"call_id": "call_9"}},
        provider_event="Call.Ended",
    )
    add_unknown(
        "event-missing",
        "Neither body nor URL names an event.",
        '{"data":{"call_id":"call_9"}}',
        "no `event`, and none in the URL",
        {"data": {"call_id": "call_9"}},
    )
    add_unknown("event-no-text", "An event's name that is no text.", '{"event":7}', "unknown event", {"event": 7})
    add_unknown("object-empty", "An object that says nothing.", "{}", "no `event`, and none in the URL", {})
    add_unknown(
        "slug-unknown",
        "A slug that names nothing, and a body without an event.",
        '{"phone_number":"+15550100003"}',
        "unknown event in the URL",
        {"phone_number": "+15550100003"},
        slug="contact-created",
        provider_event="contact-created",
    )
    add_call(
        "slug-unknown-event-known",
        "The body's event decides, whatever the slug.",
        ended('{"call_id":"call_9"}'),
        "call_9",
        call(ended_at=AT),
        path="/webhooks/voice/whatever",
    )
    long = "x" + "é" * 200
    add_unknown(
        "event-name-long",
        "A sender's name of an event is kept up to 256 bytes, whole characters.",
        f'{{"event":"{long}"}}',
        "unknown event",
        {"event": long},
        provider_event="x" + "é" * 127,
    )


def missing_keys():
    for name, about, event_name, data, reason in [
        ("key-missing", "A known event without the key of its entity.", "call.ended", {"call_duration": 5}, "no `call_id`"),
        ("key-null", "A key that is null.", "call.ended", {"call_id": None}, "no `call_id`"),
        ("key-object", "A key that is neither text nor number.", "call.ended", {"call_id": {"id": "1"}}, "no `call_id`"),
        ("key-empty", "A key that is the empty text.", "call.ended", {"call_id": ""}, "no `call_id`"),
        ("key-blank", "A key of white space.", "call.ended", {"call_id": " \t"}, "no `call_id`"),
        ("key-missing-agent", "The same for an agent.", "agent.updated", {"name": "x"}, "no `agent_id`"),
        ("key-missing-campaign", "The same for a campaign.", "campaign.started", {}, "no `campaign_id`"),
        ("key-missing-lead", "The same for a lead.", "lead.generated", {"phone": "+15550100003"}, "no `lead_id`"),
        ("key-missing-appointment", "The same for an appointment.", "appointment.scheduled", {}, "no `appointment_id`"),
        ("key-missing-message", "The same for a text that went out.", "sms.sent", {"to": "+15550100003"}, "no `message_id`"),
        (
            "key-one-number-only",
            "A conversation needs its id or both numbers.",
            "sms.received",
            {"from": "+15550100003", "text": "STOP"},
            "neither a `conversation_id` nor both numbers",
        ),
        ("data-list", "Data that is PHP's empty list holds no key.", "call.ended", [], "no `data` object"),
        ("data-null", "No data at all.", "call.ended", None, "no `data` object"),
        ("key-1025-bytes", "A key that is too long.", "call.ended", {"call_id": "k" * 1025}, "the key is longer than 1024 bytes"),
    ]:
        body = json.dumps({"event": event_name, "data": data}, separators=(",", ":"))
        add_unknown(name, about, body, reason, {"event": event_name, "data": data}, provider_event=event_name)
    add_call(
        "key-lone-surrogate",
        "Half a surrogate pair in a key is U+FFFD.",
        '{"event":"call.ended","data":{"call_id":"\\udfff"}}',
        "\ufffd",
        call(),
        occurred_at=None,
    )
    add_unknown(
        "key-missing-contact",
        "A contact needs a number or an e-mail address.",
        '{"first_name":"Ada"}',
        "neither a `phone_number` nor an `email`",
        {"first_name": "Ada"},
        slug="contact",
        provider_event="contact",
    )
    add_unknown(
        "form-of-an-event",
        "A form cannot hold the data of an event.",
        "event=call.ended&call_id=call_9",
        "no `data` object",
        {"event": "call.ended", "call_id": "call_9"},
        provider_event="call.ended",
        content_type=FORM,
    )


def add_unreadable(name, about, body, reason, **more):
    add(name, about, body, unreadable(body, reason), **more)


def no_objects():
    add_unreadable("body-empty", "No body at all.", "", EMPTY)
    add_unreadable("body-white-space", "White space only.", " \r\n\t\n", EMPTY)
    add_unreadable("body-null", "JSON, but null.", "null", NO_OBJECT)
    add_unreadable("body-empty-list", "JSON, but an empty list.", "[]", NO_OBJECT)
    add_unreadable("body-list", "A list of events: AI Sync sends none.", f"[{ended('{}')}]", NO_OBJECT)
    add_unreadable("body-number", "JSON, but a number beyond any type.", "-1e999", NO_OBJECT)
    add_unreadable("body-text", "JSON, but a text.", '"call.ended"', NO_OBJECT)
    add_unreadable("body-true", "JSON, but true.", "true", NO_OBJECT)
    add_unreadable("body-plain-text", "No JSON.", "call ended", NOT_JSON, content_type="text/plain")
    multipart = '--x\r\nContent-Disposition: form-data; name="email"\r\n\r\nada@example.com\r\n--x--\r\n'
    add_unknown(
        "body-multipart",
        "A multipart form that names no event.",
        multipart,
        "no `event`, and none in the URL",
        {"email": "ada@example.com"},
        content_type="multipart/form-data; boundary=x",
    )


def broken_bytes():
    whole = ended('{"call_id":"call_9"}')
    add_unreadable("json-broken", "A comma too many.", whole.replace('"}', '",}'), NOT_JSON)
    add_unreadable("json-truncated", "JSON that was cut off.", whole[:-7], NOT_JSON)
    add_unreadable("json-trailing", "Something behind the object.", whole + " x", NOT_JSON)
    add_unreadable("json-twice", "Two objects, one a line.", whole + "\n" + whole, NOT_JSON)
    add_unreadable("json-not-a-number", "NaN is no JSON.", ended('{"call_id":"call_9","score":NaN}'), NOT_JSON)
    add_unreadable("bytes-invalid-utf8", "Latin-1 in JSON.", b'{"event":"call.ended","data":{"call_id":"caf\xe9"}}', NOT_UTF8)
    add_unknown(
        "bytes-surrogate-utf8",
        "A surrogate encoded as if it were UTF-8 is U+FFFD.",
        b'{"event":"\xed\xa0\x80"}',
        "unknown event",
        {"event": "\ufffd"},
        provider_event="\ufffd",
    )
    add_unreadable("bytes-nul", "A NUL behind the object.", whole.encode() + b"\0", NOT_JSON)
    add_unreadable("bytes-nul-only", "A NUL and nothing else.", b"\0", NOT_JSON)
    add_unreadable("bytes-control-in-text", "A raw control character in a text.", ended('{"call_id":"call_9","notes":"a\x01b"}'), NOT_JSON)
    add_unreadable("bytes-every-value", "Every value that a byte can have.", bytes(range(256)), NOT_UTF8, content_type="application/octet-stream")
    add_unknown(
        "key-name-lone-surrogate",
        "Half a surrogate pair in a member's name is U+FFFD.",
        '{"event":"call.ended","\\ud800":1}',
        "no `data` object",
        {"event": "call.ended", "\ufffd": 1},
        provider_event="call.ended",
    )
    beyond_the_budget()


BEHIND_GZIP = "the compressed body goes on behind its first gzip member"
MORE_THAN_READ = "more fields than are read"


def beyond_the_budget():
    begin, end = '{"event":"call.ended","timestamp":"2025-01-15T14:30:25.123Z","data":{"call_id":"call_9","a":[0', "]}"
    most = Recipe([(begin, 1), (",0", 40_000), (end, 1), (',"x":0', 9_997), ("}", 1)])
    add_call(
        "members-as-many-as-are-read",
        "10,000 members, repeated ones included; what lies deeper stays as it is.",
        most,
        "call_9",
        call(ended_at=AT, extra={"a": None, "x": 0, "truncated": ["extra.a"]}),
    )
    more = Recipe([(begin, 1), (end, 1), (',"x":0', 9_998), ("}", 1)])
    add_unreadable("members-more-than-are-read", "One member more.", more, MORE_THAN_READ)
    form = Recipe([("a=1&", 10_001)])
    add_unreadable("form-fields-more-than-are-read", "A form of one field more.", form, MORE_THAN_READ, content_type="application/x-www-form-urlencoded")


def nested(levels: int) -> tuple[str, str]:
    """A call whose field `deep` lies below two levels, and that field."""
    field = "[" * (levels - 2) + "]" * (levels - 2)
    return ended(f'{{"call_id":"call_9","deep":{field}}}'), field


def depths():
    body, field = nested(120)
    add_call("depth-120", "The deepest nesting that is read.", body, "call_9", call(ended_at=AT, extra={"deep": json.loads(field)}))
    add_unreadable("depth-121", "One level too many.", nested(121)[0], TOO_DEEP)
    add_unreadable("depth-10000", "Ten thousand levels.", nested(10_000)[0], TOO_DEEP)
    add_unreadable("depth-10000-open", "Ten thousand levels that are never closed.", "{\"a\":" * 10_000, TOO_DEEP)
    brackets = "[{" * 300
    add_call(
        "brackets-in-text",
        "Brackets in a text nest nothing.",
        ended(f'{{"call_id":"call_9","transcription":"\\"{brackets}"}}'),
        "call_9",
        call(ended_at=AT, transcript='"' + brackets),
    )


# `ended('{"call_id":"call_9"}')`, compressed by `gzip -9n`: written down, since zlibs differ.
GZIPPED = bytes.fromhex(
    "1f8b0800000000000203ab564a2d4bcd2b51b2524a4eccc9d14bcd4b494d51d2512ac9cc4d2d2e49cc2d004a18191899"
    "ea1a18ea1a9a86189a58191b581999ea191a19470195a52496242a595583f5c667a6404d89b754aaad0500c100044059"
    "000000"
)


def stored_gzip(body: bytes) -> bytes:
    """Gzip without compression: the same bytes on every machine."""
    block = b"\x01" + struct.pack("<HH", len(body), len(body) ^ 0xFFFF) + body
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block + struct.pack("<II", zlib.crc32(body), len(body))


def stored_zlib(body: bytes) -> bytes:
    block = b"\x01" + struct.pack("<HH", len(body), len(body) ^ 0xFFFF) + body
    return b"\x78\x01" + block + struct.pack(">I", zlib.adler32(body))


def encodings():
    plain = ended('{"call_id":"call_9"}')
    data = call(ended_at=AT)
    gzip = [("Content-Encoding", "gzip")]
    if zlib.decompress(GZIPPED, 31) != plain.encode():
        raise ValueError("GZIPPED is not the gzip of the call")
    # `once` does not look at bytes: the record is the one of the plain body.
    add_call("gzip", "The signature covers the compressed bytes; the ledger keeps them.", GZIPPED, "call_9", data, headers=gzip)
    add_call("gzip-x-upper-case", "Another name of gzip, in another case.", stored_gzip(plain.encode()), "call_9", data, headers=[("Content-Encoding", "X-GZIP")])
    half = len(plain) // 2
    members = stored_gzip(plain[:half].encode()) + stored_gzip(plain[half:].encode())
    add_unreadable("gzip-of-two-members", "One gzip member is read.", members, BEHIND_GZIP, headers=gzip)
    more = stored_gzip(plain.encode()) + b"more"
    add_unreadable("gzip-and-more", "Nothing may stand behind it.", more, BEHIND_GZIP, headers=gzip)
    add_call("deflate", "The other encoding of HTTP.", stored_zlib(plain.encode()), "call_9", data, headers=[("Content-Encoding", "deflate")])
    add_call("encoding-identity", "An encoding that changes nothing.", plain, "call_9", data, headers=[("Content-Encoding", "identity")])
    form = b"phone_number=%2B15550100003"
    add_contact(
        "gzip-of-a-form",
        "What tells a contact's events apart is the digest of the form, since a retry may be compressed anew.",
        "contact",
        stored_gzip(form),
        "+15550100003",
        contact(phone="+15550100003"),
        decoded=form,
        content_type=FORM,
        headers=gzip,
    )
    add_unreadable("gzip-truncated", "Gzip that was cut off.", GZIPPED[:-9], DAMAGED, headers=gzip)
    add_call("gzip-missing", "It says gzip and is plain JSON.", plain, "call_9", data, headers=gzip)
    add_unreadable("gzip-missing-binary", "It says gzip and is neither that nor text.", b"\xff" + plain.encode(), DAMAGED, headers=gzip)
    add("gzip-of-nothing", "Gzip of an empty body.", stored_gzip(b""), unreadable(b"", EMPTY), headers=gzip)
    add_unreadable("encoding-unknown", "An encoding that is not known.", b"\x0b\x02\x80{}\x03", ENCODING, headers=[("Content-Encoding", "br")])
    add_call("content-type-text", "JSON is read whatever its content type.", plain, "call_9", data, content_type="text/plain; charset=utf-8")
    add_call("content-type-missing", "JSON without any content type.", plain, "call_9", data, content_type=None)
    add_call("content-type-form", "JSON that says it is a form.", "\n " + plain, "call_9", data, content_type=FORM)


def noise(count: int) -> str:
    """Hex digits do not compress below half their length."""
    blocks = (hashlib.sha256(str(n).encode()).hexdigest() for n in range(count // 64 + 1))
    return "".join(blocks)[:count]


def sizes():
    for name, about, filler in [
        ("size-32-kib", "The longest body that travels as it is.", "x"),
        ("size-over-32-kib", "One byte more is deflated.", "x"),
    ]:
        bare = ended('{"call_id":"call_9","notes":""}')
        length = (32 << 10) - len(bare) + (name == "size-over-32-kib")
        notes = filler * length
        body = ended(f'{{"call_id":"call_9","notes":"{notes}"}}')
        if len(body) != (32 << 10) + (name == "size-over-32-kib"):
            raise ValueError(name)
        add_call(name, about, body, "call_9", call(ended_at=AT, extra={"notes": notes}))
    hex_digits = noise(64_000)
    bytes_ = bytes.fromhex(noise(2 * ((32 << 10) + 1)))
    add_unreadable("size-over-32-kib-noise", "What does not compress goes to the body store.", b"\xff" + bytes_[1:], NOT_UTF8, content_type="application/octet-stream")
    base = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    letters = "".join(base[int(hex_digits[i : i + 2], 16) % 64] for i in range(0, 64_000, 2)) + hex_digits[:28_000]
    add_call(
        "size-body-store",
        "An event whose body goes to the body store and whose data still fits.",
        ended(f'{{"call_id":"call_9","transcription":"{letters}"}}'),
        "call_9",
        call(ended_at=AT, transcript=letters),
    )
