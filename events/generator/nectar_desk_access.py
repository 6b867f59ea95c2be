"""Nectar Desk: whose URL opens, and authentic deliveries that are none of the known events."""

from .ai_sync_bodies import stored_gzip
from .case import *
from .nectar_desk import HORIZON_SECS, SECOND_TOKEN, TOKEN, add_call, add_desk, by_bytes, desk_sources

BODY = '{"id":7,"sub_type":"Handled"}'
DATA = call(status="Handled", extra={"id": 7})
HERE = f"/webhooks/desk/{TOKEN}"
NO_SLUG = "no event in the URL: end it in the event's name, such as `/call-ended`"
UNKNOWN = "unknown event in the URL"


def add_cases():
    tokens()
    paths()
    methods_and_sizes()
    unknown_events()
    missing_keys()
    unreadable_bodies()
    encodings()


def let_in(name, about, body=BODY, data=DATA, **more):
    add_call(name, about, "call-ended", body, data, key="7", **more)


def turned_away(name, about, expected, body=BODY, *, path=f"{HERE}/call-ended", **more):
    add_desk(name, about, None, body, expected, path=path, **more)


def tokens():
    two = desk_sources().replace(f'"{TOKEN}"', f'"new-new-new-new-new-new-new", "{TOKEN}"')
    let_in("token-previous", "Every current token opens: the previous one during a rotation.", sources=two)
    let_in("token-new", "And the new one.", sources=two, path="/webhooks/desk/new-new-new-new-new-new-new/call-ended")
    turned_away("token-wrong", "One letter is another.", NOT_FOUND, path=f"{HERE[:-1]}2/call-ended")
    turned_away("token-shorter", "A token's beginning opens nothing.", NOT_FOUND, path=f"{HERE[:-1]}/call-ended")
    turned_away("token-longer", "Nor does a token with more behind it.", NOT_FOUND, path=f"{HERE}x/call-ended")
    turned_away("token-of-another-case", "Tokens have a case.", NOT_FOUND, path=f"/webhooks/desk/{TOKEN.lower()}/call-ended")
    turned_away("token-of-other-source", "Another source's token.", NOT_FOUND, path=f"/webhooks/desk/{SECOND_TOKEN}/call-ended")
    turned_away("token-doubled", "The right token twice.", NOT_FOUND, path=f"{HERE}/{TOKEN}/call-ended")
    turned_away("token-missing", "A slug is no token.", NOT_FOUND, path="/webhooks/desk/call-ended")
    turned_away("token-missing-altogether", "The source's name alone.", NOT_FOUND, path="/webhooks/desk")
    turned_away("token-empty", "An empty token.", NOT_FOUND, path="/webhooks/desk//call-ended")
    turned_away("token-behind-slug", "The token stands before the slug.", NOT_FOUND, path=f"/webhooks/desk/call-ended/{TOKEN}")
    turned_away("token-in-query", "A token in the query is none.", NOT_FOUND, path="/webhooks/desk/call-ended", query=f"token={TOKEN}")
    turned_away("token-in-header", "Nor is one in a header.", NOT_FOUND, path="/webhooks/desk/call-ended", headers=[("Authorization", f"Bearer {TOKEN}")])
    turned_away("token-in-body", "Nor is one in the body.", NOT_FOUND, f'{{"id":7,"token":"{TOKEN}"}}', path="/webhooks/desk/call-ended")
    let_in("signature-not-looked-at", "Nothing is signed: a header that looks like it is not looked at.", headers=[("Content-Type", JSON), ("X-Webhook-Signature", "sha256=00")])
    near = desk_sources('networks = ["203.0.113.0/24"]\n')
    let_in("network-inside", "A sender inside the source's networks.", sources=near, peer="203.0.113.9")
    turned_away("network-outside", "The right token from elsewhere.", UNAUTHORIZED, sources=near)


def paths():
    turned_away("path-too-long", "Nothing stands behind the slug.", NOT_FOUND, path=f"{HERE}/call-ended/x")
    turned_away("source-unknown", "There is no such source.", NOT_FOUND, path=f"/webhooks/nobody/{TOKEN}/call-ended")
    let_in("query-ignored", "A query says nothing.", query="event=call-abandoned")


def methods_and_sizes():
    for method in ["GET", "PUT", "DELETE"]:
        turned_away(f"method-{method.lower()}", f"{method} is not taken.", METHOD_NOT_ALLOWED, method=method)
    turned_away("method-and-token-wrong", "The token is looked at first.", NOT_FOUND, method="GET", path=f"{HERE[:-1]}2/call-ended")
    small = desk_sources('max_body = "29B"\n')
    let_in("size-at-limit", "As large as the source takes.", sources=small)
    turned_away("size-over-limit", "A byte more.", TOO_LARGE, BODY + " ", sources=small)
    turned_away("size-over-limit-wrong-token", "The token is looked at first.", NOT_FOUND, BODY + " ", sources=small, path=f"{HERE}x/call-ended")


