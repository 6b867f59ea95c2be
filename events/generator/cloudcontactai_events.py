"""CloudContactAI: every event of its documents, in each generation of bodies."""

from .cloudcontactai import *


def add_cases():
    documented_texts()
    documented_opt_outs()
    documented_mails()
    untyped()
    first_libraries()
    signed()
    unknown_events()


def spaced(name: str, members: str) -> str:
    """A body as the page "Webhook Event Types" prints it."""
    lines = ",\n".join("    " + line for line in members.strip().splitlines())
    return f'{{\n  "eventType": "{name}",\n  "data": {{\n{lines}\n  }}\n}}'


SENT = spaced(
    "message.sent",
    """
"SmsSid": 12345
"MessageStatus": "DELIVERED"
"To": "+1234567890"
"Message": "Hello! Your order #12345 has been shipped."
"CustomData": "order_id:12345,customer_type:premium"
"ClientExternalId": "customer_abc123"
"CampaignId": 67890
"CampaignTitle": "Order Notifications"
"Segments": 2
"TotalPrice": 0.02
""",
)

INCOMING = spaced(
    "message.incoming",
    """
"SmsSid": 0
"MessageStatus": "RECEIVED"
"To": "+0987654321"
"Message": "Yes, I'm interested in learning more!"
"CustomData": ""
"ClientExternalId": "customer_abc123"
"CampaignId": 67890
"CampaignTitle": "Lead Generation Campaign"
"From": "+1234567890"
""",
)

EXCLUDED = spaced(
    "message.excluded",
    """
"SmsSid": 0
"MessageStatus": "EXCLUDED"
"To": "+1234567890"
"Message": "Hi {{name}}, check out our new products!"
"CustomData": "lead_source:website,segment:new_users"
"ClientExternalId": "customer_xyz789"
"CampaignId": 67890
"CampaignTitle": "Product Launch Campaign"
"ExcludedReason": "Duplicate phone number in campaign"
""",
)

CARRIER = spaced(
    "message.error.carrier",
    """
"SmsSid": 12345
"MessageStatus": "FAILED"
"To": "+1234567890"
"Message": "Your verification code is: 123456"
"CustomData": "verification_attempt:1"
"ClientExternalId": "user_def456"
"CampaignId": 0
"CampaignTitle": ""
"ErrorCode": "30008"
"ErrorMessage": "Unknown destination handset"
"ErrorType": "carrier"
""",
)

CLOUDCONTACT = spaced(
    "message.error.cloudcontact",
    """
"SmsSid": 12345
"MessageStatus": "FAILED"
"To": "+1234567890"
"Message": "Welcome to our service!"
"CustomData": "signup_source:landing_page"
"ClientExternalId": "new_user_ghi789"
"CampaignId": 67890
"CampaignTitle": "Welcome Series"
"ErrorCode": "CCAI-001"
"ErrorMessage": "Insufficient account balance"
"ErrorType": "cloudcontact"
""",
)


