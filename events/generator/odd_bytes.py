"""Bytes that real senders write and standards advise against: byte order marks, false encodings, other
charsets, half surrogate pairs, unescaped pluses, multipart forms, slashes at the end of URLs."""

from . import cellcast_case as cellcast
from . import cloudcontactai as ccai
from . import nectar_desk_access as desk
from . import standard_webhooks as hooks
from .ai_sync_bodies import stored_gzip
from .ai_sync_events import AT, CUSTOMER, OURS, add_contact
from .ai_sync_fields import add_call, ended
from .case import *

BOM = b"\xef\xbb\xbf"
PLAIN = ended('{"call_id":"call_9"}')
ENDED = call(ended_at=AT)


def add_cases():
    byte_order_marks()
    encodings()
    charsets()
    half_pairs()
    forms()
    multipart_forms()
    other_header_names()
    slashes()
    signatures()


def typed(charset: str, kind: str = JSON) -> dict:
    return {"content_type": f"{kind}; charset={charset}"}


def byte_order_marks():
    add_call("bom", "A byte order mark before JSON.", BOM + PLAIN.encode(), "call_9", ENDED)
    add_call("bom-utf-16", "That of UTF-16, without a charset.", PLAIN.encode("utf-16"), "call_9", ENDED)
    add_call("bom-utf-16-big", "The other order of bytes.", b"\xfe\xff" + PLAIN.encode("utf-16-be"), "call_9", ENDED)
    add_contact("bom-form", "A mark before a form.", "contact", BOM + b"phone_number=%2B15550100003&name=Ada", CUSTOMER, contact(name="Ada", phone=CUSTOMER), content_type=FORM)
    add("bom-only", "A mark and nothing else.", BOM, unreadable(BOM, "the body is empty"))
    stop = f'{{"_id":"65a0c0ffee00000000000b01","type":"receive","reply":"STOP","sender":"{CUSTOMER}","receiver":"{OURS}"}}'
    record = cellcast.reply_record("65a0c0ffee00000000000b01", CUSTOMER, "STOP")
    found = cellcast.receive(f"{CUSTOMER},{OURS}", record, **{"from": CUSTOMER}, to=OURS, text="STOP", extra={"_id": "65a0c0ffee00000000000b01"})
    states = {f"_/opt_out/{CUSTOMER}/sms": {"opted_out": True}}
    cellcast.add("bom", "A byte order mark before a STOP.", BOM + stop.encode(), accepted(found, states))
    one = '{"message_id":"m1","status":"Delivered","recipient":"%s"}' % CUSTOMER
    two = one.replace("m1", "m2")
    event_of = lambda id_: cellcast.send(f"{id_},{CUSTOMER}", cellcast.status_record(id_, CUSTOMER, "delivered"), status="delivered", status_raw="Delivered", final=True, to=CUSTOMER, extra={"message_id": id_})
    both = [element(event_of("m1"), 0, one), element(event_of("m2"), 1, two)]
    cellcast.add("bom-list", "A mark before a list is in none of its events.", BOM + f"[{one},{two}]".encode(), accepted_all(both))
    body = ccai.envelope("message.sent", '{"SmsSid":7}')
    found = ccai.status_event("message.sent", "7", once("message.sent", "7", "", ""), message_status(status="sent", final=False, extra={"SmsSid": 7, "eventHash": ccai.HASH}))
    ccai.add_signed("bom", "The hash is found behind a byte order mark.", BOM + body.encode(), accepted(found))
    for name, encoding in [("charset", "utf-8"), ("stale", "gzip"), ("list", "identity, gzip"), ("unknown", "br")]:
        ccai.add_signed(f"encoding-{name}", "And behind an encoding that is not true.", body, accepted(found), headers=[("Content-Encoding", encoding)])
    halves = ccai.envelope("message.sent", '{"SmsSid":7,"Message":"\\ud83d","\\udfff":1}')
    found = ccai.status_event("message.sent", "7", once("message.sent", "7", "", ""), message_status(status="sent", final=False, text="\ufffd", extra={"SmsSid": 7, "\ufffd": 1, "eventHash": ccai.HASH}))
    ccai.add_signed("hash-beside-half-pairs", "And beside half surrogate pairs.", halves, accepted(found))
    record = desk.by_bytes("call-ended", "7", BOM + desk.BODY.encode())
    found = event("call.ended", "desk/call/7", record, desk.DATA, provider_event="call-ended")
    desk.add_desk("bom", "A byte order mark before a call.", "call-ended", BOM + desk.BODY.encode(), accepted(found))
    marked = BOM + hooks.BODY.encode()
    hooks.add_hook("bom", "The mark is signed, and is not read.", marked, accepted(hooks.of_own_type(parse_plain(hooks.BODY))))


