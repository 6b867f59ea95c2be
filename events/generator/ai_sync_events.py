"""AI Sync: every event of its documents, in every body format."""

from .case import *

AT = "2025-01-15T14:30:25.123Z"
CUSTOMER, OURS = "+15550100003", "+15550100004"


def add_cases():
    calls()
    agents_and_campaigns()
    texts()
    opt_outs()
    contacts()


def add_event(name, about, body, expected_event, states=None, **more):
    add(name, about, body, accepted(expected_event, states), **more)


# The call event of AI Sync's own page, as it stands there.
DOCUMENTED = """{
  "event": "call.ended",
  "timestamp": "2025-01-15T14:30:25.123Z",
  "webhook_id": "wh_123456789",
  "data": {
    "call_id": "call_987654321",
    "agent_id": "agent_abc123",
    "caller_number": "+1234567890",
    "called_number": "+0987654321",
    "call_duration": 180,
    "call_status": "completed",
    "call_direction": "outbound",
    "recording_url": "https://recordings.ai-sync.com/call_987654321.mp3",
    "transcription": "Hello, this is John calling about...",
    "sentiment": "positive",
    "disposition": "interested",
    "tags": ["qualified", "follow-up"],
    "custom_fields": {
      "lead_score": 85,
      "next_action": "schedule_demo"
    }
  },
  "metadata": {
    "version": "1.0",
    "signature": "sha256=abc123def456..."
  }
}"""

DOCUMENTED_CALL = {
    "direction": "outbound",
    "from": "+1234567890",
    "to": "+0987654321",  # no E.164 number: it stays as it is written
    "agent": "agent_abc123",
    "status": "completed",
    "ended_at": AT,
    "duration_secs": 180,
    "recordings": ["https://recordings.ai-sync.com/call_987654321.mp3"],
    "disposition": "interested",
    "sentiment": "positive",
    "transcript": "Hello, this is John calling about...",
    "tags": ["qualified", "follow-up"],
}

# The body of the page's own test with curl.
CURL = """{
    "event": "call.ended",
    "timestamp": "2025-01-15T14:30:25.123Z",
    "data": {
      "call_id": "test_call_123",
      "call_duration": 120,
      "sentiment": "positive"
    }
  }"""