def documented_texts():
    add_unsigned(
        "message-sent-documented",
        "The page's own: its status says DELIVERED, its text that it was sent. It is sent.",
        SENT,
        accepted(
            status_event(
                "message.sent",
                "12345",
                once("message.sent", "12345", "DELIVERED", ""),
                message_status(
                    status="sent",
                    status_raw="DELIVERED",
                    final=False,
                    to="+1234567890",
                    text="Hello! Your order #12345 has been shipped.",
                    segments=2,
                    price="0.02",
                    extra={
                        "SmsSid": 12345,
                        "CustomData": "order_id:12345,customer_type:premium",
                        "ClientExternalId": "customer_abc123",
                        "CampaignId": 67890,
                        "CampaignTitle": "Order Notifications",
                    },
                ),
            ),
            {"sms/message/12345": {"status": "sent", "status_raw": "DELIVERED", "final": False, "segments": 2, "price": "0.02"}},
        ),
    )
    incoming = message_received(
        **{"from": "+1234567890"},
        to="+0987654321",  # no E.164 number: it stays as it is written
        text="Yes, I'm interested in learning more!",
        channel="sms",
        extra={
            "SmsSid": 0,
            "MessageStatus": "RECEIVED",
            "CustomData": "",
            "ClientExternalId": "customer_abc123",
            "CampaignId": 67890,
            "CampaignTitle": "Lead Generation Campaign",
        },
    )
    key = "+1234567890,+0987654321"
    add_unsigned(
        "message-incoming-documented",
        "The page's own inbound text.",
        INCOMING,
        accepted(
            received_event("message.incoming", by_bytes("message.incoming", INCOMING), incoming, key),
            {
                f"sms/conversation/{key}": {"text": "Yes, I'm interested in learning more!", "last_inbound_at": RECEIVED_AT},
                "_/opt_out/+1234567890/sms": None,
            },
        ),
    )
    twice = INCOMING.replace('"From"', '"To": "+0987654321",\n    "From"')
    twice = twice.replace('"To": "+0987654321"', '"To": "+15550100009"', 1)
    add_unsigned(
        "message-incoming-to-twice",
        "An older revision of the page has `To` twice: the last one counts.",
        twice,
        accepted(received_event("message.incoming", by_bytes("message.incoming", twice), incoming, key)),
    )
    add_unsigned(
        "message-excluded-documented",
        "It has no number of its own: it is about whom it would have gone to.",
        EXCLUDED,
        accepted(
            status_event(
                "message.excluded",
                "+1234567890",
                by_bytes("message.excluded", EXCLUDED),
                message_status(
                    status="excluded",
                    status_raw="EXCLUDED",
                    final=True,
                    to="+1234567890",
                    text="Hi {{name}}, check out our new products!",
                    reason="Duplicate phone number in campaign",
                    extra={
                        "SmsSid": 0,
                        "CustomData": "lead_source:website,segment:new_users",
                        "ClientExternalId": "customer_xyz789",
                        "CampaignId": 67890,
                        "CampaignTitle": "Product Launch Campaign",
                    },
                ),
            ),
            {"sms/message/+1234567890": {"status": "excluded", "final": True, "reason": "Duplicate phone number in campaign"}},
        ),
    )
    documented_errors()


def documented_errors():
    for name, body, code, reason, text, extra in [
        (
            "message.error.carrier",
            CARRIER,
            "30008",
            "Unknown destination handset",
            "Your verification code is: 123456",
            {"CustomData": "verification_attempt:1", "ClientExternalId": "user_def456", "CampaignId": 0, "CampaignTitle": "", "ErrorType": "carrier"},
        ),
        (
            "message.error.cloudcontact",
            CLOUDCONTACT,
            "CCAI-001",
            "Insufficient account balance",
            "Welcome to our service!",
            {
                "CustomData": "signup_source:landing_page",
                "ClientExternalId": "new_user_ghi789",
                "CampaignId": 67890,
                "CampaignTitle": "Welcome Series",
                "ErrorType": "cloudcontact",
            },
        ),
    ]:
        data = message_status(
            status="failed",
            status_raw="FAILED",
            final=True,
            to="+1234567890",
            text=text,
            error_code=code,
            reason=reason,
            extra={"SmsSid": 12345} | extra,
        )
        add_unsigned(
            name.replace(".", "-") + "-documented",
            "The page's own failure.",
            body,
            accepted(
                status_event(name, "12345", once(name, "12345", "FAILED", code), data),
                {"sms/message/12345": {"status": "failed", "final": True, "error_code": code, "reason": reason, "status_at": RECEIVED_AT}},
            ),
        )


UNSUBSCRIBED = """{
  "eventType": "contact.unsubscribed",
  "data": {
    "id": 0,
    "MessageStatus": "DO_NOT_TEXT",
    "To": "+0987654321",
    "Message": "STOP",
    "CustomData": "",
    "ClientExternalId": "customer_abc123",
    "CampaignId": 67890,
    "CampaignTitle": "Lead Generation Campaign",
    "UnsubscribedAt": "2025-09-25T11:08:14.368388Z",
    "ContactData": {
      "firstName": "Jon",
      "lastName": "Doe",
      "email": null,
      "phone": "+0997654321"
    }
  }
}"""
UNSUBSCRIBED_AT = "2025-09-25T11:08:14.368388Z"

EMAIL_UNSUBSCRIBED = """{
  "eventType": "email.unsubscribed",
  "data": {
    "clientId": 12345,
    "contactId": "abc-123",
    "toEmail": "recipient@example.com",
    "unsubscribeMethod": "link_click",
    "timestamp": "2026-08-12T23:15:00Z"
  }
}"""
MAILED_AT = "2026-08-12T23:15:00Z"
MAIL_RECEIVED_AT = "2026-08-12T23:15:06.789Z"


def opt_out_event(name, key, record, data, at):
    return event("contact.opted_out", f"sms/contact/{key}", record, data, provider_event=name, occurred_at=at)


