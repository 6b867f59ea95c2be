"""Cellcast: both webhooks of both generations, and what they hold instead of what they should."""

from .cellcast_case import *

# The two examples of Cellcast's page, as they stand there.
DOCUMENTED_RECEIVE = """{
"_id": "66b5b93b1e2c012dfe964000",
"status": "delivered",
"type": "receive",
"message": "This is reply message",
"sender": "+61400000000",
"receiver": "+61400000001"
}"""
DOCUMENTED_SEND = """{
"_id": "66b5b93b1e2c012dfe964000",
"status": "delivered",
"type": "send",
"sender": "cellcast",
"receiver": "+61400000001"
}"""
DOCUMENTED_ID = "66b5b93b1e2c012dfe964000"

CUSTOMER, OURS = "+61400000123", "+61400000456"
KEY = f"{CUSTOMER},{OURS}"
CONVERSATION = f"texts/conversation/{KEY}"
SUPPRESSED = f"_/opt_out/{CUSTOMER}/sms"
ID = "65a0c0ffee0000000000000a"
NUMBERS = f'"sender":"{CUSTOMER}","receiver":"{OURS}"'
PARTIES = {"from": CUSTOMER, "to": OURS}


def add_cases():
    current()
    types_and_slugs()
    statuses()
    texts()
    odd_fields()
    keys()
    unknown_events()
    opt_outs()
    legacy()


def current():
    found = receive(
        "+61400000000,+61400000001",
        reply_record(DOCUMENTED_ID, "+61400000000", "This is reply message"),
        **{"from": "+61400000000"},
        to="+61400000001",
        text="This is reply message",
        extra={"_id": DOCUMENTED_ID, "status": "delivered"},
    )
    state = {"from": "+61400000000", "to": "+61400000001", "text": "This is reply message", "last_inbound_at": RECEIVED_AT}
    states = {"texts/conversation/+61400000000,+61400000001": state, f"texts/message/{DOCUMENTED_ID}": None}
    add("receive-documented", "The reply of Cellcast's page: its status says nothing.", DOCUMENTED_RECEIVE, accepted(found, states), slug="inbound")
    found = send(
        f"{DOCUMENTED_ID},+61400000001",
        status_record(DOCUMENTED_ID, "+61400000001", "delivered"),
        status="delivered",
        status_raw="delivered",
        final=True,
        **{"from": "cellcast"},
        to="+61400000001",
        extra={"_id": DOCUMENTED_ID},
    )
    state = {"status": "delivered", "final": True, "from": "cellcast", "to": "+61400000001", "status_at": RECEIVED_AT}
    add("send-documented", "The status of Cellcast's page.", DOCUMENTED_SEND, accepted(found, {f"texts/message/{DOCUMENTED_ID},+61400000001": state}), slug="status")
    body = (
        f'{{"_id":"{ID}","status":"received","type":"receive","reply":"Yes please",'
        f'"message":"Can you come Friday?",{NUMBERS}}}'
    )
    found = receive(
        KEY,
        reply_record(ID, CUSTOMER, "Yes please"),
        **PARTIES,
        text="Yes please",
        in_reply_to_text="Can you come Friday?",
        extra={"_id": ID, "status": "received"},
    )
    state = {"text": "Yes please", "in_reply_to_text": "Can you come Friday?", "opted_out": None}
    add("receive-reply", "As live traffic is: the customer's text is `reply`, and `message` ours.", body, accepted(found, {CONVERSATION: state}), slug="inbound")


def add_receive(name, about, fields, *, words="Yes", extra=None, told=None, states=None, **more):
    """A reply with `fields` behind its id and numbers."""
    body = f'{{"_id":"{ID}",{NUMBERS},{fields}}}'
    told = PARTIES | ({"text": words} if told is None else told)
    found = receive(KEY, reply_record(ID, CUSTOMER, words), **told, extra={"_id": ID} | (extra or {}))
    add(name, about, body, accepted(found, states), **more)


def add_send(name, about, fields, *, word="sent", extra=None, told=None, states=None, **more):
    """A status with `fields` behind its id and numbers."""
    body = f'{{"_id":"{ID}","sender":"ACME","receiver":"{CUSTOMER}",{fields}}}'
    told = {"status": "sent", "status_raw": "sent", "final": False} if told is None else told
    told = {"from": "ACME", "to": CUSTOMER} | told
    found = send(f"{ID},{CUSTOMER}", status_record(ID, CUSTOMER, word), **told, extra={"_id": ID} | (extra or {}))
    add(name, about, body, accepted(found, states), **more)


