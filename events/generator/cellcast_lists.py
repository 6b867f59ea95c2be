"""Cellcast: lists of events, bodies in every encoding, and bodies that say nothing."""

from .ai_sync_bodies import stored_gzip
from .cellcast_case import *
from .cellcast_events import LEGACY, LEGACY_EXTRA, LEGACY_TOLD

NOT_JSON = "the body is not valid JSON"
NO_OBJECT = "the body is not a JSON object"
NO_EVENTS = "the list of events is empty"
TOO_MANY = "the list holds more than 1000 events"
CUSTOMER, OURS = "+61400000123", "+61400000456"
GZIP = [("Content-Encoding", "gzip")]


def add_cases():
    one_of_a_list()
    several()
    no_lists()
    unreadable_bodies()


def status_text(id_: str, word: str = "Delivered", recipient: str = CUSTOMER) -> str:
    return f'{{ "message_id" : "{id_}","status":"{word}","recipient":"{recipient}"}}'


def status_event(id_: str, status="delivered", word="Delivered", final=True, recipient=CUSTOMER) -> dict:
    told = {"status": status, "status_raw": word, "final": final, "to": recipient}
    return send(f"{id_},{recipient}", status_record(id_, recipient, word.lower()), **told, extra={"message_id": id_})


def add_list(name, about, body, events, states=None, *, count=None, **more):
    expected = accepted_all(events, states)
    expected["answer"]["events"] = count or len(events)
    add(name, about, body, expected, **more)


def one_of_a_list():
    found = receive(CUSTOMER, once("receive", "5DAA1CA1"), **LEGACY_TOLD, extra=LEGACY_EXTRA)
    states = {f"texts/conversation/{CUSTOMER}": {"text": "Yes"}}
    add_list("list-of-one", "The one event of a list: its bytes are the whole body.", f" [\n{LEGACY}\n]\n", [found], states)
    add_list("list-of-one-status", "The same of a status.", f"[{status_text('m1')}]", [status_event("m1")], slug="status")
    add_list("messages-of-one", "The one event of `messages`: its bytes are the whole body.", f'{{"messages":[{LEGACY}],"total":1}}', [found])
    packed = stored_gzip(f"[{LEGACY}]".encode())
    add_list("list-of-one-gzip", "A compressed list of one: its bytes are those that were sent.", packed, [found], headers=GZIP)
    nameless = f'[{{"type":"receive","sender":"{CUSTOMER}","receiver":"{OURS}","reply":"Yes"}}]'
    found = receive(f"{CUSTOMER},{OURS}", nameless_record(CUSTOMER, nameless), **{"from": CUSTOMER}, to=OURS, text="Yes")
    add_list("list-of-one-without-id", "The digest of one event of a list is that of the whole body.", nameless, [found])
    unknown_one = unrecognised_event("[{}]", "no `type`, and no event in the URL", {})
    add_list("list-of-one-unknown", "A list of one that says nothing.", "[{}]", [unknown_one])
    add_list("list-of-one-number", "A list of one that is no object.", "[7]", [unreadable_event("[7]", NO_OBJECT)])


def elements(*found: tuple[dict, str]) -> list[dict]:
    return [element(event_, index, raw) for index, (event_, raw) in enumerate(found)]