def unsubscribed_case(name, about, body, key, phone, extra, *, at=UNSUBSCRIBED_AT, record=None, states=None, **more):
    """A person who wants no texts. `extra` is besides what every such body here has."""
    record = record or within_window("contact.unsubscribed", key, at, window_secs=WINDOW_SECS)
    common = {"id": 0, "Message": "STOP", "CustomData": "", "ClientExternalId": "customer_abc123", "CampaignId": 67890, "CampaignTitle": "Lead Generation Campaign"}
    data = opted_out(phone=phone, channel="sms", method="DO_NOT_TEXT", extra=common | extra)
    found = opt_out_event("contact.unsubscribed", key, record, data, at)
    add_unsigned(name, about, body, accepted(found, states), **more)


CONTACT = {"firstName": "Jon", "lastName": "Doe", "email": None, "phone": "+0997654321"}


def documented_opt_outs():
    unsubscribed_case(
        "contact-unsubscribed-documented",
        "The page's own, whose number is none that can be: it is the contact's, and on no list.",
        UNSUBSCRIBED,
        "+0997654321",
        "+0997654321",
        {"To": "+0987654321", "ContactData": CONTACT},
        states={"sms/contact/+0997654321": {"opted_out": True, "channel": "sms", "method": "DO_NOT_TEXT", "opted_out_at": UNSUBSCRIBED_AT, "phone": "+0997654321"}},
    )
    real = UNSUBSCRIBED.replace("+0997654321", "+1 555 010 0003").replace("+0987654321", OURS)
    listed = {"opted_out": True, "phone": CUSTOMER, "channel": "sms", "since": UNSUBSCRIBED_AT, "source": "sms"}
    unsubscribed_case(
        "contact-unsubscribed",
        "The contact's number is on the suppression list, and ours is not.",
        real,
        "+1 555 010 0003",
        CUSTOMER,
        {"To": OURS, "ContactData": CONTACT | {"phone": "+1 555 010 0003"}},
        states={f"_/opt_out/{CUSTOMER}/sms": listed, f"_/opt_out/{OURS}/sms": None, "sms/contact/+1 555 010 0003": {"opted_out": True, "phone": CUSTOMER}},
    )
    with_mail = real.replace('"email": null', '"email": "Jon@Example.com"')
    unsubscribed_case(
        "contact-unsubscribed-with-email",
        "Who wants no texts may still want e-mails.",
        with_mail,
        "+1 555 010 0003",
        CUSTOMER,
        {"To": OURS, "ContactData": CONTACT | {"phone": "+1 555 010 0003", "email": "Jon@Example.com"}},
        states={f"_/opt_out/{CUSTOMER}/sms": listed, "_/opt_out/jon@example.com/email": None, "sms/contact/+1 555 010 0003": {"email": None}},
    )
    no_number = with_mail.replace("+1 555 010 0003", "unknown")
    unsubscribed_case(
        "contact-unsubscribed-no-number",
        "Of a phone that is no number the one that was texted is taken, and not the address beside it.",
        no_number,
        "unknown",
        OURS,
        {"To": OURS, "ContactData": CONTACT | {"phone": "unknown", "email": "Jon@Example.com"}},
        states={"_/opt_out/jon@example.com/email": None, f"_/opt_out/{OURS}/sms": {"opted_out": True}, "sms/contact/unknown": {"opted_out": True}},
    )
    before = UNSUBSCRIBED.replace("+0987654321", CUSTOMER).split(",\n    \"ContactData\"")[0] + "\n  }\n}"
    unsubscribed_case(
        "contact-unsubscribed-without-contact",
        "Without `ContactData` it is about whom `To` names.",
        before,
        CUSTOMER,
        CUSTOMER,
        {},
        states={f"_/opt_out/{CUSTOMER}/sms": listed},
    )
    for name, about, contact_data in [
        ("contact-null", "The same where `ContactData` is null.", None),
        ("contact-list", "PHP's empty list for an empty object.", []),
        ("phone-null", "A contact without a phone.", CONTACT | {"phone": None}),
    ]:
        body = before.replace("\n  }\n}", f',\n    "ContactData": {json.dumps(contact_data)}\n  }}\n}}')
        unsubscribed_case(f"contact-unsubscribed-{name}", about, body, CUSTOMER, CUSTOMER, {"ContactData": contact_data}, states={f"_/opt_out/{CUSTOMER}/sms": listed})
    for name, about, at in [
        ("time-missing", "Without a time, the same bytes may rightly come again after ten minutes.", None),
        ("time-null-text", "`null` as a text is no time and stays what it is.", "null"),
        ("time-without-zone", "A time without a zone is not told.", "2025-09-25 11:08:14.368"),
    ]:
        if at is None:
            body, extra = before.replace(f',\n    "UnsubscribedAt": "{UNSUBSCRIBED_AT}"', ""), {}
        else:
            body, extra = before.replace(UNSUBSCRIBED_AT, at), {"UnsubscribedAt": at}
        unsubscribed_case(
            f"contact-unsubscribed-{name}",
            about,
            body,
            CUSTOMER,
            CUSTOMER,
            extra,
            at=None,
            record=by_bytes("contact.unsubscribed", body),
            states={f"_/opt_out/{CUSTOMER}/sms": listed | {"since": RECEIVED_AT}},
        )
    offset = before.replace(UNSUBSCRIBED_AT, "2025-09-25T13:08:14.368388+02:00")
    unsubscribed_case("contact-unsubscribed-time-with-offset", "The same time in another zone is the same event.", offset, CUSTOMER, CUSTOMER, {})
    australian = before.replace(CUSTOMER, "0491 570 006")
    unsubscribed_case(
        "contact-unsubscribed-of-a-country",
        "A national number is read by the source's country; the key stays as it is written.",
        australian,
        "0491 570 006",
        "+61491570006",
        {},
        states={"_/opt_out/+61491570006/sms": listed | {"phone": "+61491570006"}},
        sources=ccai_sources(f'unsigned = true\ntokens = ["{TOKEN}"]\ncountry = "AU"'),
    )
    email_opt_outs()


