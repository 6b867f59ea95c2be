"""AI Sync: who is let in. Signatures, URL tokens, networks, methods, sizes, and the order of the checks."""

import base64

from .ai_sync_bodies import stored_gzip
from .ai_sync_events import AT, CURL
from .ai_sync_fields import add_call, ended
from .case import *

BODY = ended('{"call_id":"call_1"}')
DATA = call(ended_at=AT)
TAG = sign(BODY.encode())

TOKEN = "abcdefghijklmnopqrstuv-_01"
SECOND_TOKEN = "ZYXWVUTSRQPONMLKJIHGFEDCBA"
OPEN = sources(f'unsigned = true\ntokens = ["{TOKEN}", "{SECOND_TOKEN}"]')
BOTH = sources(f'secrets = ["{SECRET}"]\ntokens = ["{TOKEN}"]')
NETWORKS = sources(f'secrets = ["{SECRET}"]\nnetworks = ["203.0.113.0/24", "2001:db8::/32"]')
SMALL = sources(f'secrets = ["{SECRET}"]\nmax_body = "128B"')


def add_cases():
    signatures()
    refused_signatures()
    tokens()
    networks()
    methods_and_paths()
    sizes()
    order_of_checks()


def let_in(name, about, body=BODY, **more):
    add_call(name, about, body, "call_1", DATA, **more)


def turned_away(name, about, expected, body=BODY, **more):
    add(name, about, body, expected, **more)


def signatures():
    let_in("signature-bare", "64 hex digits and nothing else.", signature=TAG)
    let_in("signature-upper-case", "Digits of the other case.", signature=TAG.upper())
    let_in("signature-prefix", "With `sha256=` before them.", signature=f"sha256={TAG}")
    let_in("signature-prefix-upper-case", "The prefix in the other case.", signature=f"SHA256={TAG.upper()}")
    let_in("signature-header-upper-case", "Header names have no case.", signature=None, headers=[("X-WEBHOOK-SIGNATURE", TAG)])
    rotation = sources(f'secrets = ["new-example-secret", "{SECRET}"]')
    let_in("signature-of-previous-secret", "Every current secret verifies: the previous one during a rotation.", sources=rotation)
    let_in("signature-of-new-secret", "And the new one.", sources=rotation, secret="new-example-secret")
    odd = "schlüssel-秘密 \U0001f511"
    let_in("secret-not-ascii", "A secret is its UTF-8.", sources=sources(f'secrets = ["{odd}"]'), secret=odd)
    long = "s" * 200
    let_in("secret-longer-than-a-block", "A secret longer than a block of SHA-256.", sources=sources(f'secrets = ["{long}"]'), secret=long)
    # Also computed with openssl.
    vector = '{"event":"call.ended","timestamp":"2026-02-03T04:05:06.007Z","data":{"call_id":"call_1"}}'
    at = "2026-02-03T04:05:06.007Z"
    known = "e35b000cec9cc1f78b34d31ea6c2a9275a5c908d3d8a15da6792c0a6f7416b94"
    add_call("signature-known-vector", "A signature known from elsewhere.", vector, "call_1", call(ended_at=at), occurred_at=at, signature=known)