def calls():
    add_event(
        "call-started",
        "The envelope's time is when the call began.",
        '{"event":"call.started","timestamp":"2025-01-15T14:27:25.123Z","webhook_id":"wh_123456789",'
        '"data":{"call_id":"call_1","agent_id":"agent_9","caller_number":"+15550100003",'
        '"called_number":"+15550100004","call_direction":"inbound","call_status":"ringing"}}',
        event(
            "call.started",
            "voice/call/call_1",
            once("call.started", "call_1"),
            call(
                direction="inbound",
                **{"from": CUSTOMER},
                to=OURS,
                agent="agent_9",
                status="ringing",
                started_at="2025-01-15T14:27:25.123Z",
                extra={"call_id": "call_1", "webhook_id": "wh_123456789"},
            ),
            provider_event="call.started",
            occurred_at="2025-01-15T14:27:25.123Z",
        ),
        {"voice/call/call_1": {"direction": "inbound", "status": "ringing", "started_at": "2025-01-15T14:27:25.123Z"}},
    )
    add_event(
        "call-answered",
        "The envelope's time is when the call was answered; the outcome is `answered`.",
        '{"event":"call.answered","timestamp":"2025-01-15T14:27:31Z","data":{"call_id":"call_1"}}',
        event(
            "call.answered",
            "voice/call/call_1",
            once("call.answered", "call_1"),
            call(answered_at="2025-01-15T14:27:31Z", extra={"call_id": "call_1"}),
            provider_event="call.answered",
            occurred_at="2025-01-15T14:27:31Z",
        ),
        {"voice/call/call_1": {"answered_at": "2025-01-15T14:27:31Z", "outcome": "answered"}},
    )
    transferred = (
        '{"event":"call.transferred","timestamp":"2025-01-15T14:28:00Z",'
        '"data":{"call_id":"call_1","agent_id":"agent_10","transferred_from":"agent_9"}}'
    )
    add_event(
        "call-transferred",
        "It may happen again: its key has its time and data, and a window.",
        transferred,
        event(
            "call.transferred",
            "voice/call/call_1",
            repeatable("call.transferred", transferred),
            call(agent="agent_10", extra={"call_id": "call_1", "transferred_from": "agent_9"}),
            provider_event="call.transferred",
            occurred_at="2025-01-15T14:28:00Z",
        ),
        {"voice/call/call_1": {"agent": "agent_10", "outcome": "transferred"}},
    )
    add_event(
        "call-ended-documented",
        "The payload of AI Sync's page with every field.",
        DOCUMENTED,
        event(
            "call.ended",
            "voice/call/call_987654321",
            once("call.ended", "call_987654321"),
            call(
                **DOCUMENTED_CALL,
                extra={
                    "call_id": "call_987654321",
                    "custom_fields": {"lead_score": 85, "next_action": "schedule_demo"},
                    "webhook_id": "wh_123456789",
                    "metadata": {"version": "1.0", "signature": "sha256=abc123def456..."},
                },
            ),
            provider_event="call.ended",
            occurred_at=AT,
        ),
        {"voice/call/call_987654321": DOCUMENTED_CALL | {"updated_at": AT}},
    )
    add_event(
        "call-ended-first-revision",
        "The spelling of the page's first revision, its signature at the top level, seconds only.",
        '{"event":"call.ended","timestamp":"2025-01-15T14:30:25Z","data":{"call_id":"call_2",'
        '"caller_number":"+15550100003","duration":61,"status":"completed",'
        '"transcript":"Good morning.","recording_url":"https://recordings.example/call_2.mp3"},'
        '"signature":"sha256=00ff"}',
        event(
            "call.ended",
            "voice/call/call_2",
            once("call.ended", "call_2"),
            call(
                **{"from": CUSTOMER},
                duration_secs=61,
                status="completed",
                transcript="Good morning.",
                recordings=["https://recordings.example/call_2.mp3"],
                ended_at="2025-01-15T14:30:25Z",
                extra={"call_id": "call_2", "signature": "sha256=00ff"},
            ),
            provider_event="call.ended",
            occurred_at="2025-01-15T14:30:25Z",
        ),
    )
    add_event(
        "call-ended-curl",
        "The page's own test with curl: neither webhook_id nor metadata.",
        CURL,
        event(
            "call.ended",
            "voice/call/test_call_123",
            once("call.ended", "test_call_123"),
            call(duration_secs=120, sentiment="positive", ended_at=AT, extra={"call_id": "test_call_123"}),
            provider_event="call.ended",
            occurred_at=AT,
        ),
        {"voice/call/test_call_123": {"duration_secs": 120, "sentiment": "positive", "ended_at": AT}},
    )