def types_and_slugs():
    message, sent = '"message":"Yes"', '"status":"sent"'
    add_receive("type-upper-case", "Types have no case.", f'"type":"RECEIVE",{message}')
    add_send("type-capitalised", "Nor has the other one.", f'"type":"Send",{sent}')
    add_receive("type-receive-at-status-url", "The type goes before the URL.", f'"type":"receive",{message}', slug="status")
    add_send("type-send-at-inbound-url", "The type goes before the URL, the other way round.", f'"type":"send",{sent}', slug="inbound")
    add_receive("slug-unknown-type-receive", "A known event goes before an unknown slug.", f'"type":"receive",{message}', slug="whatever")
    add_send("slug-unknown-type-send", "A known event goes before an unknown slug.", f'"type":"send",{sent}', slug="opt-out")
    add_receive("type-missing-inbound", "Without a type the URL decides.", message, slug="inbound")
    add_send("type-missing-status", "Without a type the URL decides.", sent, slug="status")
    add_receive("type-null", "A null is no type.", f'"type":null,{message}', extra={"type": None}, slug="inbound")
    add_send("type-number", "A number is no type.", f'"type":2,{sent}', extra={"type": 2}, slug="status")
    add_send("type-empty", "An empty text is no type.", f'"type":"",{sent}', extra={"type": ""}, slug="status")
    add_receive("type-list", "PHP's empty list is no type.", f'"type":[],{message}', extra={"type": []}, slug="inbound")


def statuses():
    words = {
        "delivered": ("delivered", True),
        "received": ("sent", False),
        "rejected": ("rejected", True),
        "expired": ("expired", True),
        "failed": ("failed", True),
        "dead": ("deleted", True),
        # The legacy generation's, and one more that is seen.
        "Queued": ("accepted", False),
        "Dispatched": ("sent", False),
        "Aborted": ("failed", True),
        "SENT": ("sent", False),
        "DELIVERED": ("delivered", True),
        "Unknown": (None, None),
        "undelivered": (None, None),
        "": (None, None),
    }
    for word, (status, final) in words.items():
        told = {"status": status, "status_raw": word, "final": final}
        state = {f"texts/message/{ID},{CUSTOMER}": {"status": status, "final": final}}
        about = f"The status `{word}` is {status}." if status else f"Nobody knows what the status `{word}` means."
        name = f"status-{word.lower() or 'empty'}" + ("-upper-case" if word == "DELIVERED" else "")
        add_send(name, about, f'"type":"send","status":"{word}"', word=word.lower(), told=told, states=state)
    nothing = {"status": None, "status_raw": None, "final": None}
    for name, about, written, value in [
        ("status-null", "A status that is null.", "null", None),
        ("status-number", "A status that is a number stays in extra.", "1", 1),
        ("status-list", "A status that is PHP's empty list.", "[]", []),
    ]:
        add_send(name, about, f'"type":"send","status":{written}', word=written, told=nothing, extra={"status": value})
    add_send("status-missing", "No status at all.", '"type":"send"', word="", told=nothing)


def texts():
    both = {"text": "Yes", "in_reply_to_text": "Coming?"}
    add_receive("text-body", "Without `reply` and `message`, the text is `body`.", '"type":"receive","body":"Yes"')
    add_receive("text-message-before-body", "A message goes before a body.", '"type":"receive","body":"x","message":"Yes"', extra={"body": "x"})
    add_receive("text-reply-null", "A reply that is null is none: the text is `message`.", '"type":"receive","reply":null,"message":"Yes"', extra={"reply": None})
    add_receive("text-reply-empty", "A reply of no letters is a reply.", '"type":"receive","reply":"","message":"Coming?"', words="", told=both | {"text": ""})
    add_receive("text-reply-without-message", "A reply to nothing that is told.", '"type":"receive","reply":"Yes"')
    original = '"type":"receive","reply":"Yes","original_body":"Coming?"'
    add_receive("text-reply-to-original-body", "A reply that names what it answers in the legacy generation's words.", original, told=both)
    for name, about, words in [
        ("unicode", "A text of several alphabets.", "Ja – 好的 \U0001f44d\U0001f3fd مرحبا e\u0301"),
        ("controls", "A text of control characters.", "a\x00b\x1bc\x7f\n\t\u2028"),
        ("no-characters", "Characters that SQS does not take.", "\ufffe\uffff"),
    ]:
        add_receive(f"text-{name}", about, f'"type":"receive","reply":{text(words)},"message":"Coming?"', words=words, told=both | {"text": words})
    long = "é" * 40_000
    body = Recipe([(f'{{"_id":"{ID}",{NUMBERS},"type":"receive","reply":"', 1), ("é", 40_000), ('"}', 1)])
    found = receive(KEY, reply_record(ID, CUSTOMER, long), **PARTIES, cut={"text": {"text": "é", "times": 40_000}})
    found["data"]["extra"] = {"_id": ID, "truncated": ["text"]}
    del found["data"]["text"]
    add("text-long", "A text of more than 64 KiB is cut.", body, accepted(found))