def parse_plain(text: str) -> dict:
    return json.loads(text)


def encodings():
    packed = stored_gzip(PLAIN.encode())
    for name, value, body in [
        ("charset", "UTF-8", PLAIN),
        ("none", "none", PLAIN),
        ("empty", "", PLAIN),
        ("two-identities", "identity, identity", PLAIN),
        ("stale-deflate", "deflate", PLAIN),
        ("unknown-of-text", "br", PLAIN),
        ("identity-first", "identity, gzip", packed),
        ("identity-last", "gzip, identity", packed),
        ("charset-last", "gzip,utf-8", packed),
        ("named-twice", "gzip,gzip", packed),
        ("gzip-twice", "gzip, gzip", stored_gzip(packed)),
    ]:
        about = "Codings are undone from the last to the first; one that is not true of text is ignored."
        add_call(f"encoding-{name}", about, body, "call_9", ENDED, headers=[("Content-Encoding", value)])


def charsets():
    name = "Jörg €"
    body = ended(json.dumps({"call_id": "call_9", "disposition": name}, ensure_ascii=False))
    data = call(ended_at=AT, disposition=name)
    for label, encoding in [
        ("utf-8", "utf-8"),
        ("ISO-8859-1", "cp1252"),
        ("windows-1252", "cp1252"),
        ("US-ASCII", "cp1252"),
        ("ascii", "utf-8"),
        ("utf-16", "utf-16-le"),
        ("utf-16be", "utf-16-be"),
        ("UTF-16LE", "utf-16-le"),
    ]:
        add_call(f"charset-{label.lower()}-of-{encoding}", f"JSON in {encoding} that says {label}.", body.encode(encoding), "call_9", data, **typed(label))
    add_call("charset-quoted", "A label in quotes, in any case.", body.encode("cp1252"), "call_9", data, **typed('"Latin1"'))
    add_call("charset-not-true", "Plain UTF-8 that says UTF-16.", body, "call_9", data, **typed("utf-16"))
    add_call("charset-unknown", "An unknown label counts as UTF-8.", body, "call_9", data, **typed("klingon"))
    for label, form in [("latin1", b"email=a%40example.com&name=J%F6rg+%80"), ("us-ascii", "email=a%40example.com&name=Jörg+€".encode("cp1252"))]:
        add_contact(f"charset-{label}-of-a-form", f"A form that says {label}.", "contact", form, "a@example.com", contact(name=name, email="a@example.com"), **typed(label, FORM))


