"""Nectar Desk: contacts, lists and messages.

The bodies of contacts and lists are shown nowhere: these are the contact of a call's object and the
names that lists usually have, at the top level and one level down.
"""

from .case import *
from .nectar_desk import CONTACT, CUSTOMER, NUMBER, OURS, add_desk, by_bytes_shortly, bytes_digest, desk_sources, text_of, within_window, HORIZON_SECS


def add_cases():
    contacts()
    lists()
    received()
    opt_outs()
    sent()


def add_contact(name, about, slug, body, data, *, key=None, states=None, **more):
    text, key = text_of(body), key or str(body["id"])
    kind, entity = {"contact-created": "contact.created", "contact-modified": "contact.modified"}[slug], f"desk/contact/{key}"
    found = event(kind, entity, by_bytes_shortly(slug, key, text), data, provider_event=slug)
    add_desk(name, about, slug, text, accepted(found, {entity: states} if states else None), **more)


def contacts():
    ada = {"name": "Ada Example", "phone": CUSTOMER, "email": "ada@example.com", "fields": {"plan": "gold"}}
    # The parts that the name was joined from stay: the line does not tell them apart.
    left = {name: CONTACT[name] for name in ("id", "firstName", "lastName", "createDate", "integrations")}
    add_contact("contact-created", "A contact, as a call shows one.", "contact-created", CONTACT, contact(**ada, extra=left), states=ada | {"deleted": False})
    add_contact("contact-modified", "The same bytes under another slug are another event.", "contact-modified", CONTACT, contact(**ada, extra=left), states=ada)
    add_contact(
        "contact-nested",
        "One level down; what is around it is kept, under a longer name where both have one.",
        "contact-modified",
        {"id": 900, "event": "Contact Modified", "contact": CONTACT},
        contact(**ada, extra=left | {"envelope.id": 900, "event": "Contact Modified"}),
        key="31",
        states=ada,
    )
    on_lists = {"id": 31, "phone": CUSTOMER, "lists": [{"id": 8, "name": "Leads"}, {"id": 9, "name": "VIP"}]}
    add_contact("contact-lists", "The lists that a contact is on, by their ids; as objects they stay.", "contact-modified", on_lists, contact(phone=CUSTOMER, lists=["8", "9"], extra={"id": 31, "lists": on_lists["lists"]}), states={"lists": ["8", "9"]})
    plain = {"id": 31, "contactLists": [8, "Leads"]}
    add_contact("contact-lists-plain", "Lists that are told as numbers or texts.", "contact-created", plain, contact(lists=["8", "Leads"], extra={"id": 31}))
    php = {"id": 31, "firstName": None, "lastName": "", "email": "", "phone": None, "additionalFields": [], "integrations": []}
    add_contact(
        "contact-empty",
        "Names that are null, fields that are PHP's empty list.",
        "contact-modified",
        php,
        contact(email="", extra={name: value for name, value in php.items() if name != "email"}),
    )
    no_fields = {"id": 31, "additionalFields": None, "firstName": "Zoë", "fullName": "Zoë Ünal"}
    add_contact("contact-first-name-only", "A name of one part; a full name beside it stays.", "contact-created", no_fields, contact(name="Zoë", extra=no_fields))
    full = {"id": 31, "fullName": "Ada Example", "address": "1 Main St", "additionalFields": {}}
    add_contact("contact-full-name", "A name in one piece, and no fields of its own.", "contact-created", full, contact(name="Ada Example", address="1 Main St", fields={}, extra={"id": 31}))
    odd = {"id": 31, "firstName": 7, "email": [], "phone": True, "address": {"city": "Springfield"}, "lists": "Leads", "additionalFields": "gold"}
    add_contact("contact-odd", "Fields of other types stay.", "contact-modified", odd, contact(extra=odd))
    number = {"id": 31, "phone": 15550100003}
    add_contact("contact-phone-number", "A number without quotes is one.", "contact-modified", number, contact(phone="15550100003", extra={"id": 31}))
    national = {"id": 31, "phone": "0400 000 123"}
    add_contact("contact-country", "A national number, read by the source's country.", "contact-created", national, contact(phone="+61400000123", extra={"id": 31}), sources=desk_sources('country = "AU"\n'))