def add_unknown(name, about, body, reason, extra, *, slug="", **more):
    expected = unrecognised(body, reason, extra, slug=slug, provider_event=slug or None, source="desk", window_secs=HORIZON_SECS)
    add_desk(name, about, slug, body, expected, **more)


def unknown_events():
    add_unknown("slug-missing", "One URL for all events: nobody knows which one it is.", BODY, NO_SLUG, {"id": 7, "sub_type": "Handled"})
    add_unknown("slug-empty", "A URL that ends in a slash.", BODY, NO_SLUG, {"id": 7, "sub_type": "Handled"}, path=f"{HERE}/")
    add_unknown("slug-unknown", "A slug that names nothing.", BODY, UNKNOWN, {"id": 7, "sub_type": "Handled"}, slug="call-started")
    add_unknown("slug-of-another-case", "Slugs have a case.", BODY, UNKNOWN, {"id": 7, "sub_type": "Handled"}, slug="Call-Ended")
    add_unknown("slug-of-ai-sync", "Another provider's slug.", BODY, UNKNOWN, {"id": 7, "sub_type": "Handled"}, slug="contact")
    named = '{"id":7,"event":"call-ended"}'
    add_unknown("slug-missing-event-in-body", "A name of an event in the body does not decide.", named, NO_SLUG, {"id": 7, "event": "call-ended"})


def missing_keys():
    for name, slug, body in [
        ("key-missing", "call-ended", {"sub_type": "Handled"}),
        ("key-null", "call-abandoned", {"id": None}),
        ("key-empty", "call-disposition-saved", {"id": ""}),
        ("key-blank", "call-recording-received", {"id": " "}),
        ("key-list", "contact-modified", {"id": []}),
        ("key-missing-list", "contact-list-created", {"list": {"name": "Leads"}}),
        ("key-missing-sent", "message-sent", {"conversationId": 77, "text": "x"}),
        ("object-empty", "contact-created", {}),
    ]:
        add_unknown(name, "A known event without the key of its entity.", json.dumps(body), "no `id`", body, slug=slug)
    neither = "neither a `conversationId` nor the numbers of both sides"
    for name, body in [
        ("key-missing-conversation", {"id": 501, "text": "STOP"}),
        ("key-one-number-only", {"id": 501, "conversationId": None, "fromNumber": {"number": "+15550100004"}, "toNumber": ""}),
    ]:
        add_unknown(name, "A conversation needs its id or both numbers.", json.dumps(body), neither, body, slug="message-received")
    long = "k" * 1025
    add_unknown("key-1025-bytes", "A key that is too long.", json.dumps({"id": long}), "the key is longer than 1024 bytes", {"id": long}, slug="call-ended")


def unreadable_bodies():
    for name, about, body, reason in [
        ("body-empty", "No body at all.", b"", "the body is empty"),
        ("body-broken", "JSON that ends too early.", b'{"id":7', "the body is not valid JSON"),
        ("body-list", "A list of calls is no call.", b'[{"id":7}]', "the body is not a JSON object"),
        ("body-empty-list", "PHP's empty object.", b"[]", "the body is not a JSON object"),
        ("body-null", "JSON, but null.", b"null", "the body is not a JSON object"),
        ("body-not-utf8", "Bytes that are no text.", b'{"id":7,"sub_type":"\xff"}', "the body is not valid UTF-8"),
        ("body-too-deep", "Nested too deeply.", b'{"id":' + b"[" * 130 + b"]" * 130 + b"}", "the body is nested deeper than 120 levels"),
    ]:
        expected = unreadable(body, reason, slug="call-ended", source="desk", window_secs=HORIZON_SECS)
        add_desk(name, about, "call-ended", body, expected)


def encodings():
    packed = stored_gzip(BODY.encode())
    found = event("call.ended", "desk/call/7", by_bytes("call-ended", "7", BODY), DATA, provider_event="call-ended")
    add_desk("encoding-gzip", "A compressed body; the digest is of the text, since a retry may be compressed anew.", "call-ended", packed, accepted(found), headers=[("Content-Type", JSON), ("Content-Encoding", "gzip")])
    form = "id=7&sub_type=Handled"
    found = event("call.ended", "desk/call/7", by_bytes("call-ended", "7", form), call(status="Handled", extra={"id": "7"}), provider_event="call-ended")
    add_desk("encoding-form", "A form, should one come.", "call-ended", form, accepted(found), headers=[("Content-Type", FORM)])
    let_in("content-type-missing", "No content type.", headers=[])
