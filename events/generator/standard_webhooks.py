"""Standard Webhooks: who is let in by the specification 1.0.0, and how events of unknown types are kept.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64

from .ai_sync_bodies import stored_gzip
from .case import *

SECRET = "whsec_" + base64.b64encode(b"an example secret of hooks").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"an example secret of other").decode()
TOKEN = "hooks-abcdefghijklmnopqrst"
ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
NOW = ACCEPTED_AT_MS // 1000
HORIZON_SECS = 4 * 24 * 60 * 60
REASON = "the sender's own type of event"


def hooks_sources(settings: str = f'secrets = ["{SECRET}"]') -> str:
    return (
        f'[sources.hooks]\nprovider = "standard-webhooks"\n{settings}\n'
        f'\n[sources.other]\nprovider = "standard-webhooks"\nsecrets = ["{OTHER_SECRET}"]\n'
    )


def tag(body, *, secret=SECRET, id_=ID, at=NOW) -> str:
    """A signature without its version."""
    body = body.encode() if isinstance(body, str) else body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(key, f"{id_}.{at}.".encode() + body, hashlib.sha256).digest()).decode()


def signature(body, **more) -> str:
    return "v1," + tag(body, **more)


def header_lines(body, *, id_=ID, at=NOW, signed="", headers=(), content_type=JSON):
    """The headers; `None` for one that is missing, and the right signature where none is told."""
    signed = signature(body, id_=id_, at=at) if signed == "" else signed
    lines = [("Content-Type", content_type)] if content_type else []
    told = [("webhook-id", id_), ("webhook-timestamp", at), ("webhook-signature", signed)]
    return lines + [(name, str(value)) for name, value in told if value is not None] + list(headers)


def add_hook(name, about, body, expected, *, path="/webhooks/hooks", sources=None, tampered=True, id_=ID, at=NOW, signed="", headers=(), content_type=JSON, **more):
    lines = header_lines(body, id_=id_, at=at, signed=signed, headers=headers, content_type=content_type)
    if expected["status"] == 200 and tampered and signed is not None:
        foreign = signature(body, secret=OTHER_SECRET, id_=id_, at=at)
        more["credential"] = Credential("webhook-signature", foreign)
    add_case("standard-webhooks", name, about, body, expected, lines, path=path, sources=sources or hooks_sources(), **more)


def of_own_type(body: dict, *, id_=ID, occurred_at=None) -> dict:
    told = body.get("type")
    return event(
        "unrecognised",
        f"hooks/delivery/{id_}",
        once(id_),
        {"reason": REASON, "extra": body},
        provider_event=told if isinstance(told, str) else None,
        occurred_at=occurred_at,
    )


# The payloads of the specification, as they stand there.
EXAMPLE = """{
  "type": "example.event",
  "timestamp": "2022-11-03T20:26:10.344522Z",
  "data": {
    "foo": "bar",
    "fizzbuzz": 2
  }
}"""
FULL = """{
  "type": "contact.created",
  "timestamp": "2022-11-03T20:26:10.344522Z",
  "data": {
    "id": "1f81eb52-5198-4599-803e-771906343485",
    "type": "contact",
    "fullName": "John Smith",
    "address": "800 W NASA Pkwy, Webster, TX 77598, USA",
    "phoneNumber": "(281) 332-2575",
    "birthday": "1980-04-19",
    "occupation": "Engineer, ACME"
  }
}"""
THIN = '{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}'
HAPPENED = "2022-11-03T20:26:10.344522Z"
BODY = '{"type":"a.b","data":{}}'


def add_cases():
    events()
    ids()
    let_in()
    times()
    signatures()
    other_checks()
    unreadable_bodies()


def add_event(name, about, body, *, id_=ID, occurred_at=None, **more):
    add_hook(name, about, body, accepted(of_own_type(parse(body), id_=id_, occurred_at=occurred_at)), id_=id_, **more)


def turned_away(name, about, expected=UNAUTHORIZED, body=BODY, **more):
    add_hook(name, about, body, expected, **more)


def events():
    add_event("event-example", "The specification's first payload, as it stands there.", EXAMPLE, occurred_at=HAPPENED)
    add_event("event-full", "Its full payload.", FULL, occurred_at=HAPPENED)
    add_event("event-thin", "Its thin payload, on one line.", THIN, occurred_at=HAPPENED)
    add_event("event-of-our-kinds", "A type that is called like a kind of ours is the sender's own all the same.", '{"type":"call.ended","data":{"call_id":"c"}}')
    add_event("event-without-type", "The recommended fields are no duty.", '{"test": 2432232314}')
    add_event("event-odd-types", "A type that is no text, a time without a zone.", '{"type":7,"timestamp":"2022-11-03T20:26:10","data":null}')
    add_event("event-time-in-seconds", "A time that is a number is not told.", '{"type":"a","timestamp":1667507170}')
    add_event("event-other-zone", "A time of another zone.", '{"type":"a","timestamp":"2022-11-03T21:26:10+01:00"}', occurred_at="2022-11-03T20:26:10Z")
    add_event("event-unicode", "Texts of every script, in the type as well.", '{"type":"häppening.日本","data":{"a":"\\u0000\\ud83d\\ude00"}}')
    add_event("event-numbers-large", "Numbers of any size.", '{"type":"a","n":[1e999,123456789012345678901234567890]}')
    add_event("event-large", "A body over 32 KiB.", '{"type":"a","text":"' + "x" * 40_000 + '"}')
    add_event("object-empty", "An object that says nothing.", "{}")


def ids():
    add_event("id-with-dots", "An id with what separates it from the time.", BODY, id_="0198c0de-7a11-7000-8000-000000000000.0")
    add_event("id-punctuation", "An id of any characters that a header takes.", BODY, id_="a/b#c,d e:f")
    add_event("id-1024-bytes", "The longest id that is a key.", BODY, id_="m" * 1024)
    long = "m" * 1025
    found = unknown("unrecognised", long, "the key is longer than 1024 bytes", parse(BODY), provider_event="a.b", source="hooks", window_secs=HORIZON_SECS)
    add_hook("id-1025-bytes", "A longer one: its digest is the key.", BODY, accepted(found), id_=long)
    turned_away("id-missing", "No id.", id_=None)
    turned_away("id-empty", "An empty id.", id_="")
    turned_away("id-of-another-event", "A signature of another id.", signed=signature(BODY, id_="msg_other"))
    turned_away("id-doubled", "The id twice.", headers=[("webhook-id", ID)])


def let_in():
    bare = SECRET.removeprefix("whsec_")
    add_event("secret-without-prefix", "A secret as base64 alone.", BODY, sources=hooks_sources(f'secrets = ["{bare}"]'))
    rotation = hooks_sources(f'secrets = ["whsec_bmV3IG5ldyBuZXc=", "{SECRET}"]')
    add_event("signature-of-previous-secret", "Every current secret verifies.", BODY, sources=rotation)
    foreign, strange = signature(BODY, secret="whsec_bmV3"), "v1," + base64.b64encode(bytes(32)).decode()
    own = signature(BODY)
    add_event("signatures-several", "A sender that changes its secret signs with both; ours is the second.", BODY, signed=f"{foreign} {strange} {own}")
    add_event("signatures-ours-first", "Ours is the first.", BODY, signed=f"{own} {foreign}", tampered=False)
    asymmetric = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    add_event("signatures-of-other-versions", "Signatures of other versions are passed over.", BODY, signed=f"{asymmetric} v2,AAAA {own}")
    lines = [("Content-Type", JSON), ("WEBHOOK-ID", ID), ("Webhook-Timestamp", str(NOW)), ("Webhook-Signature", own)]
    credential = Credential("webhook-signature", signature(BODY, secret=OTHER_SECRET))
    add_case("standard-webhooks", "headers-upper-case", "Header names have no case.", BODY, accepted(of_own_type(parse(BODY))), lines, path="/webhooks/hooks", sources=hooks_sources(), credential=credential)
    add_event("slug-ignored", "A slug says nothing.", BODY, path="/webhooks/hooks/a.b")


def times():
    for name, about, at in [
        ("time-five-minutes-ago", "Signed five minutes ago, to the second.", NOW - 300),
        ("time-in-five-minutes", "Signed by a clock that is five minutes ahead.", NOW + 300),
    ]:
        add_event(name, about, BODY, at=at)
    for name, about, at in [
        ("time-too-old", "A second more: it may be sent again by anybody.", NOW - 301),
        ("time-too-new", "A second more on the other side.", NOW + 301),
        ("time-zero", "The beginning of 1970.", 0),
        ("time-largest", "The largest number of 64 bits.", 2**63 - 1),
        ("time-beyond", "One beyond.", 2**63),
        ("time-smallest", "The smallest number of 64 bits.", -(2**63)),
        ("time-negative", "A time before 1970.", -NOW),
        ("time-in-milliseconds", "Milliseconds.", ACCEPTED_AT_MS),
        ("time-fraction", "Seconds with a fraction.", f"{NOW}.0"),
        ("time-plus", "A sign before it.", f"+{NOW}"),
        ("time-as-text", "A time as the body has it.", RECEIVED_AT),
        ("time-empty", "An empty time.", ""),
        ("time-missing", "No time.", None),
    ]:
        turned_away(name, about, at=at)
    turned_away("time-of-another-attempt", "A signature of another time.", signed=signature(BODY, at=NOW - 1))
    turned_away("time-doubled", "The time twice.", headers=[("webhook-timestamp", str(NOW))])


def signatures():
    right = tag(BODY)
    as_hex = base64.b64decode(right).hex()
    for name, about, signed in [
        ("signature-missing", "No signature.", None),
        ("signature-empty", "An empty header.", " "),
        ("signature-bare", "The right tag without a version.", right),
        ("signature-version-only", "A version without a tag.", "v1,"),
        ("signature-of-other-version", "The right tag of another version.", f"v2,{right}"),
        ("signature-asymmetric-only", "The right tag, said to be asymmetric.", f"v1a,{right}"),
        ("signature-upper-case-version", "Versions have a case.", f"V1,{right}"),
        ("signature-hex", "The right tag in another encoding.", f"v1,{as_hex}"),
        ("signature-without-padding", "Base64 that ends too early.", f"v1,{right}".rstrip("=")),
        ("signature-short", "A byte too few.", "v1," + base64.b64encode(bytes(31)).decode()),
        ("signature-wrong", "32 bytes that are the signature of nothing.", "v1," + base64.b64encode(bytes(32)).decode()),
        ("signature-of-other-source", "Another source's secret.", signature(BODY, secret=OTHER_SECRET)),
        ("signature-of-body-alone", "A signature of the body, as others have it.", "v1," + base64.b64encode(hmac.new(base64.b64decode(SECRET[6:]), BODY.encode(), hashlib.sha256).digest()).decode()),
        ("signature-by-secret-as-text", "The secret's letters instead of its bytes.", "v1," + base64.b64encode(hmac.new(SECRET.encode(), f"{ID}.{NOW}.{BODY}".encode(), hashlib.sha256).digest()).decode()),
        ("signature-comma-separated", "A list that is joined by commas.", f"v1,{right},v1,{right}"),
        ("signature-of-other-bytes", "The signature of the same JSON without white space.", signature(BODY.replace(" ", "") + " ")),
    ]:
        turned_away(name, about, signed=signed)
    turned_away("signature-doubled", "The right header twice.", headers=[("webhook-signature", f"v1,{right}")])
    seventeenth = " ".join(["v1," + base64.b64encode(bytes(32)).decode()] * 16 + [f"v1,{right}"])
    turned_away("signature-seventeenth", "No more signatures are looked at than any sender needs.", signed=seventeenth)


def other_checks():
    both = hooks_sources(f'secrets = ["{SECRET}"]\ntokens = ["{TOKEN}"]')
    add_event("token-and-signature", "Where both are configured, both are given.", BODY, path=f"/webhooks/hooks/{TOKEN}", sources=both)
    turned_away("token-missing", "The signature alone does not do.", NOT_FOUND, sources=both)
    turned_away("token-without-signature", "Nor does the token.", path=f"/webhooks/hooks/{TOKEN}", sources=both, signed=None)
    unsigned = hooks_sources(f'unsigned = true\ntokens = ["{TOKEN}"]')
    add_event("unsigned-with-id", "An unsigned source: the id is still the key.", BODY, path=f"/webhooks/hooks/{TOKEN}", sources=unsigned, signed=None, at=None)
    found = unknown("unrecognised", BODY, "no `webhook-id` header", parse(BODY), provider_event="a.b", source="hooks", window_secs=HORIZON_SECS)
    add_hook("unsigned-without-id", "Without an id, the bytes are the key.", BODY, accepted(found), path=f"/webhooks/hooks/{TOKEN}", sources=unsigned, id_=None, signed=None, at=None)
    for method in ["GET", "PUT"]:
        turned_away(f"method-{method.lower()}", f"{method} is not taken, whatever its signature.", METHOD_NOT_ALLOWED, method=method)
    small = hooks_sources(f'secrets = ["{SECRET}"]\nmax_body = "16B"')
    turned_away("size-over-limit", "Larger than the source takes.", TOO_LARGE, sources=small)
    packed, gzip = stored_gzip(BODY.encode()), [("Content-Encoding", "gzip")]
    add_hook("encoding-gzip", "The signature is of the bytes that were sent.", packed, accepted(of_own_type(parse(BODY))), headers=gzip)
    turned_away("encoding-gzip-signed-before", "Not of those before compression.", body=packed, headers=gzip, signed=signature(BODY))


def unreadable_bodies():
    for name, about, body, reason in [
        ("body-empty", "No body at all, signed.", b"", "the body is empty"),
        ("body-broken", "JSON that ends too early.", b'{"type":"a"', "the body is not valid JSON"),
        ("body-list", "JSON, but no object.", b"[1]", "the body is not a JSON object"),
        ("body-plain-text", "The specification allows any content type.", b"ping", "the body is not valid JSON"),
        ("body-not-utf8", "Bytes that are no text.", b'{"type":"\xff"}', "the body is not valid UTF-8"),
    ]:
        expected = unreadable(ID, reason, source="hooks", window_secs=HORIZON_SECS)
        add_hook(name, about + " The id tells it from others, for longer than anybody tries again.", body, expected)