def email_opt_outs():
    def case(name, about, body, key, data, at=MAILED_AT, record=None, states=None):
        received_at = RECEIVED_AT if at is None else MAIL_RECEIVED_AT
        record = record or within_window("email.unsubscribed", key, at, window_secs=WINDOW_SECS, received_at=received_at)
        found = opt_out_event("email.unsubscribed", key, record, data, at)
        add_unsigned(name, about, body, accepted(found, states), received_at=received_at)

    def data(extra, email="recipient@example.com", method="link_click"):
        return opted_out(email=email, channel="email", method=method, extra={"clientId": 12345} | extra)

    mixed_case = EMAIL_UNSUBSCRIBED.replace("recipient@", "Recipient@")
    case(
        "email-unsubscribed-documented",
        "The page's own.",
        EMAIL_UNSUBSCRIBED,
        "abc-123",
        data({"contactId": "abc-123"}),
        states={
            "sms/contact/abc-123": {"opted_out": True, "channel": "email", "method": "link_click", "email": "recipient@example.com", "opted_out_at": MAILED_AT},
            "_/opt_out/recipient@example.com/email": {"opted_out": True, "email": "recipient@example.com", "channel": "email", "since": MAILED_AT, "source": "sms"},
        },
    )
    case(
        "email-unsubscribed-mixed-case",
        "The list has addresses in lower case; the event keeps what was written.",
        mixed_case,
        "abc-123",
        data({"contactId": "abc-123"}, email="Recipient@example.com"),
        states={"_/opt_out/recipient@example.com/email": {"opted_out": True, "email": "recipient@example.com"}},
    )
    case(
        "email-unsubscribed-address-null",
        "The page says that the address may be null: the list has the contact, unplaced.",
        EMAIL_UNSUBSCRIBED.replace('"recipient@example.com"', "null"),
        "abc-123",
        data({"contactId": "abc-123", "toEmail": None}, email=None),
        states={
            "sms/contact/abc-123": {"opted_out": True, "email": None},
            "_/opt_out/sms/contact/abc-123/email": {"opted_out": True, "unplaced": True, "email": "sms/contact/abc-123"},
        },
    )
    case(
        "email-unsubscribed-contact-missing",
        "Without a contact it is about the address.",
        EMAIL_UNSUBSCRIBED.replace('    "contactId": "abc-123",\n', ""),
        "recipient@example.com",
        data({}),
        states={"_/opt_out/recipient@example.com/email": {"opted_out": True}},
    )
    case("email-unsubscribed-contact-number", "A contact's id that is a number.", EMAIL_UNSUBSCRIBED.replace('"abc-123"', "123"), "123", data({"contactId": 123}))
    no_time = EMAIL_UNSUBSCRIBED.replace(MAILED_AT, "yesterday")
    case(
        "email-unsubscribed-no-time",
        "A time that is none: ten minutes.",
        no_time,
        "abc-123",
        data({"contactId": "abc-123", "timestamp": "yesterday"}),
        at=None,
        record=by_bytes("email.unsubscribed", no_time),
    )


