"""Nectar Desk: what its cases have in common, and the events of calls.

By api-docs.nectardesk.com/webhook/ (overview, call-ended, call-abandoned, message-sent, message-received);
what other integrators saw of real traffic is said in the case. Everything is invented: no real number.
"""

from .case import *

TOKEN = "dEsk-abcdefghijklmnopqrstuvw_01"
SECOND_TOKEN = "ZYXWVUTSRQPONMLKJIHGFEDCBA"
HORIZON_SECS = 2 * 60


def desk_sources(settings: str = "") -> str:
    return (
        f'[sources.desk]\nprovider = "nectar-desk"\ntokens = ["{TOKEN}"]\n{settings}'
        f'\n[sources.other]\nprovider = "nectar-desk"\ntokens = ["{SECOND_TOKEN}"]\n'
    )


HEADERS = [("Content-Type", "application/json")]
CUSTOMER, OURS = "+15550100003", "+15550100004"


def add_desk(name, about, slug, body, expected, *, path=None, headers=HEADERS, sources=None, **more):
    """A delivery to the URL of an event. Its token is its credential: it is in the path, not a header."""
    path = path or f"/webhooks/desk/{TOKEN}" + (f"/{slug}" if slug else "")
    add_case("nectar-desk", name, about, body, expected, headers, path=path, sources=sources or desk_sources(), **more)


def text_of(body) -> str:
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def bytes_digest(body) -> str:
    body = body.encode() if isinstance(body, str) else body
    return hashlib.sha256(body).hexdigest()


def by_bytes(slug: str, key: str, body) -> str:
    return once(slug, key, bytes_digest(body))


def by_bytes_shortly(slug: str, key: str, body) -> str:
    return within_window(slug, key, bytes_digest(body), window_secs=HORIZON_SECS)


# The names of the call's object that have a place in `data`; all others are kept as they are.
MAPPED = {"type", "sub_type", "startedDate", "endedDate", "duration", "talkTime", "waitingTime", "tags", "call_recordings"}


def left_of(body: dict, *also: str) -> dict:
    """What of a call's object has no place in `data`, and what (`also`) is not of the type of its place."""
    return {name: value for name, value in body.items() if name not in MAPPED or name in also}


KINDS = {
    "call-ended": "call.ended",
    "call-abandoned": "call.abandoned",
    "call-overflowed-to-voicemail": "call.voicemail",
}


def add_call(name, about, slug, body, data, *, key=None, occurred_at=None, states=None, **more):
    text = text_of(body)
    key = key or str(body["id"])
    entity = f"desk/call/{key}"
    found = event(KINDS[slug], entity, by_bytes(slug, key, text), data, provider_event=slug, occurred_at=occurred_at)
    states = {entity: states} if states else None
    add_desk(name, about, slug, text, accepted(found, states), **more)


