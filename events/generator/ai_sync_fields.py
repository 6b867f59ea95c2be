"""AI Sync: odd fields of known events. The kind is kept, the odd ones are null, their originals in extra."""

from .ai_sync_events import AT, CUSTOMER, OURS, add_event
from .case import *


def add_cases():
    keys()
    odd_types()
    times()
    numbers_by_country()
    sizes()


def ended(data: str, *, timestamp='"2025-01-15T14:30:25.123Z"', rest="") -> str:
    return f'{{"event":"call.ended","timestamp":{timestamp},"data":{data}{rest}}}'


def add_call(name, about, body, key, data, *, call_id=None, occurred_at=AT, states=None, cut=None, **more):
    """A call that ended. Its `call_id` is no canonical name: as written, it is among the other fields."""
    data = data | {"extra": {"call_id": key if call_id is None else call_id} | data["extra"]}
    found = event(
        "call.ended",
        f"voice/call/{key}",
        once("call.ended", key),
        data,
        provider_event="call.ended",
        occurred_at=occurred_at,
        cut=cut,
    )
    add_event(name, about, body, found, states, **more)


def keys():
    digits = "1234567890123456789012345678901234567890"
    add_call("key-number", "A call_id that is a number.", ended('{"call_id":987654321}'), "987654321", call(ended_at=AT), call_id=987654321)
    add_call("key-forty-digits", "A call_id beyond any type, as written.", ended(f'{{"call_id":{digits}}}'), digits, call(ended_at=AT), call_id=Raw(digits))
    add_call("key-1024-bytes", "The longest key.", ended('{"call_id":"' + "é" * 512 + '"}'), "é" * 512, call(ended_at=AT))
    add_call("key-slashes", "Separators in a key are nothing special.", ended('{"call_id":"a/b#c,d e"}'), "a/b#c,d e", call(ended_at=AT))
    controls = ended('{"call_id":"call\\u0000\\u0001\\n1","transcription":"\\u0000\\u001f\\u007f"}')
    add_call(
        "key-control-characters",
        "Escaped control characters in a key and a text: SQS takes none, and must not be asked to.",
        controls,
        "call\0\x01\n1",
        call(ended_at=AT, transcript="\0\x1f\x7f"),
    )
    add_call(
        "key-noncharacters",
        "U+FFFE and U+FFFF in a key: valid in JSON and UTF-8, not taken by SQS.",
        ended('{"call_id":"call_\ufffe\uffff"}'),
        "call_\ufffe\uffff",
        call(ended_at=AT),
    )
    nowhere = '{"event":"call.ended\uffff","data":{}}'
    add(
        "event-noncharacters",
        "U+FFFF in the name of an unknown event.",
        nowhere,
        unrecognised(nowhere, "unknown event", {"event": "call.ended\uffff", "data": {}}, provider_event="call.ended\uffff"),
    )