def odd_fields():
    body = f'{{"type":"receive","_id":"{ID}","sender":61400000123,"receiver":["{OURS}"],"reply":7,"message":{{}},"status":[]}}'
    extra = {"_id": ID, "receiver": [OURS], "reply": 7, "message": {}, "status": []}
    record = within_window("receive", ID, "61400000123", sha(body), window_secs=WINDOW_SECS)
    add("receive-fields-of-wrong-types", "Odd fields of a reply are null, their originals in extra.", body, accepted(receive(CUSTOMER, record, **{"from": CUSTOMER}, extra=extra)))
    body = '{"type":"send","_id":12345678901234567890123,"sender":null,"receiver":{},"status":true,"parts":1e999}'
    extra = {"_id": Raw("12345678901234567890123"), "sender": None, "receiver": {}, "status": True, "parts": Raw("1e999")}
    key = "12345678901234567890123"
    add("send-fields-of-wrong-types", "Odd fields of a status, and numbers beyond any type.", body, accepted(send(key, once("send", key, "", "true"), extra=extra)))
    more = '"type":"send","status":"sent","cost":0.0790,"campaign":{"id":9007199254740993,"tags":["a"," b"]},"ünï":"ç"'
    extra = {"cost": Raw("0.0790"), "campaign": {"id": 9007199254740993, "tags": ["a", " b"]}, "ünï": "ç"}
    add_send("extra-fields", "What nobody documented stays as it was sent.", more, extra=extra)
    add_send("field-twice", "Of two fields of one name the last counts.", '"type":"receive","status":"failed","status":"sent","type":"send"')
    add_receive("legacy-words-too", "Both generations' words at once: the current ones count.", '"type":"receive","reply":"Yes","from":"1","message_id":"m"', extra={"from": "1", "message_id": "m"})


def keys():
    body = f'{{"type":"receive","sender":"{CUSTOMER}","receiver":"{OURS}","reply":"Yes"}}'
    found = receive(KEY, nameless_record(CUSTOMER, body), **PARTIES, text="Yes")
    add("receive-without-id", "A reply without an id is known by its bytes, for ten minutes.", body, accepted(found))
    body = f'{{"type":"receive","_id":null,"sender":"{CUSTOMER}","receiver":"{OURS}","reply":"Yes"}}'
    found = receive(KEY, nameless_record(CUSTOMER, body), **PARTIES, text="Yes", extra={"_id": None})
    add("receive-id-null", "So is one whose id is null.", body, accepted(found))
    body = f'{{"type":"receive","_id":"{ID}","sender":"{CUSTOMER}","reply":"Yes"}}'
    found = receive(CUSTOMER, reply_record(ID, CUSTOMER, "Yes"), **{"from": CUSTOMER}, text="Yes", extra={"_id": ID})
    add("receive-without-receiver", "Where our number is not told, the customer's is the key.", body, accepted(found, {f"texts/conversation/{CUSTOMER}": {"text": "Yes"}}))
    body = f'{{"type":"receive","_id":"{ID}","sender":"0400 000 123","receiver":"61400000456","reply":"Yes"}}'
    found = receive(KEY, reply_record(ID, "0400 000 123", "Yes"), **PARTIES, text="Yes", extra={"_id": ID})
    add("numbers-national", "National numbers are Australian: both are told in E.164, in the key too.", body, accepted(found))
    body = f'{{"type":"receive","_id":"{ID}","sender":"021 234 5678","receiver":"ACME","reply":"Yes"}}'
    found = receive("+64212345678,ACME", reply_record(ID, "021 234 5678", "Yes"), **{"from": "+64212345678"}, to="ACME", text="Yes", extra={"_id": ID})
    add("numbers-of-own-country", "Unless the source says of which country.", body, accepted(found), sources=settings('country = "NZ"'))
    body = '{"type":"send","_id":" a/b c ","status":"sent","sender":"Café 24","receiver":"0400000123"}'
    found = send(" a/b c ,0400000123", status_record(" a/b c ", "0400000123", "sent"), status="sent", status_raw="sent", final=False, **{"from": "Café 24"}, to=CUSTOMER, extra={"_id": " a/b c "})
    without = f'{{"type":"send","_id":"{ID}","status":"sent","sender":"ACME","receiver":""}}'
    found_without = send(ID, status_record(ID, "", "sent"), status="sent", status_raw="sent", final=False, **{"from": "ACME"}, extra={"_id": ID, "receiver": ""})
    add("send-without-recipient", "Where no recipient is named, a message's id alone is its key.", without, accepted(found_without, {f"texts/message/{ID}": {"status": "sent"}}))
    add("send-key-as-written", "A message's key and an alphanumeric sender are as they were written.", body, accepted(found))


