"""Cellcast: who is let in. Basic authentication, URL tokens, methods and sizes."""

import base64

from .cellcast_case import *

BODY = '{"_id":"65a0c0ffee0000000000000a","status":"delivered","type":"send","sender":"cellcast","receiver":"+61400000001"}'
ID = "65a0c0ffee0000000000000a"
FOUND = send(
    f"{ID},+61400000001",
    status_record(ID, "+61400000001", "delivered"),
    status="delivered",
    status_raw="delivered",
    final=True,
    **{"from": "cellcast"},
    to="+61400000001",
    extra={"_id": ID},
)
CHALLENGED = refused(401, "unauthorized", **{"www-authenticate": 'Basic realm="switchhook"'})
TOKEN = "abcdefghijklmnopqrstuv-_01"
OPEN = settings(f'unsigned = true\ntokens = ["{TOKEN}"]', users="")
BOTH = settings(f'tokens = ["{TOKEN}"]')
SMALL = settings('max_body = "128B"')


def add_cases():
    let_in_by_basic()
    turned_away_by_basic()
    tokens()
    methods_and_sizes()


def let_in(name, about, body=BODY, found=FOUND, **more):
    add(name, about, body, accepted(found), **more)


def let_in_by_basic():
    let_in("basic-password-with-colons", "Name and password are split at the first colon.")
    let_in("basic-word-lower-case", "The scheme's word has no case.", authorization=login(word="basic "))
    let_in("basic-word-upper-case", "Nor any other.", authorization=login(word="BASIC "))
    let_in("basic-more-spaces", "Several spaces may stand behind the word.", authorization=login(word="Basic   "))
    let_in("basic-tab", "And tabs.", authorization=login(word="Basic\t "))
    padded = settings("", users='users = [{ username = "Aladdin", password = "open sesame" }]')
    let_in("basic-no-padding", "Base64 may come without its padding.", sources=padded, authorization=login("Aladdin", "open sesame").rstrip("="))
    let_in("basic-header-lower-case", "Header names have no case.", authorization=None, headers=[("authorization", USUAL)])
    odd = ("schlüssel", "秘密 \U0001f511")
    users = f'users = [{{ username = "{odd[0]}", password = "{odd[1]}" }}]'
    let_in("basic-not-ascii", "Name and password are UTF-8.", sources=settings("", users=users), authorization=login(*odd))
    # The example of RFC 7617, section 2.
    aladdin = settings("", users='users = [{ username = "Aladdin", password = "open sesame" }]')
    known = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    let_in("basic-known-vector", "The example of RFC 7617.", sources=aladdin, authorization=known)
    several = (
        'users = [{ username = "hooks", password = "new" }, '
        f'{{ username = "{NAME}", password = "{PASSWORD}" }}, {{ username = "third", password = "p" }}]'
    )
    rotation = settings("", users=several)
    let_in("basic-previous-password", "Every current user verifies: the previous password during a change.", sources=rotation)
    let_in("basic-new-password", "And the new one.", sources=rotation, authorization=login("hooks", "new"))
    nameless = settings("", users='users = [{ username = "", password = "a password alone" }]')
    let_in("basic-name-empty", "A name may be empty where that is what is configured.", sources=nameless, authorization=login("", "a password alone"))
    long = "p" * 200
    lengthy = settings("", users=f'users = [{{ username = "{NAME}", password = "{long}" }}]')
    let_in("basic-password-long", "A password longer than a block of SHA-256.", sources=lengthy, authorization=login(NAME, long))