def several():
    one, two = status_text("m1"), status_text("m2", "Queued")
    queued = status_event("m2", "accepted", "Queued", False)
    reply = LEGACY.replace(",", ",\n  ")
    found = receive(CUSTOMER, once("receive", "5DAA1CA1"), **LEGACY_TOLD, extra=LEGACY_EXTRA)
    three = elements((status_event("m1"), one), (queued, two), (found, reply))
    states = {
        f"texts/message/m1,{CUSTOMER}": {"status": "delivered"},
        f"texts/message/m2,{CUSTOMER}": {"status": "accepted", "final": False},
        f"texts/conversation/{CUSTOMER}": {"text": "Yes"},
    }
    body = f"[ {one} ,\n{two},{reply}\t]"
    add_list("list-of-three", "Each event of a list is its exact text.", body, three, states)
    add_list("messages-of-three", "The same below `messages`.", f'{{"n":3,"messages":[ {one} ,\n{two},{reply}\t]}}', three, states)
    add_list("list-of-three-gzip", "The events of a compressed list are their text before compression.", stored_gzip(body.encode()), three, states, headers=GZIP)
    add_list("list-of-three-as-form", "A list that says it is a form.", body, three, states, content_type=FORM)
    add_list("list-of-three-as-text", "A list of any content type.", body, three, states, content_type="text/html")
    failed = status_text("m1", "Failed")
    twice = elements((status_event("m1", "failed", "Failed"), failed), (status_event("m1"), one))
    add_list("list-of-one-message", "Two statuses of one message: the higher rank stays.", f"[{failed},{one}]", twice, {f"texts/message/m1,{CUSTOMER}": {"status": "delivered"}})
    add_list("list-late-status", "A late older status changes nothing.", f"[{one},{status_text('m1', 'Dispatched')}]", elements((status_event("m1"), one), (status_event("m1", "sent", "Dispatched", False), status_text("m1", "Dispatched"))), {f"texts/message/m1,{CUSTOMER}": {"status": "delivered", "final": True}})
    other = "+61400000789"
    both = (status_text("m1"), status_text("m1", "Failed", other))
    found_both = (status_event("m1"), status_event("m1", "failed", "Failed", recipient=other))
    states_both = {
        f"texts/message/m1,{CUSTOMER}": {"status": "delivered", "to": CUSTOMER},
        f"texts/message/m1,{other}": {"status": "failed", "to": other},
        "texts/message/m1": None,
    }
    add_list("list-of-two-recipients", "Two recipients of one message are two states.", f"[{','.join(both)}]", elements(*zip(found_both, both)), states_both)
    current = [f'{{"_id":"m1","type":"send","status":"{word}","sender":"ACME","receiver":"{number}"}}' for word, number in [("failed", CUSTOMER), ("delivered", other)]]
    found_current = [
        send(f"m1,{number}", status_record("m1", number, word), status=word, status_raw=word, final=True, **{"from": "ACME"}, to=number, extra={"_id": "m1"})
        for word, number in [("failed", CUSTOMER), ("delivered", other)]
    ]
    states_current = {f"texts/message/m1,{CUSTOMER}": {"status": "failed", "to": CUSTOMER}, f"texts/message/m1,{other}": {"status": "delivered", "to": other}}
    add_list("list-of-two-receivers", "Nor does a text that reached one receiver hide that it failed for another.", f"[{','.join(current)}]", elements(*zip(found_current, current)), states_current)
    add_list("list-of-the-same", "The same event twice in a list is one.", f"[{one},{one}]", elements((status_event("m1"), one)), count=2)
    same_id = [f'{{"_id":"m","type":"receive","reply":"{words}","sender":"{CUSTOMER}","receiver":"{OURS}"}}' for words in ("Yes", "No")]
    replies = [receive(f"{CUSTOMER},{OURS}", reply_record("m", CUSTOMER, words), **{"from": CUSTOMER}, to=OURS, text=words, extra={"_id": "m"}) for words in ("Yes", "No")]
    add_list("list-of-replies-to-one-message", "Two replies may share an id: they are two.", f"[{','.join(same_id)}]", elements(*zip(replies, same_id)), {f"texts/conversation/{CUSTOMER},{OURS}": {"text": "No"}})
    strangers = ["7", "null", '"x"', "[]", "true"]
    found = [unreadable_event(stranger, NO_OBJECT) for stranger in strangers]
    add_list("list-with-no-objects", "What is no object is unreadable by itself.", f"[{one},{','.join(strangers)}]", elements((status_event("m1"), one), *zip(found, strangers)))
    odd = {"type": "optout", "from": CUSTOMER}
    found = unrecognised_event(text(odd), "unknown `type`", odd, slug="inbound", provider_event="optout")
    add_list("list-with-unknown", "An unknown event of a list does no harm to the others.", f"[{text(odd)},{LEGACY}]", elements((found, text(odd)), (receive(CUSTOMER, once("receive", "5DAA1CA1"), **LEGACY_TOLD, extra=LEGACY_EXTRA), LEGACY)), slug="inbound")
    mixed = f'{{"_id":"m3","type":"send","status":"dead","sender":"ACME","receiver":"{CUSTOMER}"}}'
    dead = send(f"m3,{CUSTOMER}", status_record("m3", CUSTOMER, "dead"), status="deleted", status_raw="dead", final=True, **{"from": "ACME"}, to=CUSTOMER, extra={"_id": "m3"})
    add_list("list-of-both-generations", "Both generations in one list.", f"[{mixed},{two}]", elements((dead, mixed), (queued, two)))