def agents_and_campaigns():
    add_event(
        "agent-created",
        "An agent is created once.",
        '{"event":"agent.created","timestamp":"2025-01-15T09:00:00Z","data":{"agent_id":"agent_9","name":"Front desk","status":"offline"}}',
        event(
            "agent.created",
            "voice/agent/agent_9",
            once("agent.created", "agent_9"),
            agent(name="Front desk", status="offline", extra={"agent_id": "agent_9"}),
            provider_event="agent.created",
            occurred_at="2025-01-15T09:00:00Z",
        ),
        {"voice/agent/agent_9": {"name": "Front desk", "status": "offline", "created_at": "2025-01-15T09:00:00Z"}},
    )
    updated = '{"event":"agent.updated","timestamp":"2025-01-15T09:05:00Z","data":{"agent_id":"agent_9","name":"Night desk","voice":"calm"}}'
    add_event(
        "agent-updated",
        "What is no canonical name stays in extra.",
        updated,
        event(
            "agent.updated",
            "voice/agent/agent_9",
            repeatable("agent.updated", updated),
            agent(name="Night desk", extra={"agent_id": "agent_9", "voice": "calm"}),
            provider_event="agent.updated",
            occurred_at="2025-01-15T09:05:00Z",
        ),
        {"voice/agent/agent_9": {"name": "Night desk", "updated_at": "2025-01-15T09:05:00Z"}},
    )
    changed = '{"event":"agent.status_changed","timestamp":"2025-01-15T09:10:00Z","data":{"agent_id":"agent_9","status":"online"}}'
    add_event(
        "agent-status-changed",
        "The canonical kind is agent.status; the provider's own name is kept.",
        changed,
        event(
            "agent.status",
            "voice/agent/agent_9",
            repeatable("agent.status_changed", changed),
            agent(status="online", extra={"agent_id": "agent_9"}),
            provider_event="agent.status_changed",
            occurred_at="2025-01-15T09:10:00Z",
        ),
        {"voice/agent/agent_9": {"status": "online"}},
    )
    # The keys of the metrics stand in no order, and there is white space: the key is canonical.
    performance = (
        '{"event":"agent.performance","timestamp":"2025-01-15T10:00:00Z",'
        '"data": {"agent_id":"agent_9", "metrics": {"z_rate": 0.50, "calls": [12, 1.0e2], "a\\u0062c": "\\u00e9\\n"}}}'
    )
    add_event(
        "agent-performance",
        "Figures are kept as they were sent; the key does not depend on white space, order or escapes.",
        performance,
        event(
            "agent.performance",
            "voice/agent/agent_9",
            repeatable("agent.performance", performance),
            agent(metrics={"z_rate": Raw("0.50"), "calls": [12, Raw("1.0e2")], "abc": "é\n"}, extra={"agent_id": "agent_9"}),
            provider_event="agent.performance",
            occurred_at="2025-01-15T10:00:00Z",
        ),
    )
    add_event(
        "campaign-started",
        "A campaign begins.",
        '{"event":"campaign.started","timestamp":"2025-01-15T08:00:00Z","data":{"campaign_id":"camp_5","name":"Spring"}}',
        event(
            "campaign.started",
            "voice/campaign/camp_5",
            once("campaign.started", "camp_5"),
            campaign(name="Spring", extra={"campaign_id": "camp_5"}),
            provider_event="campaign.started",
            occurred_at="2025-01-15T08:00:00Z",
        ),
        {"voice/campaign/camp_5": {"name": "Spring", "status": "started"}},
    )
    add_event(
        "campaign-completed",
        "A campaign finishes, with its figures.",
        '{"event":"campaign.completed","timestamp":"2025-01-15T18:00:00Z","data":{"campaign_id":"camp_5","name":"Spring","totals":{"calls":900,"leads":17}}}',
        event(
            "campaign.completed",
            "voice/campaign/camp_5",
            once("campaign.completed", "camp_5"),
            campaign(name="Spring", totals={"calls": 900, "leads": 17}, extra={"campaign_id": "camp_5"}),
            provider_event="campaign.completed",
            occurred_at="2025-01-15T18:00:00Z",
        ),
        {"voice/campaign/camp_5": {"status": "completed", "totals": {"calls": 900, "leads": 17}}},
    )
    add_event(
        "lead-generated",
        "A lead is won.",
        '{"event":"lead.generated","timestamp":"2025-01-15T11:00:00Z","data":{"lead_id":"lead_3","name":"Ada Example",'
        '"phone":"+1 (555) 010-0003","email":"ada@example.com","agent_id":"agent_9","campaign_id":"camp_5","score":85}}',
        event(
            "lead.generated",
            "voice/lead/lead_3",
            once("lead.generated", "lead_3"),
            booking(
                name="Ada Example",
                phone=CUSTOMER,
                email="ada@example.com",
                agent="agent_9",
                extra={"lead_id": "lead_3", "campaign_id": "camp_5", "score": 85},
            ),
            provider_event="lead.generated",
            occurred_at="2025-01-15T11:00:00Z",
        ),
        {"voice/lead/lead_3": {"name": "Ada Example", "phone": CUSTOMER, "agent": "agent_9"}},
    )
    add_event(
        "appointment-scheduled",
        "An appointment is booked; its beginning is told in another zone.",
        '{"event":"appointment.scheduled","timestamp":"2025-01-15T11:05:00Z","data":{"appointment_id":77,"name":"Ada Example",'
        '"phone":"+15550100003","starts_at":"2025-01-20T10:00:00+01:00"}}',
        event(
            "appointment.scheduled",
            "voice/appointment/77",
            once("appointment.scheduled", "77"),
            booking(
                name="Ada Example",
                phone=CUSTOMER,
                starts_at="2025-01-20T09:00:00Z",
                extra={"appointment_id": 77},
            ),
            provider_event="appointment.scheduled",
            occurred_at="2025-01-15T11:05:00Z",
        ),
        {"voice/appointment/77": {"starts_at": "2025-01-20T09:00:00Z"}},
    )