# The objects of the documents' call, with other values.
NUMBER = {"id": 4, "number": OURS, "numberWithAlias": f"{OURS} (Desk)", "alias": "Desk"}
EXTERNAL = [{"number": CUSTOMER, "is_any_transfer": 0}]
CONTACT = {
    "id": 31,
    "firstName": "Ada",
    "lastName": "Example",
    "email": "ada@example.com",
    "phone": CUSTOMER,
    "createDate": "2025-11-01T10:00:00+02:00",
    "additionalFields": {"plan": "gold"},
    "integrations": [],
}
AGENTS = [
    {"id": 1, "name": "Agent X", "action": "Missed", "type": "Normal call"},
    {"id": 2, "name": "Agent Y", "action": "Answered", "type": "Normal call"},
]
FULL = {
    "id": 70011,
    "type": "inbound",
    "startedDate": "2026-02-03T05:00:05+02:00",
    "endedDate": "2026-02-03T05:02:00+02:00",
    "duration": 110,
    "talkTime": 90,
    "waitingTime": 9,
    "tags": ["vip", "support"],
    "call_type": "inbound_ring_group",
    "call_recordings": ["example.com/api/call/recording/555"],
    "number": NUMBER,
    "campaign": "Spring",
    "external_numbers": EXTERNAL,
    "transfer_details": {"transfer_talk_time": 12, "number": "+15550100009"},
    "abandoned": 0,
    "sub_type": "(Support)Handled",
    "ringGroup": {"id": 3, "name": "Support"},
    "disposition": {"id": 5, "code": "Sold", "note": "Wants an invoice."},
    "contact": CONTACT,
    "agents": AGENTS,
}
STARTED, ENDED = "2026-02-03T03:00:05Z", "2026-02-03T03:02:00Z"
FULL_DATA = {
    "direction": "inbound",
    "from": CUSTOMER,
    "to": OURS,
    "agent": "Agent Y",
    "status": "(Support)Handled",
    "started_at": STARTED,
    "ended_at": ENDED,
    "duration_secs": 110,
    "talk_secs": 90,
    "wait_secs": 9,
    "recordings": ["https://example.com/api/call/recording/555"],
    "disposition": "Sold",
    "tags": ["vip", "support"],
}
# The minimal call of the documents: most objects are absent or empty.
MINIMAL = {
    "id": 70012,
    "type": "outbound",
    "startedDate": "2026-02-03T05:00:05+02:00",
    "endedDate": "",
    "duration": 0,
    "talkTime": 0,
    "waitingTime": 0,
    "tags": [],
    "call_type": "outbound",
    "call_recordings": [],
    "number": {},
    "campaign": "",
    "external_numbers": [],
    "transfer_details": {},
    "abandoned": 0,
    "sub_type": "Not Answered",
}
MINIMAL_DATA = {
    "direction": "outbound",
    "status": "Not Answered",
    "started_at": STARTED,
    "duration_secs": 0,
    "talk_secs": 0,
    "wait_secs": 0,
    "tags": [],
}
# The call that other integrators got: another `call_type`, no `+`, and `[]` for empty objects.
SEEN = (
    '{"id":70011,"type":"inbound","startedDate":"2026-02-03T09:00:05+02:00","endedDate":"2026-02-03T09:02:00+02:00",'
    '"duration":110,"talkTime":90,"waitingTime":9,"tags":[],"call_type":"answered",'
    '"call_recordings":["tenant.example/api/call/recording/9"],"number":{"id":4,"number":"15550100002","alias":"Desk"},'
    '"campaign":"","external_numbers":[],"transfer_details":[],"abandoned":0,"sub_type":"(Desk)Handled",'
    '"agents":[{"id":2,"name":"Agent X","action":"Answered","type":"Normal call"}]}'
)


def add_cases():
    ended()
    other_calls()
    parties()
    odd_fields()
    recordings()
    dispositions()


def ended():
    state = {
        "direction": "inbound",
        "from": CUSTOMER,
        "to": OURS,
        "agent": "Agent Y",
        "outcome": "answered",
        "status": "(Support)Handled",
        "ended_at": ENDED,
        "talk_secs": 90,
        "disposition": "Sold",
        "recordings": ["https://example.com/api/call/recording/555"],
    }
    add_call(
        "call-ended",
        "A call ended, with every object of the documents. Objects stay whole among the other fields.",
        "call-ended",
        FULL,
        call(**FULL_DATA, extra=left_of(FULL)),
        occurred_at=ENDED,
        states=state,
    )
    add_call(
        "call-ended-minimal",
        "The least of the documents: no number of either side is known, and a text without a time stays.",
        "call-ended",
        MINIMAL,
        call(**MINIMAL_DATA, extra=left_of(MINIMAL, "endedDate", "call_recordings")),
        states={"direction": "outbound", "outcome": None, "ended_at": None, "recordings": None},
    )
    seen = json.loads(SEEN)
    add_call(
        "call-ended-as-seen",
        "Real traffic: no `+`, and `[]` for an empty object. Nothing tells the country.",
        "call-ended",
        SEEN,
        call(
            direction="inbound",
            to="15550100002",
            agent="Agent X",
            status="(Desk)Handled",
            started_at="2026-02-03T07:00:05Z",
            ended_at="2026-02-03T07:02:00Z",
            duration_secs=110,
            talk_secs=90,
            wait_secs=9,
            recordings=["https://tenant.example/api/call/recording/9"],
            tags=[],
            extra=left_of(seen),
        ),
        key="70011",
        occurred_at="2026-02-03T07:02:00Z",
        states={"to": "15550100002", "outcome": "answered"},
        received_at="2026-02-03T07:02:01.789Z",
    )
    pretty = json.dumps({"id": 7, "type": "outbound"}, indent=4)
    add_call("call-ended-pretty", "White space changes the digest and nothing else.", "call-ended", pretty, call(direction="outbound", extra={"id": 7}), key="7")
    add_call("call-ended-id-only", "A call of which nothing else is told.", "call-ended", {"id": 7}, call(extra={"id": 7}))
    digits = "1234567890123456789012345678901234567890"
    add_call("key-forty-digits", "An id beyond any type, as written.", "call-ended", f'{{"id":{digits}}}', call(extra={"id": Raw(digits)}), key=digits)
    add_call("key-text", "An id that is a text.", "call-ended", {"id": "a/b c"}, call(extra={"id": "a/b c"}))
    add_call(
        "call-ended-event-in-body",
        "A name of an event in the body is kept and decides nothing.",
        "call-ended",
        {"id": 7, "event": "Call Abandoned", "eventName": "call-abandoned", "event_type": 1},
        call(extra={"id": 7, "event": "Call Abandoned", "eventName": "call-abandoned", "event_type": 1}),
        states={"outcome": None},
    )
    big = FULL | {"id": 70013, "notes": "n" * 40_000}
    add_call("call-ended-large", "A body over 32 KiB.", "call-ended", big, call(**FULL_DATA, extra=left_of(big)), occurred_at=ENDED)