def lists():
    def add_list(name, about, slug, body, data, *, key="8", states=None):
        text = text_of(body)
        kind = {"contact-list-created": "contact_list.created", "contact-list-modified": "contact_list.modified"}[slug]
        entity = f"desk/contact_list/{key}"
        found = event(kind, entity, by_bytes_shortly(slug, key, text), data, provider_event=slug)
        add_desk(name, about, slug, text, accepted(found, {entity: states} if states else None))

    flat = {"id": 8, "name": "Leads", "count": 1, "createDate": "2026-02-03"}
    left = {"id": 8, "createDate": "2026-02-03"}
    leads = {"name": "Leads", "size": 1}
    add_list("list-created", "A list became non-empty.", "contact-list-created", flat, contact_list(**leads, extra=left), states=leads)
    add_list("list-modified", "A list was changed.", "contact-list-modified", flat, contact_list(**leads, extra=left), states=leads)
    for wrapper, size in [("contactList", "contactsCount"), ("list", "size")]:
        nested = {wrapper: {"id": 8, "name": "Leads", size: 1}, "account": 5}
        add_list(f"list-in-{wrapper.lower()}", "One level down.", "contact-list-modified", nested, contact_list(**leads, extra={"id": 8, "account": 5}), states=leads)
    odd = {"id": "8", "name": None, "count": "1", "list": []}
    add_list("list-odd", "Fields of other types stay.", "contact-list-created", odd, contact_list(extra=odd))


# The message of the documents, the same for both of its events.
MESSAGE = {
    "id": 501,
    "type": "sms",
    "conversationId": 77,
    "sentAt": "2026-02-03T05:04:00+02:00",
    "text": "Can you call me back?",
    "contact": {"id": 31, "fullName": "Ada Example"},
    "agent": {"id": 2, "fullName": "Agent Y"},
    "fromNumber": NUMBER,
    "toNumber": CUSTOMER,
}
SENT_AT = "2026-02-03T03:04:00Z"
LIVECHAT = {
    "id": 502,
    "type": "livechat",
    "conversationId": 78,
    "sentAt": "2026-02-03T05:04:00+02:00",
    "text": "Hello?",
    "contact": {},
    "agent": {"id": 2, "fullName": "Agent Y"},
    "visitor": "Visitor 9",
}
MAPPED = {"type", "sentAt", "text", "toNumber"}


def left_of(body: dict, *also: str, mapped=frozenset(MAPPED)) -> dict:
    return {name: value for name, value in body.items() if name not in mapped or name in also}


def add_received(name, about, body, data, *, key="77", record=None, occurred_at=SENT_AT, states=None, **more):
    text, entity = text_of(body), f"desk/conversation/{key}"
    record = record or once("message-received", str(body["id"]))
    found = event("message.received", entity, record, data, provider_event="message-received", occurred_at=occurred_at)
    add_desk(name, about, "message-received", text, accepted(found, states), **more)


def received():
    text = "Can you call me back?"
    data = {"from": CUSTOMER, "to": OURS, "text": text, "channel": "sms"}
    state = {"desk/conversation/77": {"from": CUSTOMER, "to": OURS, "text": text, "channel": "sms", "last_inbound_at": SENT_AT, "opted_out": None}}
    add_received("message-received", "The documents show our own number as `fromNumber`, an object, for a message that came in.", MESSAGE, message_received(**data, extra=left_of(MESSAGE)), states=state)
    turned = MESSAGE | {"fromNumber": CUSTOMER, "toNumber": NUMBER}
    add_received("message-received-turned", "Were it the other way round, the object would still be ours.", turned, message_received(**data, extra=left_of(turned, "toNumber", mapped=MAPPED | {"fromNumber"})), states=state)
    texts = MESSAGE | {"fromNumber": CUSTOMER, "toNumber": OURS}
    add_received("message-received-texts", "Two texts: the names of the sides decide.", texts, message_received(**data, extra=left_of(texts, mapped=MAPPED | {"fromNumber"})), states=state)
    objects = MESSAGE | {"fromNumber": {"number": CUSTOMER}, "toNumber": NUMBER}
    add_received("message-received-objects", "Two objects: the same.", objects, message_received(**data, extra=left_of(objects, "toNumber")), states=state)
    add_received(
        "message-received-livechat",
        "A chat has no numbers; the visitor's name is none.",
        LIVECHAT,
        message_received(text="Hello?", channel="livechat", extra=left_of(LIVECHAT)),
        key="78",
        states={"desk/conversation/78": {"text": "Hello?", "channel": "livechat", "from": None}},
    )
    whatsapp = MESSAGE | {"type": "whatsapp", "agent": [], "contact": [], "fromNumber": NUMBER | {"number": "15550100004"}, "toNumber": "15550100003"}
    add_received(
        "message-received-whatsapp",
        "Another channel; numbers without `+`, of no country that is known, stay as they are.",
        whatsapp,
        message_received(**{"from": "15550100003"}, to="15550100004", text=text, channel="whatsapp", extra=left_of(whatsapp)),
    )
    alias = MESSAGE | {"toNumber": f"Ada ({CUSTOMER})"}
    add_received("message-received-alias", "A number with its alias stays beside the number.", alias, message_received(**data, extra=left_of(alias, "toNumber")), states=state)
    no_thread = {name: value for name, value in MESSAGE.items() if name != "conversationId"}
    add_received(
        "message-received-without-conversation",
        "A conversation that has no id is known by its numbers, the customer's first, both normalised.",
        no_thread | {"toNumber": "+1 (555) 010-0003"},
        message_received(**data, extra=left_of(no_thread)),
        key=f"{CUSTOMER},{OURS}",
        states={f"desk/conversation/{CUSTOMER},{OURS}": {"text": text}},
    )
    no_id = {name: value for name, value in MESSAGE.items() if name != "id"}
    add_received(
        "message-received-without-id",
        "A message that has no id is known by its bytes, for two minutes.",
        no_id,
        message_received(**data, extra=left_of(no_id)),
        record=within_window("message-received", bytes_digest(text_of(no_id)), window_secs=HORIZON_SECS),
    )
    odd = {"id": "m-1", "conversationId": "77", "type": None, "sentAt": "2026-02-03T05:04:00", "text": ["x"], "fromNumber": [], "toNumber": None}
    add_received("message-received-odd", "Fields of other types stay; a time without a zone is none.", odd, message_received(extra=odd), occurred_at=None)
    unicode = MESSAGE | {"text": "Приве́т \U0001f44b\n„日本“ \u0000"}
    add_received("message-received-unicode", "A text of every script.", unicode, message_received(**data | {"text": unicode["text"]}, extra=left_of(unicode)))


