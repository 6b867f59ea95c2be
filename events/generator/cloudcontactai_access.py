"""CloudContactAI: who is let in."""

import base64

from .ai_sync_bodies import stored_gzip
from .cloudcontactai import *

BODY = envelope("message.sent", '{"SmsSid":7}')
EVENT = status_event(
    "message.sent",
    "7",
    once("message.sent", "7", "", ""),
    message_status(status="sent", final=False, extra={"SmsSid": 7, "eventHash": HASH}),
)
TAG = ccai_tag()
TOO_DEEP = "the body is nested deeper than 120 levels"
NOT_UTF8 = "the body is not valid UTF-8"
DIGEST = base64.b64decode(TAG)


def add_cases():
    signatures()
    refused_signatures()
    hashes()
    tokens()
    methods_and_sizes()


def let_in(name, about, body=BODY, extra=None, **more):
    found = EVENT if extra is None else EVENT | {"data": EVENT["data"] | {"extra": {"SmsSid": 7} | extra}}
    add_signed(name, about, body, accepted(found), **more)


def let_in_unread(name, about, body, reason):
    add_signed(name, about, body, ccai_unreadable(body, reason))


def turned_away(name, about, expected, body=BODY, **more):
    add_signed(name, about, body, expected, **more)


def signatures():
    # printf '1231:hash-0001' | openssl dgst -sha256 -hmac example-secret -binary | base64
    let_in("signature-known-vector", "A signature known from elsewhere.", signature="yZADXTyIFibvVvXaHIuMB0V/nTFRyMt87hsrrJsnr8g=")
    let_in("signature-header-upper-case", "Header names have no case.", signature=None, headers=[("X-CCAI-SIGNATURE", TAG)])
    let_in("signature-with-put", "The other method of its settings.", method="PUT")
    rotation = ccai_sources(f'client_id = "{CLIENT_ID}"\nsecrets = ["new-example-secret", "{SECRET}"]')
    let_in("signature-of-previous-secret", "Every current secret verifies: the previous one during a rotation.", sources=rotation)
    let_in("signature-of-new-secret", "And the new one.", sources=rotation, signature=ccai_tag(secret="new-example-secret"))
    odd = "schlüssel-秘密 \U0001f511"
    odd_source = ccai_sources(f'client_id = "{CLIENT_ID}"\nsecrets = ["{odd}"]')
    let_in("secret-not-ascii", "A secret is its UTF-8.", sources=odd_source, signature=ccai_tag(secret=odd))
    other_body = envelope("message.sent", '{"SmsSid":7}').replace("{", "{ ")
    let_in("signature-of-another-body", "It covers the hash alone: other bytes around it are let in.", other_body)
    own_id = BODY.replace('"data"', '"clientId":9,"data"')
    let_in("client-id-of-the-body", "The account's id is ours, whatever the body says.", own_id, {"eventHash": HASH, "clientId": 9})
    let_in("gzip", "The hash is read from the inflated body.", stored_gzip(BODY.encode()), headers=[("Content-Encoding", "gzip")])
    let_in("content-type-missing", "JSON without any content type.", content_type=None)
    let_in("content-type-text", "JSON is read whatever its content type.", content_type="text/plain")


def refused_signatures():
    def wrong(name, about, signature, body=BODY, **more):
        turned_away(name, about, UNAUTHORIZED, body, signature=signature, **more)

    wrong("signature-missing", "No signature at all.", None)
    wrong("signature-empty", "An empty header.", None, headers=[("X-CCAI-Signature", "")])
    wrong("signature-wrong", "32 bytes that are the signature of nothing.", base64.b64encode(bytes(32)).decode())
    wrong("signature-of-other-source", "Another source's secret and id.", ccai_tag(secret=OTHER_SECRET, client_id="1232"))
    wrong("signature-of-other-secret", "Another secret.", ccai_tag(secret=OTHER_SECRET))
    wrong("signature-of-other-client", "Another account's id.", ccai_tag(client_id="1232"))
    wrong("signature-of-other-hash", "The signature of another event.", ccai_tag("hash-0002"))
    wrong("signature-of-hash-alone", "Without the account's id.", base64.b64encode(hmac.new(SECRET.encode(), HASH.encode(), hashlib.sha256).digest()).decode())
    wrong("signature-without-padding", "Base64 without its padding.", TAG.rstrip("="))
    wrong("signature-url-alphabet", "Base64 of the other alphabet.", base64.urlsafe_b64encode(DIGEST).decode())
    wrong("signature-hex", "The right digest in hex.", DIGEST.hex())
    wrong("signature-prefix", "A prefix that only older libraries take.", f"sha256={TAG}")
    wrong("signature-31-bytes", "A byte too few.", base64.b64encode(DIGEST[:-1]).decode())
    wrong("signature-33-bytes", "A byte too many.", base64.b64encode(DIGEST + b"\0").decode())
    wrong("signature-other-spare-bits", "The same bytes in another spelling.", TAG.replace("r8g=", "r8h="))
    wrong("signature-doubled", "The right header twice.", TAG, headers=[("x-ccai-signature", TAG)])
    wrong("signature-doubled-one-right", "The right one and a wrong one.", TAG, headers=[("X-CCAI-Signature", ccai_tag("x"))])
    wrong("signature-other-header", "The right signature in AI Sync's header.", None, headers=[("X-Webhook-Signature", TAG)])
    body_tag = hmac.new(SECRET.encode(), BODY.encode(), hashlib.sha256)
    wrong("signature-of-the-body-hex", "The first libraries' scheme: hex over the body.", body_tag.hexdigest())
    wrong("signature-of-the-body", "The same in base64.", base64.b64encode(body_tag.digest()).decode())


