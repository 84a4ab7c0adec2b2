"""The guard at its limits: headers of many calls, slow senders, evictions, and closing the port."""

import asyncio
import contextlib

import pytest

from service.web import bodies, server
from service.web.parts import Parts
from tests.people import sign_in
from tests.security.serving import call, serving, wire
from tests.service_fixtures import Add, answering_within


async def test_the_bound_of_a_head_is_one_call_s_and_not_a_connection_s(
    parts: Parts, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_HEAD", 1000)
    await add("kim@example.com", "right")
    raw = call(sign_in("kim@example.com", "right"))
    head = raw.index(b"\r\n\r\n")
    async with serving(parts) as url, wire(url) as connection:
        for _ in range(20):
            await connection.send(raw[: head - 2])
            await asyncio.sleep(0.002)  # so that the two pieces probably arrive as two
            answer = await connection.ask(raw[head - 2 :])
            assert answer is not None
            assert answer.status == 200


async def test_headers_that_are_too_large_together_are_431(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_HEAD", 1000)
    async with serving(parts) as url, wire(url) as connection:
        await connection.send(b"POST /okta/events HTTP/1.1\r\n")
        for number in range(3):
            await connection.send(f"X-{number}: {'a' * 500}\r\n".encode())
        answer = await connection.answer()
        assert answer is not None
        assert (answer.status, answer.code) == (431, "headers_too_large")


async def test_each_further_piece_of_the_headers_buys_no_more_time(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(parts) as url, wire(url) as connection:
        first = await connection.ask(call())
        assert first is not None
        monkeypatch.setattr(server, "HEADERS_WITHIN", 0.3)
        dripping = asyncio.create_task(drip(connection.send))
        answer = await connection.answer()
        dripping.cancel()
        assert answer is not None
        assert (answer.status, answer.code) == (408, "too_slow")


async def drip(send: object) -> None:
    assert callable(send)
    with contextlib.suppress(ConnectionError):
        for byte in call()[:300]:
            await send(bytes([byte]))
            await asyncio.sleep(0.01)
        await asyncio.Event().wait()


async def test_a_connection_that_makes_room_is_counted(parts: Parts) -> None:
    object.__setattr__(parts.settings, "max_connections", 1)
    async with serving(parts) as url, wire(url) as one:
        assert await one.ask(call()) is not None
        async with wire(url) as two:
            answer = await two.ask(call())
            assert answer is not None
            assert answer.code == "no_accounts"
        assert await one.is_closed()
    value = parts.telemetry.registry.get_sample_value("password_import_connections_closed_total", {"reason": "evicted"})
    assert value == 1


async def test_a_call_over_a_connection_that_was_idle_when_the_service_began_to_stop_is_answered(
    parts: Parts, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DRAIN_WITHIN", 40.0)
    await add("kim@example.com", "right")
    async with contextlib.AsyncExitStack() as port:
        url = await port.enter_async_context(serving(parts))
        async with wire(url) as connection:
            assert await connection.ask(call()) is not None
            stopping = asyncio.create_task(port.aclose())
            for _ in range(10):
                await asyncio.sleep(0)
            answer = await connection.ask(call(sign_in("kim@example.com", "right")))
            assert answer is not None
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            await stopping


async def test_the_body_of_a_sign_in_has_the_time_of_its_answer(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_WITHIN", 100_000)
    parts.settings = answering_within(parts.settings, 0.1)
    async with serving(parts) as url, wire(url) as connection:
        answer = await connection.ask(call()[:-1])
        assert answer is not None
        assert (answer.status, answer.code) == (503, "out_of_time")