def refused_signatures():
    def wrong(name, about, signature, body=BODY, **more):
        turned_away(name, about, UNAUTHORIZED, body, signature=signature, **more)

    wrong("signature-missing", "No signature at all.", None)
    wrong("signature-empty", "An empty header.", None, headers=[("X-Webhook-Signature", "")])
    wrong("signature-prefix-only", "A prefix without digits.", "sha256=")
    wrong("signature-wrong", "64 digits that are the signature of nothing.", "0" * 64)
    wrong("signature-of-other-source", "Another source's secret.", sign(BODY.encode(), OTHER_SECRET))
    wrong("signature-63-digits", "A digit too few.", TAG[:-1])
    wrong("signature-65-digits", "A digit too many.", TAG + "0")
    wrong("signature-66-digits", "A byte too many.", TAG + "00")
    wrong("signature-no-hex", "A letter that is no digit.", TAG[:-1] + "g")
    wrong("signature-of-the-curl", "The page's own test, whose signature never verifies.", "sha256=test-signature", CURL)
    wrong("signature-prefix-twice", "The prefix twice.", f"sha256=sha256={TAG}")
    wrong("signature-other-algorithm", "Another algorithm's prefix.", f"sha512={TAG}")
    wrong("signature-base64", "The right tag in another encoding.", base64.b64encode(bytes.fromhex(TAG)).decode())
    wrong("signature-two-in-one", "Two signatures in one header.", f"{TAG},{TAG}")
    wrong("signature-doubled", "The right header twice.", TAG, headers=[("x-webhook-signature", TAG)])
    wrong("signature-doubled-one-right", "The right one and a wrong one.", TAG, headers=[("X-Webhook-Signature", "0" * 64)])
    wrong("signature-other-header", "The right signature in GitHub's header.", None, headers=[("X-Hub-Signature-256", f"sha256={TAG}")])
    spaced = BODY.replace(",", ", ")
    wrong("signature-of-other-bytes", "The signature of the same JSON without white space.", TAG, spaced)
    wrong("signature-of-empty-body", "The signature of no bytes.", sign(b""))
    inside = f'{{"event":"call.ended","data":{{"call_id":"call_1"}},"metadata":{{"version":"1.0","signature":"sha256={TAG}"}},"signature":"{TAG}"}}'
    wrong("signature-inside-body-only", "A signature of the body is never looked at.", None, inside)
    wrong("signature-of-nothing-readable", "What is not authentic is refused before anybody reads it.", "0" * 64, b"\xff{")
    packed, gzip = stored_gzip(BODY.encode()), [("Content-Encoding", "gzip")]
    wrong("signature-of-inflated-body", "Gzip: the signature of the bytes before compression.", TAG, packed, headers=gzip)


def tokens():
    path = f"/webhooks/voice/{TOKEN}"
    opened = {"sources": OPEN, "signature": None}
    let_in("token-right", "An unsigned source opens by its token.", path=path, **opened)
    let_in("token-second", "Every current token opens.", path=f"/webhooks/voice/{SECOND_TOKEN}", **opened)
    let_in("token-of-unsigned-source-with-signature", "A signature that nobody asked for is not looked at.", path=path, sources=OPEN, signature="sha256=00")
    phone = '{"phone_number":"+15550100003"}'
    found = event(
        "contact.modified",
        "voice/contact/+15550100003",
        contact_record("contact", phone),
        contact(phone="+15550100003"),
        provider_event="contact",
    )
    add("token-and-slug", "Behind the token stands the slug.", phone, accepted(found), path=f"{path}/contact", **opened)
    turned_away("token-wrong", "One letter is another.", NOT_FOUND, path=path[:-1] + "2", **opened)
    turned_away("token-shorter", "A token's beginning opens nothing.", NOT_FOUND, path=path[:-1], **opened)
    turned_away("token-longer", "Nor does a token with more behind it.", NOT_FOUND, path=path + "x", **opened)
    turned_away("token-of-another-case", "Nor one of another case.", NOT_FOUND, path=f"/webhooks/voice/{TOKEN.upper()}", **opened)
    turned_away("token-missing", "No token.", NOT_FOUND, **opened)
    turned_away("token-missing-before-slug", "A slug is no token.", NOT_FOUND, path="/webhooks/voice/contact", **opened)
    turned_away("token-behind-slug", "The token stands before the slug.", NOT_FOUND, path=f"/webhooks/voice/contact/{TOKEN}", **opened)
    turned_away("token-and-too-many-segments", "Nothing stands behind the slug.", NOT_FOUND, path=f"{path}/contact/x", **opened)
    turned_away("token-in-query", "A token in the query is none.", NOT_FOUND, query=f"token={TOKEN}", **opened)
    let_in("token-and-signature", "Where both are configured, both are given.", path=path, sources=BOTH)
    turned_away("token-without-signature", "The token alone does not do.", UNAUTHORIZED, path=path, sources=BOTH, signature=None)
    turned_away("token-with-wrong-signature", "Nor does it with a wrong signature.", UNAUTHORIZED, path=path, sources=BOTH, signature="0" * 64)
    turned_away("signature-without-token", "The signature alone does not do.", NOT_FOUND, sources=BOTH)