def hashes():
    def wrong(name, about, body, hash_=HASH):
        turned_away(name, about, UNAUTHORIZED, body, hash_=hash_)

    wrong("hash-missing", "A right signature of no hash that the body has.", envelope("message.sent", '{"SmsSid":7}', None))
    wrong("hash-missing-signed-empty", "Nor is the signature of an empty one any.", envelope("message.sent", '{"SmsSid":7}', None), "")
    wrong("hash-null", "A hash that is null.", BODY.replace(f'"{HASH}"', "null"), "null")
    wrong("hash-number", "A hash that is a number.", BODY.replace(f'"{HASH}"', "17"), "17")
    wrong("hash-in-data", "A hash elsewhere.", envelope("message.sent", f'{{"SmsSid":7,"eventHash":"{HASH}"}}', None))
    wrong("hash-of-another-case", "Names have a case.", BODY.replace("eventHash", "EventHash"))
    wrong("hash-in-broken-json", "What cannot be read proves nothing.", BODY[:-1])
    wrong("hash-of-no-body", "Nor does an empty body.", "")
    wrong("hash-in-a-list", "Nor a list of events.", f"[{BODY}]")
    deep = BODY.replace("7", "[" * 121 + "]" * 121)
    let_in_unread("hash-beside-depth", "What is nested too deeply to be read is proven all the same.", deep, TOO_DEEP)
    let_in_unread("hash-beside-latin-1", "Nor does it matter that the rest is no UTF-8.", BODY.replace("7", '"caf\u00e9"').encode("latin-1"), NOT_UTF8)
    many = Recipe([(BODY[:-1], 1), (',"x":0', 10_000), ("}", 1)])
    let_in_unread("hash-beside-many-members", "Nor how much else there is.", many, "more fields than are read")
    form = Recipe([("a=1&", 10_001), (f"eventHash={HASH}", 1)])
    add_signed(
        "hash-in-a-large-form",
        "A form is looked through as far as it goes.",
        form,
        ccai_unreadable(form, "more fields than are read"),
        content_type="application/x-www-form-urlencoded",
    )
    twice = BODY.replace('"eventHash"', '"eventHash":"hash-0000","eventHash"')
    let_in("hash-repeated", "The last of repeated keys counts.", twice)
    unicode = "häsh ✓ \U0001f4de"
    let_in("hash-unicode", "A hash is its UTF-8.", envelope("message.sent", '{"SmsSid":7}', unicode), {"eventHash": unicode}, hash_=unicode)
    escaped = BODY.replace(HASH, "h\\u0061sh-0001")
    let_in("hash-escaped", "An escaped letter is the letter.", escaped)


def tokens():
    unsigned = EVENT | {"data": EVENT["data"] | {"extra": {"SmsSid": 7, "eventHash": HASH}}}
    add_unsigned("token-right", "An unsigned source opens by its token.", BODY, accepted(unsigned))
    add_unsigned("token-right-with-put", "The same with PUT.", BODY, accepted(unsigned), method="PUT")
    let_in("token-unasked-signature", "A signature that nobody asked for is not looked at.", signature="x", sources=OPEN, path=OPEN_PATH)
    add_unsigned("token-wrong", "One letter is another.", BODY, NOT_FOUND, path=OPEN_PATH[:-1] + "2")
    add_unsigned("token-missing", "No token.", BODY, NOT_FOUND, path="/webhooks/sms")
    let_in("token-and-signature", "Where both are configured, both are given.", sources=BOTH, path=OPEN_PATH)
    turned_away("token-without-signature", "The token alone does not do.", UNAUTHORIZED, sources=BOTH, path=OPEN_PATH, signature=None)
    turned_away("signature-without-token", "The signature alone does not do.", NOT_FOUND, sources=BOTH)
    let_in("slug-of-no-meaning", "It has no slugs: one that is there names nothing.", path="/webhooks/sms/whatever")
    turned_away("path-too-long", "Nothing stands behind the slug.", NOT_FOUND, path="/webhooks/sms/whatever/x")


def methods_and_sizes():
    not_allowed = refused(405, "method_not_allowed", allow="POST, PUT")
    for method in ["GET", "HEAD", "DELETE", "PATCH", "OPTIONS"]:
        turned_away(f"method-{method.lower()}", f"{method} is not taken.", not_allowed, method=method)
    turned_away("method-lower-case", "Methods have a case.", not_allowed, method="put")
    small = ccai_sources(f'client_id = "{CLIENT_ID}"\nsecrets = ["{SECRET}"]\nmax_body = "{len(BODY)}B"')
    let_in("max-body-exact", "A body of exactly max_body.", sources=small)
    turned_away("max-body-plus-one", "One byte more, with a right signature.", TOO_LARGE, BODY + " ", sources=small)
    turned_away("source-of-another-name", "There is no such source.", NOT_FOUND, path="/webhooks/cloudcontactai")