def texts():
    add_event(
        "sms-sent",
        "The documents describe sms.sent as delivered; its canonical status is sent, which is not final.",
        '{"event":"sms.sent","timestamp":"2025-01-15T12:00:00Z","data":{"message_id":"msg_1","from":"+15550100004",'
        '"to":"+15550100003","text":"Your table is ready.","status":"delivered","segments":1,"price":0.0070}}',
        event(
            "message.status",
            "voice/message/msg_1",
            once("sms.sent", "msg_1"),
            message_status(
                status="sent",
                status_raw="delivered",
                final=False,
                **{"from": OURS},
                to=CUSTOMER,
                text="Your table is ready.",
                segments=1,
                price="0.0070",
                extra={"message_id": "msg_1"},
            ),
            provider_event="sms.sent",
            occurred_at="2025-01-15T12:00:00Z",
        ),
        {"voice/message/msg_1": {"status": "sent", "final": False, "price": "0.0070"}},
    )
    add_event(
        "sms-failed",
        "A text failed: a final status with code and reason. Its id is called sms_id here.",
        '{"event":"sms.failed","timestamp":"2025-01-15T12:00:09Z","data":{"sms_id":"msg_1","error_code":30003,"reason":"unreachable handset"}}',
        event(
            "message.status",
            "voice/message/msg_1",
            once("sms.failed", "msg_1"),
            message_status(status="failed", final=True, error_code="30003", reason="unreachable handset", extra={"sms_id": "msg_1"}),
            provider_event="sms.failed",
            occurred_at="2025-01-15T12:00:09Z",
        ),
        {"voice/message/msg_1": {"status": "failed", "final": True, "error_code": "30003"}},
    )
    add_event(
        "sms-received",
        "A text of a conversation that the provider names.",
        '{"event":"sms.received","timestamp":"2025-01-15T12:10:00Z","data":{"message_id":"msg_2","conversation_id":"conv_8",'
        '"from":"+15550100003","to":"+15550100004","text":"Can I come at 7?"}}',
        event(
            "message.received",
            "voice/conversation/conv_8",
            once("sms.received", "msg_2"),
            message_received(
                **{"from": CUSTOMER},
                to=OURS,
                text="Can I come at 7?",
                channel="sms",
                extra={"message_id": "msg_2", "conversation_id": "conv_8"},
            ),
            provider_event="sms.received",
            occurred_at="2025-01-15T12:10:00Z",
        ),
        {"voice/conversation/conv_8": {"text": "Can I come at 7?", "last_inbound_at": "2025-01-15T12:10:00Z", "opted_out": None}},
    )
    reply = (
        '{"event":"sms.replied","timestamp":"2025-01-15T12:11:00Z","data":{"message_id":"msg_3","from":"+1 555 010 0003",'
        '"to":"+1 (555) 010-0004","text":"Yes","in_reply_to_text":"Shall we confirm?"}}'
    )
    add_event(
        "sms-replied",
        "A conversation known by its two numbers, the customer's first, both normalised. The id may be that of the text that is answered.",
        reply,
        event(
            "message.received",
            "voice/conversation/+15550100003,+15550100004",
            repeatable("sms.replied", reply),
            message_received(
                **{"from": CUSTOMER},
                to=OURS,
                text="Yes",
                in_reply_to_text="Shall we confirm?",
                channel="sms",
                extra={"message_id": "msg_3"},
            ),
            provider_event="sms.replied",
            occurred_at="2025-01-15T12:11:00Z",
        ),
        {"voice/conversation/+15550100003,+15550100004": {"from": CUSTOMER, "to": OURS, "text": "Yes"}},
    )
    nameless = '{"event":"sms.received","timestamp":"2025-01-15T12:12:00Z","data":{"to":"+15550100004","from":"+15550100003","text":"Yes"}}'
    add_event(
        "sms-received-without-id",
        "Without an id of its own, a text is known by its time, as it is written, and its data, for two hours.",
        nameless,
        event(
            "message.received",
            "voice/conversation/+15550100003,+15550100004",
            repeatable("sms.received", nameless),
            message_received(**{"from": CUSTOMER}, to=OURS, text="Yes", channel="sms"),
            provider_event="sms.received",
            occurred_at="2025-01-15T12:12:00Z",
        ),
    )