def networks():
    let_in("network-inside", "A sender inside the source's networks.", sources=NETWORKS, peer="203.0.113.77")
    let_in("network-inside-ipv6", "The same for IPv6.", sources=NETWORKS, peer="2001:db8:1::5")
    turned_away("network-outside", "A right signature from elsewhere.", UNAUTHORIZED, sources=NETWORKS, peer="203.0.114.1")
    turned_away("network-outside-ipv6", "The same for IPv6.", UNAUTHORIZED, sources=NETWORKS, peer="2001:db9::1")
    turned_away("network-unknown", "A right signature from nobody knows where.", UNAUTHORIZED, sources=NETWORKS, peer=None)
    turned_away(
        "network-forwarded",
        "A header of the sender's own says nothing about where it is.",
        UNAUTHORIZED,
        sources=NETWORKS,
        peer="203.0.114.1",
        headers=[("X-Forwarded-For", "203.0.113.77")],
    )
    let_in("network-of-no-interest", "Without networks nobody asks for the sender's address.", peer=None)


def methods_and_paths():
    for method in ["GET", "PUT", "HEAD", "DELETE", "OPTIONS"]:
        name = f"method-{method.lower()}"
        turned_away(name, f"{method} is not taken, whatever its signature.", METHOD_NOT_ALLOWED, method=method)
    turned_away("method-lower-case", "Methods have a case.", METHOD_NOT_ALLOWED, method="post")
    turned_away("source-unknown", "There is no such source.", NOT_FOUND, path="/webhooks/nobody")
    turned_away("source-unknown-with-token", "Nor with a token.", NOT_FOUND, path=f"/webhooks/nobody/{TOKEN}")
    turned_away("source-upper-case", "Names have a case.", NOT_FOUND, path="/webhooks/Voice")
    turned_away("source-suppression-list", "The suppression list is no source.", NOT_FOUND, path="/webhooks/_/contact")
    turned_away("path-too-long", "Nothing stands behind the slug.", NOT_FOUND, path="/webhooks/voice/contact/x")
    turned_away("path-without-source", "A path that names no source.", NOT_FOUND, path="/webhooks/")
    turned_away("path-elsewhere", "A path that is none of ours.", NOT_FOUND, path="/voice")
    turned_away("path-escaped", "A path is taken as it is.", NOT_FOUND, path="/webhooks/%76oice")
    turned_away("path-dots", "It is not normalised.", NOT_FOUND, path="/webhooks/other/../voice")
    turned_away("path-root", "The root.", NOT_FOUND, path="/")
    healthy = {"status": 200, "answer": {"ok": True}, "events": []}
    turned_away("healthz", "The function is alive; it takes no credential to ask.", healthy, "", path="/healthz", method="GET", signature=None)


def sizes():
    bare = len(ended('{"call_id":"call_1","n":""}'))
    for length, name in [(128, "exact"), (129, "plus-one")]:
        notes = "x" * (length - bare)
        body = ended(f'{{"call_id":"call_1","n":"{notes}"}}')
        if len(body) != length:
            raise ValueError(name)
        if name == "exact":
            data = call(ended_at=AT, extra={"n": notes})
            add_call("max-body-exact", "A body of exactly max_body.", body, "call_1", data, sources=SMALL)
        else:
            turned_away("max-body-plus-one", "One byte more, with a right signature.", TOO_LARGE, body, sources=SMALL)
    default = Recipe([("x", (4 << 20) + 1)])
    turned_away("max-body-default-plus-one", "One byte more than 4 MiB.", TOO_LARGE, default)


def order_of_checks():
    large = "x" * 129
    turned_away("order-token-before-method", "A wrong token is told first.", NOT_FOUND, method="GET", sources=OPEN)
    turned_away("order-method-before-size", "Then the method.", METHOD_NOT_ALLOWED, large, method="GET", sources=SMALL)
    turned_away("order-size-before-signature", "Then the size.", TOO_LARGE, large, signature=None, sources=SMALL)