def unknown_events():
    no_key, no_sender = "neither an `_id` nor a `message_id`", "neither a `sender` nor a `from`"
    body = f'{{"_id":"{ID}","type":"optout","sender":"{CUSTOMER}"}}'
    extra = {"_id": ID, "type": "optout", "sender": CUSTOMER}
    add_unrecognised("type-unknown", "A type that nobody documented.", body, "unknown `type`", extra, provider_event="optout")
    add_unrecognised("type-unknown-at-inbound-url", "The URL does not make it a known one.", body, "unknown `type`", extra, slug="inbound", provider_event="optout")
    body = f'{{"_id":"{ID}","status":"sent","sender":"ACME","receiver":"{CUSTOMER}"}}'
    extra = {"_id": ID, "status": "sent", "sender": "ACME", "receiver": CUSTOMER}
    add_unrecognised("type-missing", "Neither type nor URL nor fields tell what it is.", body, "no `type`, and no event in the URL", extra)
    add_unrecognised("slug-unknown", "A slug that names nothing.", body, "no `type`, and an unknown event in the URL", extra, slug="Status")
    add_unrecognised("object-empty", "An object that says nothing.", "{}", "no `type`, and no event in the URL", {})
    add_unrecognised("object-empty-at-inbound-url", "An object that says nothing, to the receive URL.", "{}", no_sender, {}, slug="inbound", provider_event="receive")
    for name, about, fields, reason in [
        ("key-missing-send", "A status of no message.", {"type": "send", "status": "sent"}, no_key),
        ("key-null-send", "A key that is null.", {"type": "send", "_id": None}, no_key),
        ("key-blank-send", "A key of white space.", {"type": "send", "_id": " \t"}, no_key),
        ("key-object-send", "A key that is neither text nor number.", {"type": "send", "_id": {"$oid": ID}}, no_key),
        ("key-1025-bytes", "A key that is too long.", {"type": "send", "_id": "k" * 1025}, "the key is longer than 1024 bytes"),
        ("key-missing-receive", "A text from nobody.", {"type": "receive", "_id": ID, "reply": "STOP"}, no_sender),
        ("key-empty-receive", "A sender of no letters.", {"type": "receive", "sender": "", "reply": "STOP"}, no_sender),
    ]:
        add_unrecognised(name, about, text(fields), reason, fields, provider_event=fields["type"])
    found = send("\ufffd", status_record("\ufffd", "", ""), extra={"_id": "\ufffd"})
    add("key-lone-surrogate", "Half a surrogate pair in a key is U+FFFD.", text({"type": "send", "_id": "\ud800"}), accepted(found))


