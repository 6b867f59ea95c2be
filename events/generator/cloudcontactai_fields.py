"""CloudContactAI: odd fields of known events, and bodies that cannot be read."""

from .ai_sync_bodies import DAMAGED, EMPTY, NO_OBJECT, NOT_JSON, NOT_UTF8, TOO_DEEP, noise
from .cloudcontactai import *


def add_cases():
    odd_fields()
    keys()
    unreadables()
    sizes()


def sent_case(name, about, members, key, data, *, record=None, states=None, top="", extra=None, **more):
    body = f'{{"eventType":"message.sent",{top}"data":{{{members}}}}}'
    record = record or once("message.sent", key, data.get("status_raw") or "", "")
    found = status_event("message.sent", key, record, message_status(status="sent", final=False, **data, extra=extra or {}))
    add_unsigned(name, about, body, accepted(found, states), **more)


def odd_fields():
    names = ["MessageStatus", "To", "From", "Message", "Segments", "TotalPrice", "ErrorCode", "ErrorMessage", "CampaignId"]
    nulls = ",".join(f'"{name}":null' for name in names)
    sent_case("fields-null", "Every field but the key is null.", f'"SmsSid":7,{nulls}', "7", {}, extra={"SmsSid": 7} | {name: None for name in names})
    sent_case("fields-missing", "Only the key is there.", '"SmsSid":7', "7", {}, extra={"SmsSid": 7}, states={"sms/message/7": {"status": "sent", "to": None}})
    wrong = '"SmsSid":7,"MessageStatus":{"a":1},"To":true,"From":[],"Message":5,"Segments":"2","TotalPrice":"free","ErrorCode":true,"ErrorMessage":[1]'
    extra = {"SmsSid": 7, "MessageStatus": {"a": 1}, "To": True, "From": [], "Message": 5, "Segments": "2", "TotalPrice": "free", "ErrorCode": True, "ErrorMessage": [1]}
    sent_case("fields-of-wrong-types", "No field has the type that it is documented to have.", wrong, "7", {}, extra=extra, states={"sms/message/7": {"segments": None, "to": None}})
    huge = "9" * 40
    sent_case(
        "numbers-beyond-types",
        "Numbers that no type holds are kept digit by digit.",
        f'"SmsSid":7,"Segments":{huge},"TotalPrice":0.10000000000000000000000001,"CampaignId":1e999,"CustomData":-0.0e-400',
        "7",
        {"price": "0.10000000000000000000000001"},
        extra={"SmsSid": 7, "Segments": Raw(huge), "CampaignId": Raw("1e999"), "CustomData": Raw("-0.0e-400")},
    )
    sent_case("price-negative", "A price below zero, as it is written.", '"SmsSid":7,"TotalPrice":-0.020', "7", {"price": "-0.020"}, extra={"SmsSid": 7})
    sent_case("price-exponent", "A price that is no decimal text stays in extra.", '"SmsSid":7,"TotalPrice":2e-2', "7", {}, extra={"SmsSid": 7, "TotalPrice": Raw("2e-2")})
    sent_case("segments-fraction", "Half a part is none.", '"SmsSid":7,"Segments":1.5', "7", {}, extra={"SmsSid": 7, "Segments": Raw("1.5")})
    sent_case(
        "repeated-keys",
        "The last of repeated keys counts, at every level.",
        '"SmsSid":6,"SmsSid":7,"Message":"a","Message":"b","x":1,"x":2',
        "7",
        {"text": "b"},
        top='"data":{"SmsSid":5},',
        extra={"SmsSid": 7, "x": 2},
    )
    sent_case(
        "extra-of-both-levels",
        "What nobody takes of the envelope and of its data lies side by side; of two that are called alike both stay.",
        '"SmsSid":7,"room":"inner","team":"inner","type":"inner"',
        "7",
        {},
        top='"team":"outer","region":"eu","type":"message.incoming",',
        extra={"SmsSid": 7, "room": "inner", "team": "inner", "type": "inner", "envelope.team": "outer", "region": "eu", "envelope.type": "message.incoming"},
    )
    sent_case(
        "every-script",
        "Text of any script, raw and escaped, survives as it is.",
        '"SmsSid":7,"Message":"Ünï\\u00e9 \\"q\\" \\\\ \\/ \u2028 \U0001f4de \\ud83d\\udcde","CampaignTitle":"春の \\u041c"',
        "7",
        {"text": 'Ünïé "q" \\ / \u2028 \U0001f4de \U0001f4de'},
        extra={"SmsSid": 7, "CampaignTitle": "春の М"},
    )
    sent_case("lone-surrogate", "Half a surrogate pair is U+FFFD.", '"SmsSid":7,"Message":"a\\ud800"', "7", {"text": "a\ufffd"}, extra={"SmsSid": 7})
    sent_case(
        "status-whatever",
        "Whatever the status says, the event says sent.",
        '"SmsSid":7,"MessageStatus":"FAILED"',
        "7",
        {"status_raw": "FAILED"},
        extra={"SmsSid": 7},
        states={"sms/message/7": {"status": "sent", "status_raw": "FAILED", "final": False}},
    )
    sent_case(
        "no-time-of-its-own",
        "A text has no time of its own: what looks like one is kept and not believed.",
        '"SmsSid":7,"timestamp":"2020-01-01T00:00:00Z","UnsubscribedAt":"2020-01-01T00:00:00Z"',
        "7",
        {},
        extra={"SmsSid": 7, "timestamp": "2020-01-01T00:00:00Z", "UnsubscribedAt": "2020-01-01T00:00:00Z"},
        states={"sms/message/7": {"status_at": RECEIVED_AT}},
    )
    sent_case("to-written-otherwise", "Punctuation of a number is taken out.", f'"SmsSid":7,"To":"+1 (555) 010-0003","From":"ACME"', "7", {"to": CUSTOMER, "from": "ACME"}, extra={"SmsSid": 7})
    camel = '{"eventType":"message.sent","smsSid":7,"messageStatus":"SENT","to":"+15550100003","message":"Hi"}'
    found = status_event(
        "message.sent",
        "7",
        once("message.sent", "7", "SENT", ""),
        message_status(status="sent", status_raw="SENT", final=False, to=CUSTOMER, text="Hi", extra={"smsSid": 7}),
    )
    add_unsigned("named-and-flat", "A name beside its fields instead of around them.", camel, accepted(found))
    form = "type=message.received&from=%2B15550100003&to=%2B15550100004&message=Hi+there"
    found = received_event("message.received", by_bytes("message.received", form), message_received(**{"from": CUSTOMER}, to=OURS, text="Hi there", channel="sms"))
    add_unsigned("form", "A form is read as an object of texts.", form, accepted(found), content_type=FORM)