def no_lists():
    one = f'{{"_id":"m1","type":"send","status":"sent","sender":"ACME","receiver":"{CUSTOMER}","messages":[{{"a":1}}, 2]}}'
    told = {"status": "sent", "status_raw": "sent", "final": False, "from": "ACME", "to": CUSTOMER}
    found = send(f"m1,{CUSTOMER}", status_record("m1", CUSTOMER, "sent"), **told, extra={"_id": "m1", "messages": [{"a": 1}, 2]})
    add_list("messages-of-an-event", "An event of its own that has `messages` is one event.", one, [found])
    body = '{"messages":{"0":{}},"status":"ok"}'
    extra = {"messages": {"0": {}}, "status": "ok"}
    add_unrecognised("messages-no-list", "`messages` that is no list.", body, "no `type`, and no event in the URL", extra)
    add_unrecognised("messages-null", "`messages` that is null.", '{"messages":null}', "no `type`, and no event in the URL", {"messages": None})


def unreadable_bodies():
    whole = status_text("m1")
    add_unreadable("list-empty", "A list of no events.", "[]", NO_EVENTS)
    add_unreadable("list-empty-at-status-url", "A list of no events, to the status URL.", " [ ]\n", NO_EVENTS, slug="status")
    add_unreadable("messages-empty", "No events below `messages`.", '{"messages":[]}', NO_EVENTS, extra={"messages": []})
    many = Recipe([("[", 1), ("{},", 1_000), ("{}]", 1)])
    add_unreadable("list-of-1001", "A list of more events than are taken is kept whole.", many, TOO_MANY)
    below = Recipe([('{"messages":[', 1), ('"' + 70 * "x" + '",', 1_000), ("1]}", 1)])
    cut = {"messages": None, "truncated": ["extra.messages"]}
    add_unreadable("messages-of-1001", "The same below `messages`; what is too long for `data` is in the bytes.", below, TOO_MANY, extra=cut)
    add_unreadable("body-empty", "No body at all.", "", "the body is empty")
    add_unreadable("body-white-space", "White space only.", " \r\n", "the body is empty")
    add_unreadable("body-null", "JSON, but null.", "null", NO_OBJECT)
    add_unreadable("body-text", "JSON, but a text.", '"receive"', NO_OBJECT)
    add_unreadable("body-plain-text", "What somebody typed into Test Send.", "test", NOT_JSON, slug="inbound", content_type="text/plain")
    add_unreadable("json-broken", "A comma too many.", whole.replace("}", ",}"), NOT_JSON)
    add_unreadable("json-broken-list", "A list whose last event is cut off: nothing of it is taken.", f"[{whole},{whole[:-5]}", NOT_JSON)
    add_unreadable("json-trailing", "A second list behind the first.", f"[{whole}][{whole}]", NOT_JSON)
    add_unreadable("json-lines", "One event a line is no list.", f"{whole}\n{whole}", NOT_JSON)
    add_unreadable("bytes-invalid-utf8", "Latin-1 in JSON.", b'[{"from":"400000123","body":"caf\xe9"}]', "the body is not valid UTF-8")
    add_list("gzip-missing", "It says gzip and is a plain list.", f"[{whole},{whole}]", elements((status_event("m1"), whole)), headers=GZIP, count=2)
    add_unreadable("encoding-unknown", "An encoding that is not known.", b"\x0b\x02\x80[]\x03", "the content encoding is not known", headers=[("Content-Encoding", "br")])
    deep = "[" * 121 + "]" * 121
    add_unreadable("depth-121", "Lists in lists, one level too many.", deep, "the body is nested deeper than 120 levels")
    found = unreadable_event("[" * 120 + "]" * 120, NO_OBJECT)
    add("depth-120", "The deepest list that is read: its one element is no object.", "[" * 120 + "]" * 120, accepted(found))