def mail(name: str, more: str = "") -> str:
    return f"""{{
  "eventType": "{name}",
  "data": {{
    "clientId": 12345,
    "campaignId": 67890,
    "emailMessageId": 111222,
    "toEmail": "recipient@example.com",
    "fromEmail": "sender@client.com",
    "subject": "Your Monthly Statement",
    "timestamp": "2026-08-12T23:15:00Z"{more}
  }}
}}"""


BOUNCE = ',\n    "bounceType": "Permanent",\n    "bounceSubType": "General"'
COMPLAINT = ',\n    "complaintFeedbackType": "abuse"'


def mail_case(name, about, body, event_name, status, reason, extra, *, key="111222", at=MAILED_AT, record=None, states=None, told=None, **more):
    record = record or once(event_name, key, at)
    usual = {"to": "recipient@example.com", "from": "sender@client.com", "subject": "Your Monthly Statement"}
    fields = {"status": status, "reason": reason} | (usual if told is None else told)
    data = email_status(**fields, extra={"clientId": 12345, "campaignId": 67890, "emailMessageId": 111222} | extra)
    found = event("email.status", f"sms/email/{key}", record, data, provider_event=event_name, occurred_at=at)
    more = ({"received_at": MAIL_RECEIVED_AT} if at else {}) | more
    add_unsigned(name, about, body, accepted(found, states), **more)


def documented_mails():
    state = {"to": "recipient@example.com", "from": "sender@client.com", "subject": "Your Monthly Statement", "status_at": MAILED_AT}
    mail_case(
        "email-delivered-documented",
        "The page's own.",
        mail("email.delivered"),
        "email.delivered",
        "delivered",
        None,
        {},
        states={"sms/email/111222": state | {"status": "delivered", "reason": None}},
    )
    mail_case(
        "email-bounced-documented",
        "Both words of a bounce are its reason, and stay beside it.",
        mail("email.bounced", BOUNCE),
        "email.bounced",
        "bounced",
        "Permanent: General",
        {"bounceType": "Permanent", "bounceSubType": "General"},
        states={"sms/email/111222": state | {"status": "bounced", "reason": "Permanent: General"}},
    )
    mail_case(
        "email-complaint-documented",
        "The page's own. It is the provider's affair, and nobody's wish: no list.",
        mail("email.complaint", COMPLAINT),
        "email.complaint",
        "complaint",
        "abuse",
        {},
        states={"sms/email/111222": state | {"status": "complaint", "reason": "abuse"}, "_/opt_out/recipient@example.com/email": None},
    )
    transient = mail("email.bounced", ',\n    "bounceType": "Transient"')
    mail_case("email-bounced-one-word", "A bounce of one word.", transient, "email.bounced", "bounced", "Transient", {"bounceType": "Transient"})
    odd = mail("email.bounced", ',\n    "bounceType": null, "bounceSubType": 7')
    mail_case("email-bounced-odd-words", "Words that are none.", odd, "email.bounced", "bounced", None, {"bounceType": None, "bounceSubType": 7})
    nulls = mail("email.delivered")
    for text in ["recipient@example.com", "sender@client.com", "Your Monthly Statement"]:
        nulls = nulls.replace(f'"{text}"', "null")
    nulls = nulls.replace("67890", "null")
    mail_case(
        "email-delivered-nulls",
        "What the page says may be null.",
        nulls,
        "email.delivered",
        "delivered",
        None,
        {"campaignId": None, "toEmail": None, "fromEmail": None, "subject": None},
        told={},
    )
    text_id = mail("email.delivered").replace("111222", '"111222"')
    mail_case("email-id-text", "An id that is a text.", text_id, "email.delivered", "delivered", None, {"emailMessageId": "111222"})
    no_time = mail("email.delivered").replace('"2026-08-12T23:15:00Z"', "1786576500")
    mail_case(
        "email-time-number",
        "Seconds since 1970 are no RFC 3339.",
        no_time,
        "email.delivered",
        "delivered",
        None,
        {"timestamp": Raw("1786576500")},
        at=None,
        record=by_bytes("email.delivered", no_time),
    )


# The bodies of the page "Webhooks", with a number that can be one.
OUTBOUND = (
    '{"message":"Hello John! We are testing the CCAI SMS functionality with the webhooks","segments":1,'
    f'"smsSid":141321,"messageStatus":"SENT","totalPrice":0.03,"to":"{CUSTOMER}"}}'
)
INBOUND = (
    '{"campaign":{"id":141293,"title":"Default Campaign","message":"","senderPhone":null,'
    '"createdAt":"2025-08-13T21:20:50.212623Z","runAt":"null"},'
    f'"from":"{CUSTOMER}","to":"+14158735045","message":"Rockin "}}'
)
DEFAULT_CAMPAIGN = {"id": 141293, "title": "Default Campaign", "message": "", "senderPhone": None, "createdAt": "2025-08-13T21:20:50.212623Z", "runAt": "null"}
INBOUND_KEY = f"{CUSTOMER},+14158735045"