def turned_away_by_basic():
    def wrong(name, about, authorization, body=BODY, **more):
        add(name, about, body, CHALLENGED, authorization=authorization, **more)

    token68 = USUAL.removeprefix("Basic ")
    wrong("basic-missing", "No credentials: the answer asks for them.", None)
    wrong("basic-empty", "An empty header.", "")
    wrong("basic-word-only", "The word alone.", "Basic")
    wrong("basic-wrong-user", "Another name with the right password.", login("hook"))
    wrong("basic-wrong-password", "A wrong password.", login(NAME, "s3cret"))
    wrong("basic-password-of-another-case", "Passwords have a case.", login(NAME, PASSWORD.upper()))
    wrong("basic-password-empty", "A right name without a password.", login(NAME, ""))
    wrong("basic-all-empty", "Neither name nor password.", login("", ""))
    wrong("basic-of-other-source", "Another source's user.", OTHER)
    wrong("basic-no-colon", "A name and nothing behind it.", "Basic " + base64.b64encode(b"hooks").decode())
    wrong("basic-no-base64", "Name and password as they are.", f"Basic {NAME}:{PASSWORD}")
    wrong("basic-cut-off", "Base64 that was cut off.", USUAL[:-1])
    wrong("basic-url-alphabet", "The right pair in the other alphabet of base64.", "Basic aG9va3M_", sources=settings("", users='users = [{ username = "hooks", password = "x" }]'))
    wrong("basic-other-word", "The right pair under another scheme.", f"Bearer {token68}")
    wrong("basic-no-word", "The right pair under none.", token68)
    wrong("basic-no-space", "The right pair without a space before it.", f"Basic{token68}")
    wrong("basic-two-in-one", "The right pair twice in one header.", f"{USUAL}, {USUAL}")
    wrong("basic-doubled", "The right header twice.", USUAL, headers=[("authorization", USUAL)])
    wrong("basic-doubled-one-right", "The right one and a wrong one.", OTHER, headers=[("Authorization", USUAL)])
    wrong("basic-latin-1", "A password in another encoding than UTF-8.", "Basic " + base64.b64encode("hooks:£".encode("latin-1")).decode(), sources=settings("", users='users = [{ username = "hooks", password = "£" }]'))
    wrong("basic-in-another-header", "The right pair in a proxy's header.", None, headers=[("Proxy-Authorization", USUAL)])
    wrong("basic-in-query", "The right pair in the query.", None, query=f"authorization={token68}")
    wrong("basic-before-reading", "What is not authentic is refused before anybody reads it.", OTHER, b"\xff[")


def tokens():
    opened = {"sources": OPEN, "authorization": None}
    let_in("token-right", "A source without a login opens by its token.", path=f"/webhooks/texts/{TOKEN}/status", **opened)
    let_in("token-and-login-nobody-asked-for", "A login that nobody asked for is not looked at.", path=f"/webhooks/texts/{TOKEN}", sources=OPEN, authorization=OTHER)
    add("token-wrong", "One letter is another.", BODY, NOT_FOUND, path=f"/webhooks/texts/{TOKEN[:-1]}2", **opened)
    add("token-missing", "A slug is no token.", BODY, NOT_FOUND, path="/webhooks/texts/status", **opened)
    let_in("token-and-login", "Where both are configured, both are given.", path=f"/webhooks/texts/{TOKEN}/status", sources=BOTH)
    add("token-without-login", "The token alone does not do.", BODY, CHALLENGED, path=f"/webhooks/texts/{TOKEN}", sources=BOTH, authorization=None)
    add("login-without-token", "The login alone does not do.", BODY, NOT_FOUND, slug="status", sources=BOTH)


def methods_and_sizes():
    for method in ["GET", "PUT", "HEAD", "DELETE", "OPTIONS"]:
        name = f"method-{method.lower()}"
        add(name, f"{method} is not taken, whoever sends it.", BODY, METHOD_NOT_ALLOWED, method=method)
    add("path-too-long", "Nothing stands behind the slug.", BODY, NOT_FOUND, path="/webhooks/texts/status/x")
    add("source-unknown", "There is no such source.", BODY, NOT_FOUND, path="/webhooks/nobody/status")
    add("max-body-plus-one", "One byte more than max_body, with the right login.", "x" * 129, TOO_LARGE, sources=SMALL)
    add("max-body-default-plus-one", "One byte more than 4 MiB.", Recipe([("x", (4 << 20) + 1)]), TOO_LARGE)
    add("order-method-before-login", "The method is told before the login.", BODY, METHOD_NOT_ALLOWED, method="GET", authorization=None)
    add("order-size-before-login", "So is the size.", "x" * 129, TOO_LARGE, sources=SMALL, authorization=None)
    networks = settings('networks = ["203.0.113.0/24"]')
    add("network-outside", "The right login from elsewhere.", BODY, CHALLENGED, sources=networks)
    let_in("network-inside", "The right login from inside the source's networks.", sources=networks, peer="203.0.113.9")