def other_calls():
    # The documents' examples of this event are those of Call Ended, `"abandoned": 0` included.
    add_call(
        "call-abandoned",
        "The caller hung up: the same body as that of a call that ended, so only the slug tells.",
        "call-abandoned",
        FULL,
        call(**FULL_DATA, extra=left_of(FULL)),
        occurred_at=ENDED,
        states={"outcome": "abandoned", "ended_at": ENDED},
    )
    real = FULL | {"id": 70014, "talkTime": 0, "waitingTime": 24, "abandoned": 1, "sub_type": "(Support)Abandoned", "agents": []}
    del real["disposition"]
    data = FULL_DATA | {"talk_secs": 0, "wait_secs": 24, "status": "(Support)Abandoned", "agent": None, "disposition": None}
    add_call("call-abandoned-marked", "A call that says itself that it was abandoned.", "call-abandoned", real, call(**data, extra=left_of(real)), occurred_at=ENDED, states={"outcome": "abandoned", "agent": None})
    add_call(
        "call-overflowed-to-voicemail",
        "A call went to voicemail. It tells no time of that: a call may go on.",
        "call-overflowed-to-voicemail",
        FULL,
        call(**FULL_DATA, extra=left_of(FULL)),
        states={"outcome": "voicemail", "ended_at": ENDED},
    )


def parties():
    def side(name, about, changed, *, country=None, **data):
        body = {"id": 7, "type": "inbound", "number": NUMBER, "external_numbers": EXTERNAL} | changed
        data = {"direction": "inbound", "from": CUSTOMER, "to": OURS} | data
        sources = desk_sources(f'country = "{country}"\n') if country else None
        add_call(name, about, "call-ended", body, call(**data, extra=left_of(body)), sources=sources)

    side("parties-inbound", "The customer calls our number.", {})
    side("parties-outbound", "Our number calls the customer.", {"type": "outbound"}, direction="outbound", **{"from": OURS}, to=CUSTOMER)
    side("parties-direction-upper-case", "Directions have no case.", {"type": "Outbound"}, direction="outbound", **{"from": OURS}, to=CUSTOMER)
    side("parties-contact", "Without external numbers, the customer's is the contact's.", {"external_numbers": [], "contact": CONTACT | {"phone": "+15550100007"}}, **{"from": "+15550100007"})
    side(
        "parties-alias",
        "A number with its alias in brackets.",
        {"external_numbers": [{"number": "+15550100003 (Ada)", "is_any_transfer": 0}]},
    )
    side(
        "parties-alias-first",
        "The alias first, the number in brackets.",
        {"external_numbers": [{"number": "Ada (+1 555 010-0003)", "is_any_transfer": 0}]},
        **{"from": CUSTOMER},
    )
    side(
        "parties-transfer",
        "Whom a call was handed on to is not the customer.",
        {"external_numbers": [{"number": "+15550100009", "is_any_transfer": 1}, {"number": CUSTOMER, "is_any_transfer": 0}]},
    )
    side("parties-withheld", "A caller who withholds the number.", {"external_numbers": [{"number": "anonymous", "is_any_transfer": 0}]}, **{"from": "anonymous"})
    side("parties-number-list", "An empty object that is written as `[]`.", {"number": []}, to=None)
    side("parties-number-null", "No number at all.", {"number": None, "external_numbers": None}, to=None, **{"from": None})
    side(
        "parties-country",
        "National numbers are read by the source's country.",
        {"number": NUMBER | {"number": "61400000123"}, "external_numbers": [{"number": "0400 000 124", "is_any_transfer": 0}]},
        country="AU",
        **{"from": "+61400000124"},
        to="+61400000123",
    )
    body = {"id": 7, "type": "internal", "number": NUMBER, "external_numbers": EXTERNAL}
    add_call("parties-no-direction", "Without a direction nobody knows who called whom.", "call-ended", body, call(extra=body))