def keys():
    sent_case("sid-text", "A number of a text that is a text.", '"SmsSid":"90210"', "90210", {}, extra={"SmsSid": "90210"})
    digits = "1234567890123456789012345678901234567890"
    sent_case("sid-forty-digits", "A number beyond any type.", f'"SmsSid":{digits}', digits, {}, extra={"SmsSid": Raw(digits)})
    for name, about, sid, kept in [
        ("zero-text", "The text of 0 is no number of a text.", '"0"', "0"),
        ("negative", "Nor is one below 0.", "-5", -5),
        ("fraction", "Nor a fraction.", "1.5", Raw("1.5")),
        ("letters", "Nor letters.", '"SM1"', "SM1"),
        ("null", "Nor null.", "null", None),
    ]:
        members = f'"SmsSid":{sid},"To":"+15550100003"'
        body = f'{{"eventType":"message.sent","data":{{{members}}}}}'
        sent_case(f"sid-{name}", about, members, CUSTOMER, {"to": CUSTOMER}, record=by_bytes("message.sent", body), extra={"SmsSid": kept})
    members = '"To":"+1 (555) 010-0003"'
    body = f'{{"eventType":"message.sent","data":{{{members}}}}}'
    sent_case("to-as-written", "A recipient as a key is as it is written.", members, "+1 (555) 010-0003", {"to": CUSTOMER}, record=by_bytes("message.sent", body))
    body = envelope("message.excluded", '{"SmsSid":55,"MessageStatus":"EXCLUDED","To":"+15550100003"}', None)
    data = message_status(status="excluded", status_raw="EXCLUDED", final=True, to=CUSTOMER, extra={"SmsSid": 55})
    record = once("message.excluded", "55", "EXCLUDED", "")
    add_unsigned("excluded-with-sid", "Where it has a number of its own, that is its key.", body, accepted(status_event("message.excluded", "55", record, data)))
    members = '{"From":"0491 570 006","To":"0491570156","Message":"Stop."}'
    body = envelope("message.incoming", members, None)
    key = "+61491570006,+61491570156"
    data = message_received(**{"from": "+61491570006"}, to="+61491570156", text="Stop.", channel="sms")
    add_unsigned(
        "conversation-of-a-country",
        "Both numbers of a conversation's key are normalised by the country.",
        body,
        accepted(received_event("message.incoming", by_bytes("message.incoming", body), data, key), {"_/opt_out/+61491570006/sms": {"opted_out": True}}),
        sources=ccai_sources(f'unsigned = true\ntokens = ["{TOKEN}"]\ncountry = "AU"'),
    )
    body = envelope("message.incoming", '{"From":15550100003,"To":"+15550100004","Message":"STOP"}', None)
    data = message_received(**{"from": "15550100003"}, to=OURS, text="STOP", channel="sms")
    add_unsigned(
        "from-number",
        "A sender that is a number is one; without a country it is none that can be put on a list.",
        body,
        accepted(received_event("message.incoming", by_bytes("message.incoming", body), data, f"15550100003,{OURS}"), {f"_/opt_out/{CUSTOMER}/sms": None}),
    )


