"""The guard before the handlers: no HTTP, too much, too slow, too many; every answer is ours and quotes nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from yarl import URL

from service.app import make_admin_app
from service.settings import BadSettings
from service.web import server
from service.web.parts import Parts
from service.web.server import listening
from tests.security.serving import call, serving, wire
from tests.service_fixtures import Add


@pytest.fixture
async def url(parts: Parts, add: Add) -> AsyncIterator[URL]:
    await add("kim@example.com", "right")
    async with serving(parts) as url:
        yield url


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS handshake
        b"marked nonsense\r\n\r\n",
        b"POST /okta/events HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /okta/events HTTP/1.1\r\nHost: x\r\nmarked header\r\n\r\n",
        b"POST /okta/events HTTP/1.1\r\nHost: x\r\nX: a\x00marked\r\n\r\n",
        b"POST /okta/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /okta/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n",
        b"POST /okta/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /okta/events HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /okta/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: marked\r\n\r\n",
        b"POST /okta/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /okta/events HTTP/1.1\r\nHost : x\r\n\r\n",
        b"POST /okta/events HTTP/1.1\r\nHost: x\r\n folded: marked\r\n\r\n",
        b"GET http://[marked HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
    ],
)
async def test_what_is_no_http_gets_our_400_which_quotes_nothing_and_closes(url: URL, raw: bytes) -> None:
    async with wire(url) as connection:
        answer = await connection.ask(raw)
        assert answer is not None
        assert (answer.status, answer.code) in ((400, "not_http"), (401, "credentials_missing"))
        assert b"marked" not in answer.body
        assert answer.headers["content-type"].startswith("application/json")
        assert await connection.is_closed()


async def test_a_header_too_large_is_431(url: URL) -> None:
    async with wire(url) as connection:
        answer = await connection.ask(call(X_Large="marked" * 2000))
        assert answer is not None
        assert (answer.status, answer.code) == (431, "headers_too_large")
        assert b"marked" not in answer.body


async def test_headers_without_end_are_cut_off(url: URL) -> None:
    async with wire(url) as connection:
        await connection.send(b"POST /okta/events HTTP/1.1\r\n")
        for number in range(server.MAX_HEADERS + 1):
            await connection.send(f"X-{number}: {'a' * 2000}\r\n".encode())
            await asyncio.sleep(0)
        answer = await connection.answer()
        assert answer is None or answer.status in (400, 431)
        assert await connection.is_closed()


@pytest.mark.parametrize("sent", [b"", b"POST /okta/eve", call()[:100]])
async def test_a_client_that_does_not_send_headers_in_time_is_disconnected(
    url: URL, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(server, "HEADERS_WITHIN", 0.1)
    async with wire(url) as connection:
        answer = await connection.ask(sent)
        assert answer is not None
        assert (answer.status, answer.code) == (408, "too_slow")
        assert await connection.is_closed()


async def test_a_second_call_too_must_send_its_headers_in_time(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    async with wire(url) as connection:
        first = await connection.ask(call())
        assert first is not None
        assert first.status == 200
        monkeypatch.setattr(server, "HEADERS_WITHIN", 0.1)
        await asyncio.sleep(0.2)  # idle for longer, which is not a fault by itself
        second = await connection.ask(call()[:50])
        assert second is not None
        assert second.status == 408


async def test_calls_in_small_pieces_and_one_after_another_are_answered(url: URL) -> None:
    async with wire(url) as connection:
        for _ in range(3):
            raw = call()
            for start in range(0, len(raw), 97):
                await connection.send(raw[start : start + 97])
                await asyncio.sleep(0)
            answer = await connection.answer()
            assert answer is not None
            assert answer.status == 200
        await connection.send(call() + call())
        assert [answer and answer.status for answer in (await connection.answer(), await connection.answer())] == [
            200
        ] * 2


@pytest.fixture
def few_connections(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    object.__setattr__(settings, "max_connections", 2)


async def test_a_busy_house_refuses_and_an_idle_one_makes_room(few_connections: None, url: URL, parts: Parts) -> None:
    async with wire(url) as one, wire(url) as two:
        for each in (one, two):
            await each.send(call()[:-1])  # not idle: its headers are complete
        await settle(parts)
        async with wire(url) as three:
            answer = await three.ask(call())
            assert answer is not None
            assert (answer.status, answer.code) == (503, "too_many_connections")
        for each in (one, two):
            answer = await each.ask(call()[-1:])
            assert answer is not None
            assert answer.status == 200
        async with wire(url) as four:
            answer = await four.ask(call())
            assert answer is not None
            assert answer.status == 200
            assert await one.is_closed()  # it was idle the longest


@pytest.fixture
def twenty_connections(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    object.__setattr__(settings, "max_connections", 20)
    monkeypatch.setattr(server, "HEADERS_WITHIN", 60.0)


@pytest.mark.parametrize("begin", [b"", call()[:20]])
async def test_connections_without_headers_take_no_place_of_calls_and_the_oldest_is_closed(
    twenty_connections: None, url: URL, parts: Parts, begin: bytes
) -> None:
    async with contextlib.AsyncExitStack() as silent:
        opened = []
        for _ in range(60):
            one = await silent.enter_async_context(wire(url))
            await one.send(begin)
            opened.append(one)
        await settle(parts)
        for _ in range(20):
            async with wire(url) as honest:
                answer = await honest.ask(call())
                assert answer is not None
                assert answer.status == 200
        answer = await opened[0].answer()
        assert answer is not None
        assert (answer.status, answer.code) == (503, "too_many_connections")
        finished = await opened[-1].ask(call()[len(begin) :])
        assert finished is not None
        assert finished.status == 200


async def settle(parts: Parts) -> None:
    """Let the server process what was sent: a call to the store takes longer."""
    async with parts.database.connection() as connection:
        await connection.execute("SELECT pg_sleep(0.05)")


async def ask(url: URL, raw: bytes) -> tuple[int, str]:
    async with wire(url) as connection:
        answer = await connection.ask(raw)
        assert answer is not None
        return answer.status, answer.code if answer.status >= 400 else ""


@pytest.mark.parametrize(
    "raw,expected",
    [
        (call(Expect="marked"), (417, "refused")),
        (call(path="/marked"), (404, "no_such_path")),
        (call(method="PATCH"), (405, "method_not_allowed")),
        (call(path="*", method="OPTIONS"), (404, "no_such_path")),
        (call(method="CONNECT", path="marked:443"), (404, "no_such_path")),
        (call(Upgrade="websocket", Connection="Upgrade"), (200, "")),
        (call(Content_Type="text/plain"), (415, "not_json_media_type")),
        (call(Content_Encoding="gzip"), (415, "not_json_media_type")),
        (call(Content_Length="99999999"), (413, "too_large")),
        (call(b"zz\r\n", Content_Length="", Transfer_Encoding="chunked"), (400, "not_http")),
        (call(Authorization=""), (401, "credentials_missing")),
    ],
)
async def test_whatever_is_refused_and_wherever_the_answer_is_in_our_words(
    url: URL, raw: bytes, expected: tuple[int, str]
) -> None:
    assert await ask(url, raw) == expected


async def test_an_answer_does_not_tell_what_runs_here(url: URL) -> None:
    async with wire(url) as connection:
        for raw in (call(), call(path="/nowhere"), b"nonsense\r\n\r\n"):
            answer = await connection.ask(raw)
            assert answer is not None
            assert answer.headers["server"] == "password-import"


async def test_a_host_that_is_no_address_is_told_by_the_name_of_its_setting(parts: Parts) -> None:
    with pytest.raises(BadSettings, match="ADMIN_HOST: no such address"):
        async with listening("admin", make_admin_app(parts), "no address", 0):
            pass