def odd_fields():
    odd = {
        "id": 7,
        "type": 1,
        "startedDate": "2026-02-03 05:00:05",
        "endedDate": "2026-02-03T05:02:00",
        "duration": "110",
        "talkTime": None,
        "waitingTime": -1,
        "tags": {},
        "call_recordings": "example.com/api/call/recording/555",
        "sub_type": [],
        "disposition": [],
        "contact": [],
        "ringGroup": [],
        "agents": {},
    }
    add_call("fields-of-other-types", "Fields of other types are null and stay as they are: texts for numbers, times without a zone, `[]` for `{}`.", "call-ended", odd, call(extra=odd))
    nulls = {name: None for name in FULL} | {"id": 7}
    add_call("fields-null", "Every field but the id is null.", "call-ended", nulls, call(extra=nulls))
    lists = {name: [] for name in FULL} | {"id": 7, "tags": []}
    data = call(tags=[], extra={name: value for name, value in lists.items() if name != "tags"})
    add_call("fields-empty-lists", "Every field but the id is `[]`.", "call-ended", lists, data)
    one = {"id": 7, "agents": {"id": 2, "name": "Agent Y", "action": "Answered"}}
    add_call("agents-single-object", "A single agent that is no list.", "call-ended", one, call(agent="Agent Y", extra=one))
    last = {"id": 7, "agents": [AGENTS[0], {"id": 9, "name": "Agent Z", "action": "Missed"}]}
    add_call("agents-none-answered", "Nobody answered: who came last.", "call-ended", last, call(agent="Agent Z", extra=last))
    nameless = {"id": 7, "agents": [{"id": 2, "name": None, "action": "Answered"}]}
    add_call("agents-without-name", "An agent without a name is known by the id.", "call-ended", nameless, call(agent="2", extra=nameless))
    names = {"id": 7, "sub_type": "(Поддержка) обработан \U0001f4de", "tags": ["日本語", "é"], "contact": {"firstName": None, "lastName": "O\u2019Neil"}}
    data = call(status=names["sub_type"], tags=names["tags"], extra={"id": 7, "contact": names["contact"]})
    add_call("text-unicode", "Texts of every script.", "call-ended", names, data)
    large = '{"id":7,"duration":18446744073709551615,"talkTime":18446744073709551616,"waitingTime":1e3,"abandoned":1e999,"transfer_details":{"transfer_talk_time":123456789012345678901234567890}}'
    data = call(
        duration_secs=18446744073709551615,
        extra={
            "id": 7,
            "talkTime": Raw("18446744073709551616"),
            "waitingTime": Raw("1e3"),
            "abandoned": Raw("1e999"),
            "transfer_details": {"transfer_talk_time": Raw("123456789012345678901234567890")},
        },
    )
    add_call("numbers-large", "Numbers of any size, as they are written.", "call-ended", large, data, key="7")
    twice = '{"id":1,"id":7,"sub_type":"a","sub_type":"b"}'
    add_call("keys-repeated", "Of a repeated name, the last one counts.", "call-ended", twice, call(status="b", extra={"id": 7}), key="7")