def opt_outs():
    def suppression(opted_out):
        item = {"phone": CUSTOMER, "channel": "sms", "opted_out": opted_out, "since": RECEIVED_AT, "source": "texts"}
        return {CONVERSATION: {"opted_out": opted_out}, SUPPRESSED: item}

    nothing = {CONVERSATION: {"opted_out": None}, SUPPRESSED: None}
    ours = "Can you come Friday?"

    def add_text(name, about, reply, message, states, **more):
        fields = f'"type":"receive","reply":"{reply}","message":"{message}"'
        add_receive(name, about, fields, words=reply, told={"text": reply, "in_reply_to_text": message}, states=states, **more)

    add_text("stop-reply", "STOP as reply puts the number on the suppression list, whatever our text was.", "STOP", ours, suppression(True))
    add_text("stop-reply-of-any-case", "In any case, with what people put around it.", " stop. ", ours, suppression(True))
    add_text("stop-in-our-text", "A text of ours that says STOP is nobody's wish.", "Yes", "STOP", nothing)
    add_text("stop-in-a-sentence", "Only a whole text is a word.", "Please stop by", ours, nothing)
    add_text("start-reply", "START takes the number off the list.", "Start", "STOP", suppression(False))
    add_text("stop-own-words", "A source's own words opt out beside the defaults.", "HALT", ours, suppression(True), sources=settings('opt_out_words = ["halt"]'))
    add_receive("stop-documented", "STOP as the documents have it, in `message`.", '"type":"receive","message":"Stop"', words="Stop", states=suppression(True))
    body = f'{{"type":"receive","_id":"{ID}","sender":"0400000123","receiver":"{OURS}","reply":"STOP"}}'
    found = receive(KEY, reply_record(ID, "0400000123", "STOP"), **PARTIES, text="STOP", extra={"_id": ID})
    add("stop-of-national-number", "A national number is on the list in E.164.", body, accepted(found, suppression(True)))
    for name, about, written, number in [
        ("without-plus", "A number of another country without its plus.", "64211234567", "+64211234567"),
        ("with-00", "Two zeros stand for a plus, where they are not dialled in the country too.", "0061400000789", "+61400000789"),
        ("with-own-prefix", "The country's own prefix of international calls.", "0011 64 21 123 4567", "+64211234567"),
        ("with-011", "North America's prefix of international calls.", "011 64 21 123 4567", "+64211234567"),
        ("with-zero-in-brackets", "A zero in brackets is dialled within the country only.", "+44 (0)7400 123456", "+447400123456"),
        ("with-zero-behind-code", "So is a zero behind the country code.", "+61 0400 000 789", "+61400000789"),
        ("with-bidirectional-marks", "A number as an address book shows it.", "\u202a+61\u00a0400\u2011000\u2013789\u202c", "+61400000789"),
        ("full-width", "A number in full-width characters.", "＋６１（４００）０００－７８９", "+61400000789"),
        ("as-uri", "A number as a link.", "tel:+61-400-000-789", "+61400000789"),
        ("quoted", "A number in quotes.", "“+61.400.000/789”", "+61400000789"),
    ]:
        body = f'{{"type":"receive","_id":"{ID}","sender":{text(written)},"receiver":"{OURS}","reply":"STOP"}}'
        found = receive(f"{number},{OURS}", reply_record(ID, written, "STOP"), **{"from": number}, to=OURS, text="STOP", extra={"_id": ID})
        listed = {f"texts/conversation/{number},{OURS}": {"opted_out": True}, f"_/opt_out/{number}/sms": {"phone": number, "opted_out": True}}
        add(f"stop-of-number-{name}", about, body, accepted(found, listed))
    body = f'{{"type":"receive","_id":"{ID}","sender":"ACME","receiver":"{OURS}","reply":"STOP"}}'
    found = receive(f"ACME,{OURS}", reply_record(ID, "ACME", "STOP"), **{"from": "ACME"}, to=OURS, text="STOP", extra={"_id": ID})
    states = {f"texts/conversation/ACME,{OURS}": {"opted_out": True}, "_/opt_out/ACME/sms": {"opted_out": True, "unplaced": True, "phone": "ACME"}}
    add("stop-of-no-number", "Who has no number is on the list as it came.", body, accepted(found, states))


# The fields of the legacy generation's inbound page, with values of ours.
LEGACY_AT = "2025-01-15 14:30:25"
LEGACY = (
    f'{{"from":"400000123","body":"Yes","received_at":"{LEGACY_AT}","message_id":"5DAA1CA1",'
    '"custom_string":"visit-7","type":"SMS","original_message_id":"0F00AA","original_body":"Coming?"}'
)
LEGACY_TOLD = {"from": CUSTOMER, "text": "Yes", "in_reply_to_text": "Coming?"}
LEGACY_EXTRA = {"received_at": LEGACY_AT, "message_id": "5DAA1CA1", "custom_string": "visit-7", "original_message_id": "0F00AA"}


