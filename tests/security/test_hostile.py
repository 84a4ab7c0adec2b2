"""Hostile input: every answer is a documented one, never an internal error, and nothing grows."""

import contextlib
import gzip
import json
import random
import resource
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from service.auth.authenticator import Accepted, Authenticator
from service.auth.tokens import Expected, TokenFault, judge, read_keys
from service.okta.events import answer_challenge, parse_delivery
from service.okta.parsing import MalformedCall
from service.okta.password_import import parse_call
from service.okta.registration import parse_request
from service.web.parts import Parts
from tests.people import sign_in
from tests.security.mutating import HOSTILE_VALUES, SAMPLES, mutant
from tests.security.serving import Answer, call, serving, wire
from tests.service_fixtures import Add

TABLE = {200, 204, 400, 401, 404, 405, 413, 415, 417, 429, 431}
"""A 503 means an internal error; no input may cause one."""
PATHS = ("/okta/password-import", "/okta/registration", "/okta/events")


def parse_all(body: bytes) -> None:
    """Run every parser of bodies: an invalid body is a `MalformedCall`, and a delivery is never rejected."""
    for parse in (parse_call, parse_request):
        with contextlib.suppress(MalformedCall):
            parse(body)
    parse_delivery(body)


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_call_or_malformed(body: bytes) -> None:
    parse_all(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(JSON, st.sampled_from(["data", "context", "credential", "username", "events", "target", "outcome", "published"]))
def test_any_json_in_any_member_is_a_call_or_malformed(value: object, name: str) -> None:
    for sample in SAMPLES[::3]:
        parse_all(json.dumps(_put(json.loads(sample), name, value)).encode())


def _put(whole: object, name: str, value: object) -> object:
    if isinstance(whole, dict):
        return {key: value if key == name else _put(inner, name, value) for key, inner in whole.items()}
    return [_put(inner, name, value) for inner in whole] if isinstance(whole, list) else whole


def test_mutants_of_the_official_calls_are_calls_or_malformed() -> None:
    chance = random.Random(7)  # noqa: S311 (a seed, so that a failure can be reproduced)
    for _ in range(5000):
        parse_all(mutant(chance))


@given(st.lists(st.tuples(st.binary(max_size=20) | st.just(b"Authorization"), st.binary(max_size=200)), max_size=4))
def test_no_headers_open_the_door_by_chance(headers: list[tuple[bytes, bytes]]) -> None:
    guard = Authenticator(header="Authorization", secrets=[b"a long enough secret"], basic=b"admin:supersecret")
    assert not isinstance(guard(headers), Accepted)


@given(st.binary(max_size=300) | st.text(alphabet="abcXYZ019-_.").map(str.encode), JSON)
def test_no_bytes_are_a_token_and_no_json_a_key_by_chance(token: bytes, jwks: object) -> None:
    assert isinstance(judge(token, {}, Expected("i", "a", ("c",), "s")), TokenFault)
    assert read_keys(jwks) == {}
    assert read_keys({"keys": jwks}) == {}


@given(st.lists(st.text(), max_size=3))
def test_a_challenge_is_echoed_or_malformed(values: list[str]) -> None:
    with contextlib.suppress(MalformedCall):
        assert json.loads(answer_challenge(values)) == {"verification": values[0]}


@pytest.fixture
async def url(parts: Parts, add: Add) -> AsyncIterator[URL]:
    await add("kim@example.com", "right")
    async with serving(parts) as url:
        yield url


async def ask(url: URL, *raw: bytes) -> list[Answer]:
    answers = []
    for each in raw:
        async with wire(url) as connection:
            answer = await connection.ask(each)
            assert answer is not None, each[:300]
            answers.append(answer)
    return answers


async def test_mutants_over_http_get_an_answer_of_the_table(url: URL) -> None:
    chance = random.Random(11)  # noqa: S311 (likewise)
    async with wire(url) as connection:
        for number in range(600):
            body, path = mutant(chance), PATHS[number % 3]
            answer = await connection.ask(call(body, path=path))
            assert answer is not None, body[:300]
            assert answer.status in TABLE, (answer, body[:300])
            if answer.headers.get("connection") == "close":
                pytest.fail(f"closed over {body[:300]!r}")


@pytest.mark.parametrize("value", HOSTILE_VALUES, ids=lambda value: value[:20].decode("latin-1"))
async def test_a_hostile_value_in_each_place_gets_an_answer_of_the_table(url: URL, value: bytes) -> None:
    right = sign_in("kim@example.com", "right")
    bodies = [right.replace(b'"kim@example.com"', value), right.replace(b'"right"', value)]
    bodies += [right.replace(b'{"eventId": "3o9jBzq1SmOGmmsDsqyyeQ"', b'{"eventId": ' + value), value]
    bodies += [right[:-1] + b', "data": ' + value + b"}", right[:-1] + b", " + right[1:]]
    for answer in await ask(url, *(call(body, path=path) for body in bodies for path in PATHS)):
        assert answer.status in TABLE


@pytest.mark.parametrize(
    "headers,expected",
    [
        ({"Content_Type": "application/json; charset=utf-16"}, 200),
        ({"Content_Type": "application/json; charset=nonsense"}, 200),
        ({"Content_Type": "application/json; charset"}, 200),
        ({"Content_Type": 'application/json; charset="'}, 200),
        ({"Content_Type": "APPLICATION/JSON"}, 200),
        ({"Content_Type": "application/jsonp"}, 415),
        ({"Content_Type": "application/json, text/plain"}, 415),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content_Type": ""}, 415),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Content_Encoding": "identity"}, 200),
        ({"Content_Encoding": "br, gzip"}, 415),
        ({"Accept": "text/html", "Accept_Charset": "utf-16"}, 200),
        ({"X_HTTP_Method_Override": "GET"}, 200),
        ({"X_Forwarded_For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}, 200),
        ({"Cookie": "a=b; " * 500}, 200),
        ({"Range": "bytes=0-1"}, 200),
        ({"If_None_Match": "*"}, 200),
    ],
    ids=str,
)
async def test_headers_say_nothing_about_how_a_body_is_read(url: URL, headers: dict[str, str], expected: int) -> None:
    (answer,) = await ask(url, call(sign_in("kim@example.com", "right"), **headers))
    assert answer.status == expected


async def test_utf_16_is_no_utf_8_whatever_the_header_says(url: URL) -> None:
    body = sign_in("kim@example.com", "right").decode().encode("utf-16")
    (answer,) = await ask(url, call(body, Content_Type="application/json; charset=utf-16"))
    assert (answer.status, answer.code) == (400, "not_utf8")


INNER = b"GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"
HEAD = b"POST /okta/password-import HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(INNER)) + INNER,
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\nx\r\n0\r\n\r\n" + INNER,
        HEAD + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(INNER) + INNER,
        HEAD + b"Content-Length: 0, %d\r\n\r\n" % len(INNER) + INNER,
        HEAD + b"Content-Length: +%d\r\n\r\n" % len(INNER) + INNER,
        HEAD + b"Content-Length: 0x10\r\n\r\n" + INNER,
        HEAD + b"Content-Length: 1_0\r\n\r\n" + INNER,
        HEAD + b"Content-Length : 0\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n\r\n" + INNER,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\n\n" + INNER,
        HEAD + b"X: a\nContent-Length: %d\r\n\r\n" % len(INNER) + INNER,
        HEAD + b"X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
        b"POST /okta/password-import HTTP/1.1\r\n Host: x\r\n\r\n" + INNER,
    ],
)
async def test_no_second_call_is_smuggled_within_a_first(url: URL, raw: bytes) -> None:
    async with wire(url) as connection:
        answer = await connection.ask(raw)
        assert answer is not None
        assert answer.status in (400, 401)
        following = await connection.answer()
        assert following is None or following.status in (400, 401), raw


async def test_a_compressed_bomb_is_kept_as_it_came_and_costs_no_memory(url: URL, parts: Parts) -> None:
    bomb = gzip.compress(b"0" * 200_000_000, 9)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (answer,) = await ask(url, call(bomb, path="/okta/events", Content_Encoding="gzip"))
    assert answer.status == 204
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 150_000  # KiB; unpacked it has 195,000
    async with parts.database.connection() as connection:
        assert await connection.fetchval("SELECT fault FROM unreadable_events") == "not_json"


async def test_paths_and_methods_of_all_kinds_get_an_answer_of_the_table(url: URL) -> None:
    paths = ["/", "//", "/okta", "/okta/", "/okta/events/", "/okta//events", "/OKTA/EVENTS", "/okta/../okta/events"]
    paths += ["/okta/%65vents", "/okta/events?x=y", "/%2e%2e/%2e%2e/etc/passwd", "/\u00ff", "http://x/okta/events", "*"]
    raws = [call(b"", path=path, method=method) for path in paths for method in ("GET", "POST", "TRACE", "PROPFIND")]
    for answer in await ask(url, *raws):
        assert answer.status in TABLE