def odd_types():
    add_call("fields-missing", "Only the key is there.", '{"event":"call.ended","data":{"call_id":"call_5"}}', "call_5", call(), occurred_at=None)
    names = ["agent_id", "caller_number", "call_duration", "call_status", "call_direction", "recording_url", "transcription", "tags"]
    nulls = ",".join(f'"{name}":null' for name in names)
    add_call(
        "fields-null",
        "Every field but the key is null.",
        ended(f'{{"call_id":"call_5",{nulls}}}', timestamp="null", rest=',"metadata":null'),
        "call_5",
        call(extra={name: None for name in [*names, "timestamp", "metadata"]}),
        occurred_at=None,
        states={"voice/call/call_5": {"status": None, "transcript": None}},
    )
    wrong = {
        "agent_id": {"id": 9},
        "caller_number": True,
        "called_number": ["+15550100004"],
        "call_status": 5,
        "call_direction": "sideways",
        "recording_url": 7,
        "transcription": {"text": "Hello"},
        "sentiment": True,
        "disposition": [],
        "tags": "qualified",
    }
    add_call(
        "fields-of-wrong-types",
        "No field has the type that it is documented to have.",
        ended(
            '{"call_id":"call_5","agent_id":{"id":9},"caller_number":true,"called_number":["+15550100004"],"call_status":5,'
            '"call_direction":"sideways","recording_url":7,"transcription":{"text":"Hello"},"sentiment":true,"disposition":[],"tags":"qualified"}'
        ),
        "call_5",
        call(ended_at=AT, extra=wrong),
    )
    add_call(
        "text-for-number",
        "A text where a number is documented.",
        ended('{"call_id":"call_5","call_duration":"180"}'),
        "call_5",
        call(ended_at=AT, extra={"call_duration": "180"}),
    )
    add_event(
        "list-for-object",
        "PHP's empty list for an empty object.",
        '{"event":"campaign.completed","data":{"campaign_id":"camp_5","totals":[]},"metadata":[]}',
        event(
            "campaign.completed",
            "voice/campaign/camp_5",
            once("campaign.completed", "camp_5"),
            campaign(extra={"campaign_id": "camp_5", "totals": [], "metadata": []}),
            provider_event="campaign.completed",
        ),
    )
    huge = "9" * 40
    add_call(
        "numbers-beyond-types",
        "Numbers that no type holds are kept digit by digit.",
        ended(f'{{"call_id":"call_5","call_duration":{huge},"talk_time":-5,"wait_time":1.5,"score":1e999,"tiny":-0.0e-400,"exact":0.10}}'),
        "call_5",
        call(
            ended_at=AT,
            extra={
                "call_duration": Raw(huge),
                "talk_time": -5,
                "wait_time": Raw("1.5"),
                "score": Raw("1e999"),
                "tiny": Raw("-0.0e-400"),
                "exact": Raw("0.10"),
            },
        ),
    )
    add_call(
        "repeated-keys",
        "The last of repeated keys counts, at every level.",
        '{"event":"call.started","event":"call.ended","timestamp":"2025-01-15T14:30:25.123Z",'
        '"data":{"call_id":"first"},"data":{"call_id":"a","call_id":"b","sentiment":"bad","sentiment":"good","x":1,"x":2}}',
        "b",
        call(ended_at=AT, sentiment="good", extra={"x": 2}),
    )
    add_call(
        "recording-over-http",
        "Recordings are https only; another address stays in extra.",
        ended('{"call_id":"call_5","recording_url":"http://recordings.example/call_5.mp3"}'),
        "call_5",
        call(ended_at=AT, extra={"recording_url": "http://recordings.example/call_5.mp3"}),
        states={"voice/call/call_5": {"recordings": None}},
    )
    add_call(
        "lone-surrogate",
        "Half a surrogate pair is U+FFFD; what stands beside it is kept.",
        ended('{"call_id":"call_5","sentiment":"\\ud83d","disposition":"\\ud83d\\ude00","notes":"a\\udc00b"}'),
        "call_5",
        call(ended_at=AT, sentiment="\ufffd", disposition="\U0001f600", extra={"notes": "a\ufffdb"}),
    )
    add_call(
        "every-script",
        "Text of any script, raw and escaped, survives as it is.",
        ended('{"call_id":"呼び出し-1","transcription":"Ünï\\u00e9 \\"q\\" \\\\ \\/ \u2028 \U0001f4de \\ud83d\\udcde \\u0041"}'),
        "呼び出し-1",
        call(ended_at=AT, transcript='Ünïé "q" \\ / \u2028 \U0001f4de \U0001f4de A'),
    )
    add_call(
        "extra-of-both-levels",
        "What nobody takes of the envelope and of its data lies side by side in extra.",
        ended('{"call_id":"call_5","room":"inner"}', rest=',"team":"outer"'),
        "call_5",
        call(ended_at=AT, extra={"room": "inner", "team": "outer"}),
    )