def outbound_case(name, about, word, status, final, **more):
    told = f'"{word}"' if isinstance(word, str) else "7"
    body = OUTBOUND.replace('"SENT"', told)
    extra = {"smsSid": 141321} | ({} if isinstance(word, str) else {"messageStatus": 7})
    data = message_status(
        status=status,
        status_raw=word if isinstance(word, str) else None,
        final=final,
        to=CUSTOMER,
        text="Hello John! We are testing the CCAI SMS functionality with the webhooks",
        segments=1,
        price="0.03",
        extra=extra,
    )
    record = once("", "141321", word if isinstance(word, str) else "7", "")
    add_unsigned(name, about, body, accepted(status_event(None, "141321", record, data), {"sms/message/141321": {"status": status, "final": final}}), **more)


def masked():
    """The same with the page's own number, whose digits are masked."""
    number = "+1XXXYYYZZZZ"
    outbound, inbound = OUTBOUND.replace(CUSTOMER, number), INBOUND.replace(CUSTOMER, number)
    data = message_status(
        status="sent",
        status_raw="SENT",
        final=False,
        to=number,
        text="Hello John! We are testing the CCAI SMS functionality with the webhooks",
        segments=1,
        price="0.03",
        extra={"smsSid": 141321},
    )
    headers = [("Accept", "application/json, application/*+json"), ("Accept-Encoding", "gzip")]
    add_unsigned(
        "untyped-outbound-verbatim",
        "The page's own request to the letter: a number that is none stays as it is written.",
        outbound,
        accepted(status_event(None, "141321", once("", "141321", "SENT", ""), data)),
        headers=headers,
    )
    data = message_received(**{"from": number}, to="+14158735045", text="Rockin ", channel="sms", extra={"campaign": DEFAULT_CAMPAIGN})
    add_unsigned(
        "untyped-inbound-verbatim",
        "The page's own reply to the letter.",
        inbound,
        accepted(received_event(None, by_bytes("", inbound), data, f"{number},+14158735045")),
        headers=headers,
    )


def untyped():
    masked()
    outbound_case("untyped-outbound-documented", "The page's own body without a name.", "SENT", "sent", False)
    outbound_case("untyped-outbound-put", "The same by the other method.", "SENT", "sent", False, method="PUT")
    outbound_case("untyped-outbound-delivered", "What it calls delivered is sent.", "DELIVERED", "sent", False)
    outbound_case("untyped-outbound-failed", "What failed is final.", "FAILED", "failed", True)
    outbound_case("untyped-outbound-excluded", "So is what was excluded.", "EXCLUDED", "excluded", True)
    outbound_case("untyped-outbound-unknown-status", "A word that is not known is kept as it is.", "QUEUED", None, None)
    outbound_case("untyped-outbound-odd-status", "A status that is no text stays in extra.", 7, None, None)
    inbound = message_received(**{"from": CUSTOMER}, to="+14158735045", text="Rockin ", channel="sms", extra={"campaign": DEFAULT_CAMPAIGN})
    add_unsigned(
        "untyped-inbound-documented",
        "The page's own reply; `runAt` is the text null and stays so.",
        INBOUND,
        accepted(
            received_event(None, by_bytes("", INBOUND), inbound, INBOUND_KEY),
            {f"sms/conversation/{INBOUND_KEY}": {"text": "Rockin ", "from": CUSTOMER, "to": "+14158735045", "channel": "sms", "last_inbound_at": RECEIVED_AT}},
        ),
    )
    for name, word, wished in [("stop", " Stop! ", True), ("start", "START", False)]:
        body = INBOUND.replace("Rockin ", word)
        data = inbound | {"text": word}
        add_unsigned(
            f"untyped-inbound-{name}",
            "A word by which a customer asks for something.",
            body,
            accepted(
                received_event(None, by_bytes("", body), data, INBOUND_KEY),
                {f"_/opt_out/{CUSTOMER}/sms": {"opted_out": wished, "source": "sms", "since": RECEIVED_AT}, f"sms/conversation/{INBOUND_KEY}": {"opted_out": wished}},
            ),
        )
    for name, about, body in [
        ("campaign-null", "A campaign that is null.", INBOUND.replace(INBOUND[12 : INBOUND.index("}") + 1], "null")),
        ("campaign-empty-list", "PHP's empty list for a campaign.", INBOUND.replace(INBOUND[12 : INBOUND.index("}") + 1], "[]")),
    ]:
        campaign = None if name == "campaign-null" else []
        data = inbound | {"extra": {"campaign": campaign}}
        add_unsigned(f"untyped-inbound-{name}", about, body, accepted(received_event(None, by_bytes("", body), data, INBOUND_KEY)))
    zero = OUTBOUND.replace("141321", "0")
    data = message_status(
        status="sent",
        status_raw="SENT",
        final=False,
        to=CUSTOMER,
        text="Hello John! We are testing the CCAI SMS functionality with the webhooks",
        segments=1,
        price="0.03",
        extra={"smsSid": 0},
    )
    add_unsigned("untyped-outbound-zero", "0 is no number of a text: the recipient is.", zero, accepted(status_event(None, CUSTOMER, by_bytes("", zero), data)))
    add_signed("untyped-refused-where-signed", "It has no hash to sign: a source with secrets takes none of it.", OUTBOUND, UNAUTHORIZED, signature=None)