def legacy():
    found = receive(CUSTOMER, once("receive", "5DAA1CA1"), **LEGACY_TOLD, extra=LEGACY_EXTRA)
    state = {f"texts/conversation/{CUSTOMER}": {"text": "Yes", "in_reply_to_text": "Coming?", "last_inbound_at": RECEIVED_AT}}
    add("legacy-receive", "A legacy text names no number of ours, and its time has no zone.", LEGACY, accepted(found, state))
    add("legacy-receive-at-inbound-url", "The same by its URL.", LEGACY, accepted(found), slug="inbound")
    mms = LEGACY.replace('"SMS"', '"MMS"')
    add("legacy-mms", "The type of a legacy text is its channel.", mms, accepted(receive(CUSTOMER, once("receive", "5DAA1CA1"), channel="mms", **LEGACY_TOLD, extra=LEGACY_EXTRA)))
    stop = mms.replace('"Yes"', '"STOP"')
    found_stop = receive(CUSTOMER, once("receive", "5DAA1CA1"), channel="mms", **LEGACY_TOLD | {"text": "STOP"}, extra=LEGACY_EXTRA)
    states = {SUPPRESSED: {"opted_out": True, "channel": "sms"}, f"_/opt_out/{CUSTOMER}/mms": None}
    add("legacy-mms-stop", "Who stops MMS stops SMS: both come from the same sender.", stop, accepted(found_stop, states))
    blank = LEGACY.replace('"5DAA1CA1"', '""')
    record = legacy_record("400000123", LEGACY_AT, "Yes")
    add("legacy-receive-id-blank", "Without an id it is known by sender, time and text, for ten minutes.", blank, accepted(receive(CUSTOMER, record, **LEGACY_TOLD, extra=LEGACY_EXTRA | {"message_id": ""})))
    bare = '{"from":"400000123","body":"Yes"}'
    add("legacy-receive-bare", "A legacy text with nothing else.", bare, accepted(receive(CUSTOMER, legacy_record("400000123", "", "Yes"), **{"from": CUSTOMER}, text="Yes")))
    no_text = '{"from":"400000123","body":null,"received_at":7}'
    record = within_window("receive", "400000123", "7", sha(no_text), window_secs=WINDOW_SECS)
    add("legacy-receive-without-text", "A legacy text without any text is known by its bytes.", no_text, accepted(receive(CUSTOMER, record, **{"from": CUSTOMER}, extra={"body": None, "received_at": 7})))
    zoned = LEGACY.replace(LEGACY_AT, "2025-01-15T14:30:25+10:00")
    extra = {name: value for name, value in LEGACY_EXTRA.items() if name != "received_at"}
    at = "2025-01-15T04:30:25Z"
    found_zoned = receive(CUSTOMER, once("receive", "5DAA1CA1"), **LEGACY_TOLD, extra=extra, occurred_at=at)
    add("legacy-receive-with-zone", "A time with a zone is the event's.", zoned, accepted(found_zoned, {f"texts/conversation/{CUSTOMER}": {"last_inbound_at": at}}))
    form = "from=0400+000+123&body=Yes%21&message_id=5DAA1CA1&type=SMS"
    found_form = receive(CUSTOMER, once("receive", "5DAA1CA1"), **{"from": CUSTOMER}, text="Yes!", extra={"message_id": "5DAA1CA1"})
    add("legacy-receive-form", "A legacy text as a form.", form, accepted(found_form), content_type=FORM)
    status = '{"message_id":"5DAA1CA1","status":"Delivered","recipient":"400000123","custom_string":"visit-7","source":"API"}'
    extra = {"message_id": "5DAA1CA1", "custom_string": "visit-7", "source": "API"}
    told = {"status": "delivered", "status_raw": "Delivered", "final": True, "to": CUSTOMER}
    found = send("5DAA1CA1,400000123", status_record("5DAA1CA1", "400000123", "delivered"), **told, extra=extra)
    add("legacy-send", "A legacy status, told by its fields.", status, accepted(found, {"texts/message/5DAA1CA1,400000123": {"status": "delivered", "final": True, "to": CUSTOMER}}))
    add("legacy-send-at-unknown-url", "Known fields go before an unknown slug.", status, accepted(found), slug="dlr")
    odd = {"recipient": "400000123", "status": "Queued", "message_id": ""}
    add_unrecognised("legacy-send-without-key", "A legacy status of no message.", text(odd), "neither an `_id` nor a `message_id`", odd, provider_event="send")
    odd = {"type": "SMS", "body": "Yes"}
    add_unrecognised("legacy-receive-without-from", "A channel alone makes no event.", text(odd), "no `type`, and no event in the URL", odd)