def half_pairs():
    text = '{"event":"sms.received","timestamp":"2025-01-15T14:30:25.123Z","data":{"message_id":"s1","from":"%s","to":"%s","text":"%s"}}'
    for name, written, read, opted_out in [
        ("stop", "STOP \\ud83d", "STOP \ufffd", True),
        ("upper-case", "STOP \\uD83D", "STOP \ufffd", True),
        ("low-alone", "\\ude00 STOP", "\ufffd STOP", True),
        ("low-before-high", "a \\ude00\\ud83d b", "a \ufffd\ufffd b", None),
        ("before-a-pair", "\\ud83d\\ud83d\\ude00", "\ufffd\U0001f600", None),
    ]:
        body = text % (CUSTOMER, OURS, written)
        data = message_received(**{"from": CUSTOMER}, to=OURS, text=read, channel="sms", extra={"message_id": "s1"})
        key = f"voice/conversation/{CUSTOMER},{OURS}"
        found = event("message.received", key, once("sms.received", "s1"), data, provider_event="sms.received", occurred_at=AT)
        states = {key: {"text": read}, f"_/opt_out/{CUSTOMER}/sms": {"opted_out": True} if opted_out else None}
        add(f"half-pair-{name}", "Half a surrogate pair is U+FFFD, and STOP is STOP.", body, accepted(found, states))
    nested = ended('{"call_id":"call_9","notes":{"\\udbff":["\\udc00",{"a\\ud800":"b"}]}}')
    add_call("half-pair-nested", "In names and texts at any depth.", nested, "call_9", call(ended_at=AT, extra={"notes": {"\ufffd": ["\ufffd", {"a\ufffd": "b"}]}}))
    escaped = ended('{"call_id":"call_9","notes":"\\\\ud83d"}')
    add_call("half-pair-of-letters", "A backslash that is escaped begins no escape.", escaped, "call_9", call(ended_at=AT, extra={"notes": "\\ud83d"}))
    one = '{"message_id":"m\\ud83d","status":"Delivered","recipient":"%s"}' % CUSTOMER
    two = '{"message_id":"m2","status":"Delivered","recipient":"%s","\\udfff":"\\udfff"}' % CUSTOMER
    of = lambda id_, extra: cellcast.send(f"{id_},{CUSTOMER}", cellcast.status_record(id_, CUSTOMER, "delivered"), status="delivered", status_raw="Delivered", final=True, to=CUSTOMER, extra={"message_id": id_} | extra)
    both = [element(of("m\ufffd", {}), 0, one), element(of("m2", {"\ufffd": "\ufffd"}), 1, two)]
    cellcast.add("half-pair-list", "The bytes of an element are those that were sent.", f"[{one},{two}]", accepted_all(both))


def forms():
    for name, written, phone in [
        ("unescaped", "+15550100003", CUSTOMER),
        ("unescaped-blanks", "+1+555+010+0003", "+1 555 010 0003"),
        ("unescaped-brackets", "+1+%28555%29+010-0003", "+1 (555) 010-0003"),
    ]:
        form = f"phone_number={written}&first_name=Ada+B&email=a%40example.com"
        data = contact(name="Ada B", phone=CUSTOMER, email="a@example.com", fields={"first_name": "Ada B"})
        add_contact(f"plus-{name}", "A plus before a number is a plus, not a blank.", "contact", form, phone, data, content_type=FORM)
    for name, kind in [("json", JSON), ("text", "text/plain"), ("missing", None)]:
        form = "phone_number=%2B15550100003&name=Ada"
        add_contact(f"form-typed-{name}", "A form is known by its letters.", "contact", form, CUSTOMER, contact(name="Ada", phone=CUSTOMER), content_type=kind)


def parts(*fields: tuple[str, str], newline="\r\n", boundary="X") -> str:
    lines = [f'--{boundary}{newline}Content-Disposition: form-data; name={name}{newline}{newline}{value}{newline}' for name, value in fields]
    return "".join(lines) + f"--{boundary}--{newline}"


def multipart_forms():
    data = contact(name="Ada B", phone=CUSTOMER, fields={"first_name": "Ada B"})
    fields = ('"phone_number"', CUSTOMER), ('"first_name"', "Ada B")
    kind = "multipart/form-data; boundary=X"
    whole = parts(*fields)
    for name, body, content_type in [
        ("usual", whole, kind),
        ("boundary-quoted", parts(*fields, boundary="a b=?"), 'multipart/form-data; boundary="a b=?"'),
        ("line-feeds", parts(*fields, newline="\n"), kind),
        ("names-bare", whole.replace('"', ""), kind),
        ("preamble", f"Hello\r\n{whole}Bye\r\n--X\r\n", kind),
        ("no-boundary", whole, "multipart/form-data"),
        ("of-another-type", whole, FORM),
        ("of-no-type", whole, None),
    ]:
        add_contact(f"multipart-{name}", "A multipart form is read like any other.", "contact", body, CUSTOMER, data, content_type=content_type)
    repeated = parts(("phone_number", CUSTOMER), ("tag", "a"), ("tag", "b"))
    add_contact("multipart-repeated", "A repeated name is a list.", "contact", repeated, CUSTOMER, contact(phone=CUSTOMER, fields={"tag": ["a", "b"]}), content_type=kind)
    add_contact("multipart-delete", "The other hook.", "contact-delete", whole, CUSTOMER, data, {"deleted": True}, content_type=kind)
    latin1 = parts(('phone_number', CUSTOMER), ('name', "Jörg")).replace("name=name", "name=name\r\nContent-Type: text/plain; charset=iso-8859-1").encode("latin-1")
    add_contact("multipart-charset", "A part may have a charset of its own.", "contact", latin1, CUSTOMER, contact(name="Jörg", phone=CUSTOMER), content_type=kind)
    for name, body, reason in [
        ("cut-off", whole[:-9], "ends before its last boundary"),
        ("no-parts", "hello", "does not hold its boundary"),
        ("nameless", parts(("", "x")).replace("; name=", ""), "has no field with a name"),
    ]:
        expected = unreadable(body, f"the multipart form {reason}", slug="contact")
        add(f"multipart-{name}", "A broken one says so.", body, expected, path="/webhooks/voice/contact", content_type=kind)