def first_libraries():
    campaign = {"id": 123, "title": "Test Campaign", "message": "Hello ${FirstName}", "senderPhone": OURS, "createdAt": "2025-07-22 20:52:05.123", "runAt": ""}
    members = f'"campaign":{json.dumps(campaign)},"from":"%s","to":"%s","message":"Hello John, this is a test"'
    sent = f'{{"type":"message.sent",{members % (OURS, CUSTOMER)}}}'
    text = "Hello John, this is a test"
    add_unsigned(
        "typed-sent",
        "The first libraries' `type`: it has no id, so that it is about its recipient.",
        sent,
        accepted(
            status_event(
                "message.sent",
                CUSTOMER,
                by_bytes("message.sent", sent),
                message_status(status="sent", final=False, **{"from": OURS}, to=CUSTOMER, text=text, extra={"campaign": campaign}),
            )
        ),
    )
    received = f'{{"type":"message.received",{members % (CUSTOMER, OURS)}}}'
    add_unsigned(
        "typed-received",
        "The same for a reply.",
        received,
        accepted(
            received_event(
                "message.received",
                by_bytes("message.received", received),
                message_received(**{"from": CUSTOMER}, to=OURS, text=text, channel="sms", extra={"campaign": campaign}),
            )
        ),
    )


def signed():
    """Today's bodies, as the Node library's README has them."""
    members = f'{{"To":"{CUSTOMER}","From":"{OURS}","Message":"Hello John","TotalPrice":"0.01","Segments":1,"CampaignId":"123","CampaignTitle":"Test Campaign"}}'
    sent = envelope("message.sent", members)
    data = message_status(
        status="sent",
        final=False,
        **{"from": OURS},
        to=CUSTOMER,
        text="Hello John",
        segments=1,
        price="0.01",
        extra={"CampaignId": "123", "CampaignTitle": "Test Campaign", "eventHash": HASH},
    )
    add_signed(
        "signed-sent",
        "Texts for numbers: a price is decimal text. Without a number of its own it is about its recipient.",
        sent,
        accepted(status_event("message.sent", CUSTOMER, by_bytes("message.sent", sent), data)),
    )
    for name in ["message.received", "message.incoming"]:
        body = envelope(name, f'{{"To":"{OURS}","From":"{CUSTOMER}","Message":"STOP","TotalPrice":"0.01","Segments":1}}')
        data = message_received(
            **{"from": CUSTOMER}, to=OURS, text="STOP", channel="sms", extra={"TotalPrice": "0.01", "Segments": 1, "eventHash": HASH}
        )
        add_signed(
            "signed-" + name.replace(".", "-"),
            "Both names of an inbound text; STOP puts the number on the suppression list.",
            body,
            accepted(
                received_event(name, by_bytes(name, body), data),
                {f"_/opt_out/{CUSTOMER}/sms": {"opted_out": True, "phone": CUSTOMER}, f"sms/conversation/{CUSTOMER},{OURS}": {"opted_out": True}},
            ),
        )
    failed = (
        '{"SmsSid":90210,"MessageStatus":"FAILED","To":"+15550100001","Message":"Code 4471","CustomData":"try:2","ClientExternalId":"ext-7",'
        '"CampaignId":0,"CampaignTitle":"","ErrorCode":"30007","ErrorMessage":"Message delivery failed","ErrorType":"carrier"}'
    )
    data = message_status(
        status="failed",
        status_raw="FAILED",
        final=True,
        to="+15550100001",
        text="Code 4471",
        error_code="30007",
        reason="Message delivery failed",
        extra={"SmsSid": 90210, "CustomData": "try:2", "ClientExternalId": "ext-7", "CampaignId": 0, "CampaignTitle": "", "ErrorType": "carrier", "eventHash": HASH},
    )
    body = envelope("message.error.carrier", failed)
    add_signed("signed-error", "A failure of today.", body, accepted(status_event("message.error.carrier", "90210", once("message.error.carrier", "90210", "FAILED", "30007"), data)))