def times():
    without_zone = '"2025-01-15T14:30:25"'
    add_call(
        "time-without-zone",
        "A time without a zone is not told; it stays in extra as text.",
        ended('{"call_id":"call_6"}', timestamp=without_zone),
        "call_6",
        call(extra={"timestamp": "2025-01-15T14:30:25"}),
        occurred_at=None,
        states={"voice/call/call_6": {"ended_at": None, "updated_at": RECEIVED_AT}},
    )
    add_call(
        "time-with-offset",
        "A time of another zone.",
        ended('{"call_id":"call_6"}', timestamp='"2025-01-15T15:30:25.5+01:00"'),
        "call_6",
        call(ended_at="2025-01-15T14:30:25.5Z"),
        occurred_at="2025-01-15T14:30:25.5Z",
    )
    add_call(
        "time-as-number",
        "Seconds since 1970 are no RFC 3339.",
        ended('{"call_id":"call_6"}', timestamp="1736951425"),
        "call_6",
        call(extra={"timestamp": 1736951425}),
        occurred_at=None,
    )
    add_call(
        "time-far-away",
        "A time of the far future, to the nanosecond.",
        ended('{"call_id":"call_6"}', timestamp='"9000-12-31T23:59:59.123456789Z"'),
        "call_6",
        call(extra={"timestamp": "9000-12-31T23:59:59.123456789Z", "implausible_time": "9000-12-31T23:59:59.123456789Z"}),
        occurred_at=None,
    )
    for name, about, written in [
        ("time-never-set", "A time of a clock that was never set is none.", "1970-01-01T00:00:00Z"),
        ("time-year-zero", "Nor is one of the year 0.", "0000-01-01T00:00:00Z"),
        ("time-beyond-calendars", "Nor one that no calendar of ours reaches.", "9999-12-31T23:59:59Z"),
        ("time-ahead", "More than five minutes ahead of its acceptance is no time.", "2026-02-03T04:10:06.790Z"),
        ("time-of-another-zone", "An hour ahead is none, in whatever zone.", "2026-02-03T06:05:06+01:00"),
    ]:
        add_call(
            name,
            about,
            ended('{"call_id":"call_6"}', timestamp=f'"{written}"'),
            "call_6",
            call(extra={"timestamp": written, "implausible_time": written}),
            occurred_at=None,
            states={"voice/call/call_6": {"ended_at": None, "updated_at": RECEIVED_AT}},
        )
    ahead = "2026-02-03T04:10:06.789Z"
    add_call(
        "time-five-minutes-ahead",
        "Five minutes ahead is believed, and counts as the accepted time.",
        ended('{"call_id":"call_6"}', timestamp=f'"{ahead}"'),
        "call_6",
        call(ended_at=ahead),
        occurred_at=ahead,
        states={"voice/call/call_6": {"ended_at": ahead, "updated_at": RECEIVED_AT}},
    )
    add_call(
        "time-of-2000",
        "The first second of 2000 is believed.",
        ended('{"call_id":"call_6"}', timestamp='"2000-01-01T00:00:00Z"'),
        "call_6",
        call(ended_at="2000-01-01T00:00:00Z"),
        occurred_at="2000-01-01T00:00:00Z",
    )
    add_call(
        "time-of-a-field",
        "A field with such a time is null, and stays among the others.",
        ended('{"call_id":"call_6","started_at":"2036-01-01T00:00:00Z"}'),
        "call_6",
        call(ended_at=AT, extra={"started_at": "2036-01-01T00:00:00Z", "implausible_time": "2036-01-01T00:00:00Z"}),
    )
    add_event(
        "appointment-time-without-zone",
        "The same holds for other times.",
        '{"event":"appointment.scheduled","data":{"appointment_id":"app_1","starts_at":"2025-01-20 10:00"}}',
        event(
            "appointment.scheduled",
            "voice/appointment/app_1",
            once("appointment.scheduled", "app_1"),
            booking(extra={"appointment_id": "app_1", "starts_at": "2025-01-20 10:00"}),
            provider_event="appointment.scheduled",
        ),
    )


AUSTRALIA = sources(f'secrets = ["{SECRET}"]\ncountry = "AU"')