def other_header_names():
    def add_svix(name, about, names, expected, **more):
        at = more.pop("at", hooks.NOW)
        values = {"id": hooks.ID, "timestamp": at, "signature": hooks.signature(hooks.BODY, at=at)}
        lines = [("Content-Type", JSON)] + [(f"{prefix}-{part}", str(values[part])) for prefix, part in names]
        if expected["status"] == 200:
            credential = next(name for name, _ in lines if name.endswith("-signature"))
            more["credential"] = Credential(credential, hooks.signature(hooks.BODY, secret=hooks.OTHER_SECRET))
        add_case("standard-webhooks", name, about, hooks.BODY, expected, lines, path="/webhooks/hooks", sources=hooks.hooks_sources(), **more)

    parts_ = ("id", "timestamp", "signature")
    svix, own = [("svix", part) for part in parts_], [("webhook", part) for part in parts_]
    found = accepted(hooks.of_own_type(json.loads(hooks.BODY)))
    add_svix("svix-names", "Svix's own names of the headers are an alias.", svix, found)
    add_svix("svix-names-upper-case", "In any case.", [("Svix", part) for part in parts_], found)
    add_svix("svix-names-too", "Where both are there, those of the specification count.", own + svix[:2], found)
    add_svix("svix-names-mixed-id", "One prefix decides for all three.", [own[0], *svix[1:]], UNAUTHORIZED)
    add_svix("svix-names-mixed-signature", "One prefix decides for all three.", [*svix[:2], own[2]], UNAUTHORIZED)
    add_svix("svix-time-in-milliseconds", "Seconds are what is signed.", svix, UNAUTHORIZED, at=hooks.NOW * 1000)


def slashes():
    add_call("path-slash", "A slash behind the name.", PLAIN, "call_9", ENDED, path="/webhooks/voice/")
    phone = "phone_number=%2B15550100003"
    found = event("contact.modified", f"voice/contact/{CUSTOMER}", contact_record("contact", phone), contact(phone=CUSTOMER), provider_event="contact")
    add("path-slash-behind-slug", "A slash behind the slug.", phone, accepted(found), path="/webhooks/voice/contact/", content_type=FORM)
    add_call("path-slug-empty", "An empty slug, and a slash behind it.", PLAIN, "call_9", ENDED, path="/webhooks/voice//")
    add("path-slashes", "Two more are two segments.", PLAIN, NOT_FOUND, path="/webhooks/voice/contact//")
    desk_event = event("call.ended", "desk/call/7", desk.by_bytes("call-ended", "7", desk.BODY), desk.DATA, provider_event="call-ended")
    desk.add_desk("path-slash-behind-slug", "Behind a token and a slug.", "call-ended/", desk.BODY, accepted(desk_event))


def signatures():
    tag = sign(PLAIN.encode())
    for name, signature in [
        ("blank-behind-prefix", f"sha256= {tag}"),
        ("blanks-around-prefix", f"sha256 = {tag}"),
        ("quoted", f'"sha256={tag}"'),
    ]:
        add_call(f"signature-{name}", "Blanks and quotes are no part of a signature.", PLAIN, "call_9", ENDED, signature=signature)