NO_SHAPE = "no `eventType`, and none of the shapes without one"


def unknown_events():
    def case(name, about, body, reason, provider_event=None):
        add_unsigned(name, about, body, ccai_unknown(body, reason, json.loads(body), provider_event=provider_event))

    case("event-unknown", "An event that the documents do not name.", envelope("message.read", '{"SmsSid":7}'), "unknown event", "message.read")
    case("event-sms-sent", "A name of the Java library's samples alone.", '{"eventType":"sms.sent","messageId":"123","timestamp":"2026-02-02T22:00:00Z"}', "unknown event", "sms.sent")
    case("event-upper-case", "A name of the old registration is no name of an event.", '{"eventType":"INCOMING_SMS","from":"+15550100003","to":"+15550100004"}', "unknown event", "INCOMING_SMS")
    case("event-of-another-case", "Names of events are what they are, to the letter.", envelope("Message.Sent", '{"SmsSid":7}'), "unknown event", "Message.Sent")
    case("event-error-unknown", "A failure of a kind that the documents do not name.", envelope("message.error.moon", '{"SmsSid":7}'), "unknown event", "message.error.moon")
    case("event-unknown-before-shape", "A name decides before any shape.", OUTBOUND.replace("{", '{"eventType":"x",', 1), "unknown event", "x")
    case("event-empty", "An empty name is one that nobody knows.", '{"eventType":""}', "unknown event", "")
    case("event-missing", "Neither a name nor a shape.", '{"data":{"SmsSid":7,"To":"+15550100003"}}', NO_SHAPE)
    case("event-no-text", "A name that is no text is none.", '{"eventType":["message.sent"],"data":{"SmsSid":7}}', NO_SHAPE)
    case("shape-of-one-half", "Half of a shape is none.", '{"messageStatus":"SENT","to":"+15550100003"}', NO_SHAPE)
    case("object-empty", "An object that says nothing.", "{}", NO_SHAPE)
    case("key-missing-text", "A text to nobody.", envelope("message.sent", '{"SmsSid":0,"MessageStatus":"SENT"}'), "neither a `SmsSid` nor a `To`", "message.sent")
    case("key-missing-conversation", "A text from nobody knows whom.", envelope("message.incoming", '{"To":"+15550100004","Message":"STOP"}'), "not both a `From` and a `To`", "message.incoming")
    case("key-missing-conversation-ours", "A text to nobody knows whom.", envelope("message.incoming", '{"From":"+15550100003","Message":"STOP"}'), "not both a `From` and a `To`", "message.incoming")
    case("key-missing-mail", "An e-mail without its id.", envelope("email.delivered", '{"toEmail":"a@example.com"}'), "no `emailMessageId`", "email.delivered")
    case("key-missing-mail-contact", "Nobody unsubscribed.", envelope("email.unsubscribed", '{"toEmail":null}'), "neither a `contactId` nor a `toEmail`", "email.unsubscribed")
    case("key-missing-contact", "Nobody wants no texts.", envelope("contact.unsubscribed", '{"ContactData":{"phone":""},"To":null}'), "neither a phone in `ContactData` nor a `To`", "contact.unsubscribed")
    case("data-null", "A known event that says nothing.", envelope("message.sent", "null"), "neither a `SmsSid` nor a `To`", "message.sent")
    case("data-list", "PHP's empty list for its data.", envelope("message.sent", "[]"), "neither a `SmsSid` nor a `To`", "message.sent")
    long_key = envelope("message.sent", f'{{"To":"{"k" * 1025}"}}')
    case("key-1025-bytes", "A key that is too long.", long_key, "the key is longer than 1024 bytes", "message.sent")
    body = envelope("message.sent", "{}")
    add_signed("signed-unknown", "What is signed and unknown is kept as well.", body, ccai_unknown(body, "neither a `SmsSid` nor a `To`", json.loads(body), provider_event="message.sent"))