def numbers_by_country():
    add_call(
        "numbers-of-a-country",
        "National numbers are read by the source's country; a short code is none.",
        ended('{"call_id":"call_7","caller_number":"0491 570 006","called_number":"12345"}'),
        "call_7",
        call(ended_at=AT, **{"from": "+61491570006"}, to="12345"),
        sources=AUSTRALIA,
    )
    add_call(
        "numbers-of-no-country",
        "Without a country a national number stays as it is written.",
        ended('{"call_id":"call_7","caller_number":"0491 570 006","called_number":"ACME"}'),
        "call_7",
        call(ended_at=AT, **{"from": "0491 570 006"}, to="ACME"),
    )
    add_call(
        "numbers-of-no-country-with-code",
        "Without a country eleven digits are a number where they are a valid one, and two zeros stand for a plus.",
        ended('{"call_id":"call_7","caller_number":"1 (212) 555-0150","called_number":"0061 (0)491 570 006"}'),
        "call_7",
        call(ended_at=AT, **{"from": "+12125550150"}, to="+61491570006"),
    )
    add_call(
        "numbers-of-no-country-ambiguous",
        "Ten digits may be a number of Arkansas and of Norway; eleven that are no valid number are none.",
        ended('{"call_id":"call_7","caller_number":"4792345678","called_number":"15550100003"}'),
        "call_7",
        call(ended_at=AT, **{"from": "4792345678"}, to="15550100003"),
    )
    conversation = "voice/conversation/+61491570006,+61491570156"
    add_event(
        "conversation-of-a-country",
        "Both numbers of a conversation's key are normalised by the country; STOP finds the same number.",
        '{"event":"sms.received","timestamp":"2025-01-15T13:00:00Z","data":{"message_id":"m","from":"0491 570 006","to":"0491570156","text":"Stop."}}',
        event(
            "message.received",
            conversation,
            once("sms.received", "m"),
            message_received(
                **{"from": "+61491570006"}, to="+61491570156", text="Stop.", channel="sms", extra={"message_id": "m"}
            ),
            provider_event="sms.received",
            occurred_at="2025-01-15T13:00:00Z",
        ),
        {conversation: {"opted_out": True}, "_/opt_out/+61491570006/sms": {"opted_out": True, "phone": "+61491570006"}},
        sources=AUSTRALIA,
    )


def sizes():
    sentence, times = "And so the customer said, at some length. ", 1_700
    add_call(
        "transcript-cut",
        "A transcript that makes data exceed 64 KiB is cut and named; the raw bytes are whole.",
        ended(f'{{"call_id":"call_8","sentiment":"positive","transcription":"{sentence * times}"}}'),
        "call_8",
        call(ended_at=AT, sentiment="positive", extra={"truncated": ["transcript"]}),
        cut={"transcript": {"text": sentence, "times": times}},
        states={"voice/call/call_8": {"sentiment": "positive", "duration_secs": None}},
    )
    add_call(
        "transcript-not-cut",
        "A long transcript that still fits.",
        ended(f'{{"call_id":"call_8","transcription":"{sentence * 1_400}"}}'),
        "call_8",
        call(ended_at=AT, transcript=sentence * 1_400),
    )
    # Each text takes 6 bytes a character in JSON; five of them exceed DynamoDB's 400 KB together.
    fields = ["call_status", "disposition", "sentiment", "transcription", "agent_id"]
    canonical_names = ["agent", "disposition", "sentiment", "status", "transcript"]
    pieces = [('{"event":"call.ended","data":{"call_id":"call_8"', 1)]
    for name in fields:
        pieces += [(f',"{name}":"', 1), ("\\u0001", 16_384), ('"', 1)]
    add_call(
        "texts-of-control-characters",
        "Texts that grow sixfold as JSON: the state must still fit into an item of 400 KB.",
        Recipe([*pieces, ("}}", 1)]),
        "call_8",
        call(extra={"truncated": canonical_names}),
        cut={name: {"text": "\x01", "times": 16_384} for name in canonical_names},
        occurred_at=None,
    )
