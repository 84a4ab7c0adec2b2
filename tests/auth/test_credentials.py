"""Secrets and Basic pairs that are almost right, sent byte for byte over a socket: only the right ones are accepted."""

import base64
from collections.abc import AsyncIterator

import pytest
from yarl import URL

from service.app import make_parts
from service.store.database import Database
from tests.people import sign_in
from tests.security.serving import serving, wire
from tests.service_fixtures import Add, settings_of

SECRET, EVENTS = b"Correct-Horse-9", b"Event-Horse-7"
PAIR = "admin:supersécret!".encode()
Lines = tuple[bytes, ...]


def hook(value: bytes) -> Lines:
    return (b"X-Hook: " + value,)


def authorization(value: bytes) -> Lines:
    return (b"Authorization: " + value,)


def basic(pair: bytes) -> Lines:
    return authorization(b"Basic " + base64.b64encode(pair))


GOOD = base64.b64encode(PAIR)
WRONG: dict[str, Lines] = {
    "nothing": (),
    "an empty secret": hook(b""),
    "all but the last character": hook(SECRET[:-1]),
    "all but the first character": hook(SECRET[1:]),
    "one character more": hook(SECRET + b"x"),
    "a character before": hook(b"x" + SECRET),
    "lower case": hook(SECRET.lower()),
    "upper case": hook(SECRET.upper()),
    "twice in one": hook(SECRET + SECRET),
    "twice with a comma": hook(SECRET + b", " + SECRET),
    "twice with a space": hook(SECRET + b" " + SECRET),
    "in quotes": hook(b'"' + SECRET + b'"'),
    "with a parameter": hook(SECRET + b";v=1"),
    "with a NUL": hook(SECRET + b"\0"),
    "with another hyphen": hook(SECRET.replace(b"-", "\u2010".encode())),
    "in full-width letters": hook("".join(chr(ord(each) + 0xFEE0) for each in SECRET.decode()).encode()),
    "percent-encoded": hook(SECRET.replace(b"-", b"%2D")),
    "in base64": hook(base64.b64encode(SECRET)),
    "with a scheme": hook(b"Secret " + SECRET),
    "another one": hook(b"Correct-Horse-8"),
    "the event hook's": hook(EVENTS),
    "in two headers": hook(SECRET) * 2,
    "in two headers, one wrong": hook(b"x") + hook(SECRET),
    "in two headers, one in other letters": (b"x-hook: x", b"X-HOOK: " + SECRET),
    "in Authorization": authorization(SECRET),
    "as a bearer token": authorization(b"Bearer " + SECRET),
    "as a password": basic(b"admin:" + SECRET),
    "in a header with an underscore": (b"X_Hook: " + SECRET,),
    "in a header with a longer name": (b"X-Hook-Secret: " + SECRET,),
    "in a cookie": (b"Cookie: X-Hook=" + SECRET,),
    "in a folded line": (b"X-Hook:", b" " + SECRET),
    "the pair in the secret's header": hook(b"Basic " + GOOD),
    "another password": basic(b"admin:supersecret"),
    "another user": basic(PAIR.replace(b"admin", b"root")),
    "the user in capitals": basic(PAIR.replace(b"admin", b"Admin")),
    "the two swapped": basic("supersécret:admin".encode()),
    "no password": basic(b"admin:"),
    "no colon": basic(b"admin"),
    "a prefix of the password": basic(PAIR[:-1]),
    "a longer password": basic(PAIR + b"x"),
    "the password and a NUL": basic(PAIR + b"\0"),
    "the password and a line feed": basic(PAIR + b"\n"),
    "the pair in Latin-1": basic(PAIR.decode().encode("latin-1")),
    "the pair in UTF-16": basic(PAIR.decode().encode("utf-16")),
    "the pair decomposed": basic(PAIR.replace("é".encode(), "e\u0301".encode())),
    "the pair encoded twice": basic(GOOD),
    "the pair as it is": authorization(b"Basic " + PAIR),
    "the pair without a scheme": authorization(GOOD),
    "the pair by another scheme": authorization(b"Digest " + GOOD),
    "the pair after a tab": authorization(b"Basic\t" + GOOD),
    "the pair after an equals sign": authorization(b"Basic=" + GOOD),
    "the pair without padding": authorization(b"Basic " + GOOD.rstrip(b"=")),
    "the pair with more padding": authorization(b"Basic " + GOOD + b"="),
    "the pair with a space within": authorization(b"Basic " + GOOD[:8] + b" " + GOOD[8:]),
    "the pair with what base64 skips": authorization(b"Basic " + GOOD[:8] + b"!" + GOOD[8:]),
    "the pair and more": authorization(b"Basic " + GOOD + b", Basic " + GOOD),
    "the pair in two headers": authorization(b"Basic " + GOOD) * 2,
    "the pair in two headers, one wrong": authorization(b"Basic eDp5") + authorization(b"Basic " + GOOD),
    "the pair for a proxy": (b"Proxy-Authorization: Basic " + GOOD,),
}
RIGHT: dict[str, Lines] = {
    "the secret": hook(SECRET),
    "the secret in a header in other letters": (b"x-HOOK: " + SECRET,),
    "the pair": authorization(b"Basic " + GOOD),
    "the pair by a scheme in other letters": authorization(b"bAsIC " + GOOD),
}


@pytest.fixture
async def url(database_url: str, database: Database, add: Add) -> AsyncIterator[URL]:
    await add("kim@example.com", "right")
    user, password = PAIR.decode().split(":")
    settings = settings_of(
        database_url=database_url,
        hook_secret_header="X-Hook",
        hook_secrets=f'["{SECRET.decode()}"]',
        event_hook_secrets=f'["{EVENTS.decode()}"]',
        basic_auth_user=user,
        basic_auth_password=password,
    )
    async with make_parts(settings, database) as parts, serving(parts) as url:
        yield url


async def status_of(url: URL, lines: Lines, path: bytes = b"/okta/password-import") -> int:
    body = sign_in("kim@example.com", "right")
    head = (b"POST " + path + b" HTTP/1.1", b"Host: x", b"Content-Type: application/json", *lines)
    async with wire(url) as connection:
        answer = await connection.ask(b"\r\n".join(head) + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert answer is not None
    assert SECRET not in answer.body
    assert b"VERIFIED" not in answer.body or answer.status == 200
    return answer.status


async def test_nothing_that_is_almost_right_gets_in(url: URL) -> None:
    assert len(WRONG) > 40
    refused = {name: await status_of(url, lines) for name, lines in WRONG.items()}
    # Invalid HTTP, such as a NUL or a folded line in a header, is not a call.
    assert {name: status for name, status in refused.items() if status not in (400, 401)} == {}
    assert [name for name, status in refused.items() if status == 400] == ["with a NUL", "in a folded line"]


async def test_what_is_right_gets_in(url: URL) -> None:
    assert {name: await status_of(url, lines) for name, lines in RIGHT.items()} == dict.fromkeys(RIGHT, 200)


async def test_a_secret_in_the_address_is_no_secret(url: URL) -> None:
    assert await status_of(url, (), b"/okta/password-import?X-Hook=" + SECRET) == 401


async def test_the_event_hook_takes_its_own_secret_alone(url: URL) -> None:
    path = b"/okta/events"
    taken = [
        await status_of(url, lines, path) for lines in (hook(EVENTS), hook(SECRET), authorization(b"Basic " + GOOD))
    ]
    assert taken == [204, 401, 401]