CONVERSATION = "voice/conversation/+15550100003,+15550100004"
SUPPRESSED = "_/opt_out/+15550100003/sms"


def add_text(name, about, text, states, **more):
    body = (
        '{"event":"sms.received","timestamp":"2025-01-15T13:00:00Z","data":{"message_id":"msg_9",'
        f'"from":"+15550100003","to":"+15550100004","text":"{text}"}}}}'
    )
    found = event(
        "message.received",
        CONVERSATION,
        once("sms.received", "msg_9"),
        message_received(**{"from": CUSTOMER}, to=OURS, text=text, channel="sms", extra={"message_id": "msg_9"}),
        provider_event="sms.received",
        occurred_at="2025-01-15T13:00:00Z",
    )
    add(name, about, body, accepted(found, states), **more)


def suppression(opted_out: bool) -> dict:
    since = "2025-01-15T13:00:00Z"
    return {
        CONVERSATION: {"opted_out": opted_out},
        SUPPRESSED: {"phone": CUSTOMER, "channel": "sms", "opted_out": opted_out, "since": since, "source": "voice"},
    }


def opt_outs():
    add_text("sms-stop", "A STOP text puts the number on the suppression list.", "STOP", suppression(True))
    add_text("sms-stop-any-case", "Opt-out words count in any case.", "stop", suppression(True))
    add_text("sms-start", "A START text takes the number off the list.", "START", suppression(False))
    in_a_sentence = {CONVERSATION: {"opted_out": None}, SUPPRESSED: None}
    add_text("sms-stop-in-a-sentence", "Only a whole message is a word.", "Please stop by on Friday", in_a_sentence)
    words = sources(f'secrets = ["{SECRET}"]\nopt_out_words = ["Arrêt"]')
    add_text("sms-stop-own-words", "A source's own words opt out in any case.", "ARRÊT", suppression(True), sources=words)
    add_text("sms-stop-beside-own-words", "They are added to the defaults.", "STOP", suppression(True), sources=words)
    own_start = sources(f'secrets = ["{SECRET}"]\nopt_in_words = ["Stop", "Oui"]')
    add_text("sms-stop-among-opt-in-words", "A word of both lists opts out.", "STOP", suppression(True), sources=own_start)
    add_text("sms-start-own-words", "A source's own words opt in.", "oui.", suppression(False), sources=own_start)
    for name, about, text in [
        ("dotted", "Words are compared by letters and digits alone.", "S.T.O.P"),
        ("quoted", "Quotes around a word are no part of it.", "“stop”"),
        ("full-width", "A full-width word is the same word.", "ＳＴＯＰ"),
        ("invisible", "Invisible characters within a word are no part of it.", "\u200eST\u200bO\ufeffP"),
        ("emoji", "An emoji behind a word is no part of it.", "STOP 🛑"),
        ("replaced", "A character that could not be read is no part of a word.", "STOP \ufffd"),
        ("dotted-capital-i", "A Turkish keyboard's capital i is an i.", "UNSUBSCRİBE"),
    ]:
        add_text(f"sms-stop-{name}", about, text, suppression(True))
    add_text("sms-stop-with-diaeresis", "A letter with a mark is another letter.", "STÖP", in_a_sentence)
    add_text("sms-stop-numbered", "Digits count.", "STOP 1", in_a_sentence)


FLAT = (
    '{"phone_number":"+1 555 010 0003","email":"ada@example.com","first_name":"Ada","last_name":"Example",'
    '"address":"1 Main St","city":"Springfield","country":"US","new_user_field":"gold","powelist_id":12,"wayan_cf":"x"}'
)
FLAT_FORM = (
    "phone_number=%2B1+555+010+0003&email=ada%40example.com&first_name=Ada&last_name=Example"
    "&address=1+Main+St&city=Springfield&country=US&new_user_field=gold&powelist_id=12&wayan_cf=x"
)
ADA = {
    "name": "Ada Example",
    "phone": CUSTOMER,
    "email": "ada@example.com",
    "address": "1 Main St, Springfield, US",
    "lists": ["12"],
    # The parts that name and address were joined from stay: the line does not tell them apart.
    "fields": {
        "first_name": "Ada",
        "last_name": "Example",
        "address": "1 Main St",
        "city": "Springfield",
        "country": "US",
        "new_user_field": "gold",
        "wayan_cf": "x",
    },
}
NO_MORE = {"deleted": True, "name": None, "phone": None, "email": None, "address": None, "lists": None, "fields": None}