def opt_outs():
    def add_wish(name, about, text, opted_out, *, sides=None, phone=CUSTOMER, channel="sms", told=None, never=(), **more):
        body = MESSAGE | {"text": text, "type": channel} | (sides or {})
        mapped = MAPPED | ({"fromNumber"} if isinstance(body["fromNumber"], str) else set())
        also = [] if isinstance(body["toNumber"], str) else ["toNumber"]
        told = told or {"from": phone, "to": OURS}
        states = {"desk/conversation/77": {"opted_out": opted_out}}
        if phone:
            listed = {"phone": phone, "channel": channel, "opted_out": opted_out, "since": SENT_AT, "source": "desk"}
            states[f"_/opt_out/{phone}/{channel}"] = listed
        states |= {f"_/opt_out/{number}/{channel}": None for number in [OURS, *never]}
        data = message_received(**told, text=text, channel=channel, extra=left_of(body, *also, mapped=mapped))
        add_received(name, about, body, data, states=states, **more)

    add_wish("stop", "A STOP puts the customer's number on the suppression list, never our own.", "STOP", True)
    add_wish("stop-turned", "Whichever side it is on.", "Stop.", True, sides={"fromNumber": CUSTOMER, "toNumber": NUMBER})
    add_wish("stop-texts", "And where both sides are texts.", "unsubscribe", True, sides={"fromNumber": CUSTOMER, "toNumber": OURS})
    add_wish("stop-whatsapp", "The list is by channel.", "STOP", True, channel="whatsapp", never=[])
    add_wish("start", "A START takes it off.", "START", False)
    add_wish(
        "stop-only-our-number",
        "Where only our number is told, nobody is put on the list.",
        "STOP",
        True,
        sides={"toNumber": None},
        phone=None,
        told={"to": OURS},
        never=[CUSTOMER],
    )
    no_plus = MESSAGE | {"text": "STOP", "toNumber": "0400 000 123"}
    add_received(
        "stop-country",
        "A national number goes on the list in full.",
        no_plus,
        message_received(**{"from": "+61400000123"}, to=OURS, text="STOP", channel="sms", extra=left_of(no_plus)),
        sources=desk_sources('country = "AU"\n'),
        states={"_/opt_out/+61400000123/sms": {"phone": "+61400000123", "opted_out": True}},
    )


def sent():
    def add_sent(name, about, body, data, *, occurred_at=SENT_AT, states=None):
        entity, record = f"desk/message/{body['id']}", once("message-sent", str(body["id"]))
        found = event("message.status", entity, record, data, provider_event="message-sent", occurred_at=occurred_at)
        add_desk(name, about, "message-sent", text_of(body), accepted(found, {entity: states} if states else None))

    left = left_of(MESSAGE) | {"type": "sms"}
    known = {"status": "sent", "final": False}
    data = known | {"from": OURS, "to": CUSTOMER, "text": "Can you call me back?"}
    add_sent("message-sent", "The same body as that of a message that came in: it went from our number.", MESSAGE, message_status(**data, extra=left), states=data | {"status_at": SENT_AT})
    add_sent(
        "message-sent-livechat",
        "An answer in a chat.",
        LIVECHAT,
        message_status(**known, text="Hello?", extra=left_of(LIVECHAT) | {"type": "livechat"}),
        states=known,
    )
    texts = MESSAGE | {"fromNumber": OURS, "toNumber": CUSTOMER, "status": "queued"}
    add_sent(
        "message-sent-texts",
        "Two texts: from our number. A word of its own for what became of it is kept.",
        texts,
        message_status(**data, status_raw="queued", extra={name: left[name] for name in left if name != "fromNumber"}),
    )
    odd = {"id": 501, "text": None, "sentAt": "", "fromNumber": "", "toNumber": {}}
    add_sent("message-sent-odd", "Nothing is told but its id.", odd, message_status(**known, extra=odd), occurred_at=None, states=known)