def recordings():
    slug = "call-recording-received"

    def add_recording(name, about, body, taken, extra, *, parts=None, states=None):
        text, entity = text_of(body), "desk/call/7"
        parts = [bytes_digest(text)] if parts is None else parts
        found = event("call.recording", entity, once(slug, "7", *parts), call_recording(recordings=taken, extra=extra), provider_event=slug)
        add_desk(name, about, slug, text, accepted(found, {entity: states} if states else None))

    addresses = ["tenant.example/api/call/recording/9", "tenant.example/api/call/recording/10"]
    https = [f"https://{address}" for address in addresses]
    body = {"id": 7, "call_recordings": addresses}
    add_recording(
        "recording",
        "The recordings of a call are there: addresses without a scheme. The key is of them, sorted as JSON writes them.",
        body,
        https,
        {"id": 7},
        parts=[f'"{address}"' for address in sorted(addresses)],
        states={"recordings": https, "outcome": None},
    )
    whole = FULL | {"id": 7, "call_recordings": list(reversed(addresses))}
    add_recording(
        "recording-whole-call",
        "The same with the whole call around them and in another order: the same key.",
        whole,
        list(reversed(https)),
        {name: value for name, value in whole.items() if name != "call_recordings"},
        parts=[f'"{address}"' for address in sorted(addresses)],
    )
    schemes = ["https://tenant.example/1", "http://tenant.example/2", "javascript:alert(1)", "//tenant.example:8443/3", "", None, "pending"]
    mixed = {"id": 7, "call_recordings": schemes}
    add_recording(
        "recording-schemes",
        "Only https is taken; a list with anything else in it stays as it was.",
        mixed,
        ["https://tenant.example/1", "https://tenant.example:8443/3"],
        mixed,
        parts=sorted(json.dumps(address) for address in schemes),
    )
    for name, about, written in [
        ("recording-empty", "No recordings, whatever the event says.", []),
        ("recording-null", "The same as null.", None),
        ("recording-text", "A text is no list.", addresses[0]),
    ]:
        odd = {"id": 7, "call_recordings": written}
        add_recording(name, about + " The bytes are the key.", odd, None, odd, states={"recordings": None})
    add_recording("recording-missing", "Another name for them: kept, and the bytes are the key.", {"id": 7, "recordings": addresses}, None, {"id": 7, "recordings": addresses})


def dispositions():
    def add_disposition(name, about, slug, body, code, note, *, states=None):
        text, entity = text_of(body), f"desk/call/{body['id']}"
        record = by_bytes if slug == "call-disposition-saved" else by_bytes_shortly
        found = event(
            "call.disposition",
            entity,
            record(slug, str(body["id"]), text),
            call_disposition(disposition=code, note=note, extra=body),
            provider_event=slug,
        )
        add_desk(name, about, slug, text, accepted(found, {entity: states} if states else None))

    state = {"disposition": "Sold", "note": "Wants an invoice."}
    add_disposition("disposition-saved", "A disposition is saved: all of the call stays among the other fields.", "call-disposition-saved", FULL, "Sold", "Wants an invoice.", states=state)
    add_disposition("disposition-modified", "And changed: again within two minutes only if its bytes differ.", "call-disposition-modified", FULL, "Sold", "Wants an invoice.", states=state)
    add_disposition("disposition-without-id", "Real traffic leaves the disposition's id out.", "call-disposition-saved", {"id": 7, "disposition": {"code": "Call back", "note": ""}}, "Call back", "", states={"disposition": "Call back", "note": ""})
    add_disposition("disposition-empty", "An empty one, as PHP writes it: it was taken back.", "call-disposition-modified", {"id": 7, "disposition": []}, None, None, states={"disposition": None, "note": None})
    add_disposition("disposition-odd", "A code that is no text.", "call-disposition-modified", {"id": 7, "disposition": {"code": 5, "note": {}}}, None, None)
    add_disposition("disposition-flat", "A code at the top level is not where the documents have it.", "call-disposition-saved", {"id": 7, "code": "Sold", "note": "x"}, None, None)