def add_contact(name, about, slug, body, key, data, states=None, decoded=None, **more):
    kind = {"contact": "contact.modified", "contact-delete": "contact.deleted"}[slug]
    found = event(
        kind, f"voice/contact/{key}", contact_record(slug, decoded or body), data, provider_event=slug
    )
    states = {f"voice/contact/{key}": states} if states else None
    add(name, about, body, accepted(found, states), path=f"/webhooks/voice/{slug}", **more)


def contacts():
    key = "+1 555 010 0003"
    here = ADA | {"deleted": False}
    add_contact("contact-flat", "A contact hook, flat JSON. The key is as it was written.", "contact", FLAT, key, contact(**ADA), here)
    nested = (
        '{"event":"contact.changed","timestamp":"2025-01-15T16:00:00Z","webhook_id":"wh_5","data":' + FLAT + ',"metadata":{"version":"1.0"}}'
    )
    envelope = {"event": "contact.changed", "timestamp": "2025-01-15T16:00:00Z", "webhook_id": "wh_5", "metadata": {"version": "1.0"}}
    add_contact(
        "contact-nested",
        "A contact hook in the usual envelope: its event is unknown, so the slug names it. Contacts have no time of their own: the accepted order is theirs.",
        "contact",
        nested,
        key,
        contact(**ADA, extra=envelope),
        here,
    )
    add_contact("contact-form", "A contact hook, form-encoded.", "contact", FLAT_FORM, key, contact(**ADA), here, content_type=FORM)
    add_contact(
        "contact-form-charset",
        "A form's content type in another case and with a parameter.",
        "contact",
        "email=j%C3%B6rg%40example.com&name=J%C3%B6rg+%26+Co",
        "jörg@example.com",
        contact(name="Jörg & Co", email="jörg@example.com"),
        content_type="Application/X-WWW-Form-URLEncoded; charset=UTF-8",
    )
    add_contact(
        "contact-form-repeated",
        "Repeated keys of a form are a list.",
        "contact",
        "phone_number=%2B15550100003&powelist_id=12&tag=a&powelist_id=13&tag=b&tag=",
        CUSTOMER,
        contact(phone=CUSTOMER, lists=["12", "13"], fields={"tag": ["a", "b", ""]}),
        content_type=FORM,
    )
    add_contact(
        "contact-by-email",
        "Without a number, a contact is known by its e-mail address; the list's name is spelt rightly here.",
        "contact",
        '{"email":"Ada@Example.com","name":"Ada","powerlist_id":"7"}',
        "Ada@Example.com",
        contact(name="Ada", email="Ada@Example.com", lists=["7"]),
    )
    add_contact("contact-delete-flat", "The other hook: a tombstone remains.", "contact-delete", FLAT, key, contact(**ADA), NO_MORE)
    add_contact(
        "contact-delete-nested",
        "The other hook, nested without any envelope around.",
        "contact-delete",
        '{"data":{"phone_number":"+15550100003"}}',
        CUSTOMER,
        contact(phone=CUSTOMER),
        NO_MORE,
    )
    add_contact(
        "contact-delete-form",
        "The other hook, form-encoded.",
        "contact-delete",
        "phone_number=%2B15550100003",
        CUSTOMER,
        contact(phone=CUSTOMER),
        NO_MORE,
        content_type=FORM,
    )
    under_slug = '{"event":"call.ended","timestamp":"2025-01-15T14:30:25.123Z","data":{"call_id":"call_4"}}'
    add(
        "call-under-contact-slug",
        "A known event of the body goes before the slug.",
        under_slug,
        accepted(
            event(
                "call.ended",
                "voice/call/call_4",
                once("call.ended", "call_4"),
                call(ended_at=AT, extra={"call_id": "call_4"}),
                provider_event="call.ended",
                occurred_at=AT,
            )
        ),
        path="/webhooks/voice/contact",
    )