def unreadables():
    def case(name, about, body, reason, **more):
        add_unsigned(name, about, body, ccai_unreadable(body, reason), **more)

    whole = envelope("message.sent", '{"SmsSid":7}')
    case("body-empty", "No body at all.", "", EMPTY)
    case("body-list", "A list of events: it sends none.", f"[{whole}]", NO_OBJECT)
    case("body-null", "JSON, but null.", "null", NO_OBJECT)
    case("body-plain-text", "No JSON.", "STOP", NOT_JSON, content_type="text/plain")
    case("json-truncated", "JSON that was cut off.", whole[:-3], NOT_JSON)
    case("json-trailing", "Something behind the object.", whole + "x", NOT_JSON)
    case("bytes-invalid-utf8", "Latin-1 in JSON.", b'{"eventType":"message.sent","data":{"SmsSid":7,"Message":"caf\xe9"}}', NOT_UTF8)
    case("depth-121", "One level too many.", envelope("message.sent", "[" * 120 + "]" * 120), TOO_DEEP)
    found = status_event("message.sent", "7", once("message.sent", "7", "", ""), message_status(status="sent", final=False, extra={"SmsSid": 7, "eventHash": HASH}))
    add_unsigned("gzip-missing", "It says gzip and is plain JSON.", whole, accepted(found), headers=[("Content-Encoding", "gzip")])


def sizes():
    text = noise(60_000)
    body = envelope("message.incoming", f'{{"From":"{CUSTOMER}","To":"{OURS}","Message":"{text}"}}', None)
    data = message_received(**{"from": CUSTOMER}, to=OURS, text=text, channel="sms")
    add_unsigned("size-long-text", "A long text, whole.", body, accepted(received_event("message.incoming", by_bytes("message.incoming", body), data)))
    sentence, times = "And so the customer wrote, at some length. ", 1_700
    body = envelope("message.incoming", f'{{"From":"{CUSTOMER}","To":"{OURS}","Message":"{sentence * times}"}}', None)
    data = message_received(**{"from": CUSTOMER}, to=OURS, channel="sms", extra={"truncated": ["text"]})
    found = received_event("message.incoming", by_bytes("message.incoming", body), data) | {"cut": {"text": {"text": sentence, "times": times}}}
    add_unsigned("size-text-cut", "A text that makes data exceed 64 KiB is cut and named; the raw bytes are whole.", body, accepted(found))
