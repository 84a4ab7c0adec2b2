"""Deliveries without a length, of several slices, too slow for the answer, and whose caller disconnected."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pytest
from aiohttp import web

from service.import_events import queries
from service.import_events.record import SLICE
from service.web import bodies
from service.web.bodies import LARGE, LARGE_AT_ONCE, DeliveryReader
from service.web.parts import Parts
from tests.people import delivery, event, hashes_of, state_of
from tests.service_fixtures import AUTHORIZATION, Add, Client, answering_within

FOREIGN = {"eventType": "user.session.start", "filler": "x" * 1000}


async def chunks(body: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    """Yield a body that is sent in pieces, without a Content-Length."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def effects(pool: asyncpg.Pool) -> dict[str, str]:
    return {row["uuid"]: row["effect"] for row in await pool.fetch("SELECT uuid, effect FROM import_events")}


async def until(pool: asyncpg.Pool, query: str, *arguments: object) -> None:
    """Wait until a query of the store returns true."""
    async with asyncio.timeout(300):
        while not await pool.fetchval(query, *arguments):  # noqa: ASYNC110 (another session makes it true)
            await asyncio.sleep(0.01)


WAITS_FOR_A_LOCK = """
SELECT count(*) > 0 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM accounts%FOR UPDATE%'
"""


@pytest.mark.parametrize("fillers", [0, 400, 9000], ids=["small", "over 256 KiB", "over 8 MiB"])
async def test_a_delivery_without_a_length_is_read_whole(
    client: Client, add: Add, pool: asyncpg.Pool, fillers: int
) -> None:
    first, last = await add("first@example.com", "x"), await add("last@example.com", "x")
    body = delivery(event("e1", "00u1", first.login), *[FOREIGN] * fillers, event("e2", "00u2", last.login))
    assert (len(body) > LARGE) == bool(fillers)
    answer = await client.post("/okta/events", data=chunks(body))
    assert answer.status == 204
    assert [await state_of(pool, person) for person in (first, last)] == ["migrated", "migrated"]
    assert await pool.fetchval("SELECT count(*) FROM unreadable_events") == 0


async def test_every_event_of_a_delivery_of_more_than_two_slices_is_recorded(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    number = 2 * SLICE + 2
    person = await add(f"p{number - 1}@example.com", "x")
    events = [event(f"e{each}", f"00u{each}", f"p{each}@example.com") for each in range(number)]
    assert (await client.post("/okta/events", data=chunks(delivery(*events)))).status == 204
    recorded = await effects(pool)
    assert recorded.keys() == {f"e{each}" for each in range(number)}
    assert await state_of(pool, person) == "migrated"


@pytest.mark.parametrize("size", [LARGE - 1, LARGE, LARGE + 1])
async def test_a_delivery_around_the_size_of_a_large_one_is_read_whole(
    client: Client, add: Add, pool: asyncpg.Pool, size: int
) -> None:
    person = await add("kim@example.com", "x")
    events = [{"eventType": "other", "filler": ""}, event("e1", "00u1", person.login)]
    filler = "x" * (size - len(delivery(*events)))
    body = delivery({"eventType": "other", "filler": filler}, events[1])
    assert len(body) == size
    assert (await client.post("/okta/events", data=body)).status == 204
    assert await state_of(pool, person) == "migrated"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_delivery_beyond_the_limit_is_refused_and_one_of_exactly_the_limit_is_not(
    client: Client, monkeypatch: pytest.MonkeyPatch, chunked: bool
) -> None:
    longest = LARGE + 5000
    monkeypatch.setattr(bodies, "MAX_DELIVERY", longest)
    empty = len(json.dumps({"data": {"events": [{"eventType": "other", "filler": ""}]}}))
    for size, status in ((longest, 204), (longest + 1, 413)):
        filler = "x" * (size - empty)
        body = json.dumps({"data": {"events": [{"eventType": "other", "filler": filler}]}}).encode()
        assert len(body) == size
        answer = await client.post("/okta/events", data=chunks(body) if chunked else body)
        assert answer.status == status


async def test_a_delivery_answered_503_because_it_took_too_long_is_committed_all_the_same(
    client: Client, parts: Parts, add: Add, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "password2")
    parts.settings = answering_within(parts.settings, 0.0)
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM accounts FOR UPDATE")
        answer = await client.post("/okta/events", data=delivery(event("e1", "00u1kim", kim.login)))
        assert (answer.status, (await answer.json())["error"]["code"]) == (503, "out_of_time")
        closing = asyncio.create_task(parts.deliveries.close())
        await until(pool, WAITS_FOR_A_LOCK)
        # The recording waits for the row, and a stopping service waits for the recording.
        assert not closing.done()
    await closing
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("migrated", 0)


async def test_a_delivery_whose_caller_hung_up_is_committed_all_the_same(
    client: Client, parts: Parts, add: Add, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "password2")
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM accounts FOR UPDATE")
        async with aiohttp.ClientSession(headers={"Authorization": AUTHORIZATION}) as session:
            body = delivery(event("e1", "00u1kim", kim.login))
            calling = asyncio.create_task(session.post(client.make_url("/okta/events"), data=body))
            await until(pool, WAITS_FOR_A_LOCK)
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
    await until(pool, "SELECT count(*) = 1 FROM import_events WHERE effect = 'migrated'")
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("migrated", 0)


async def test_the_handler_of_a_caller_who_hung_up_may_be_cancelled_and_the_recording_ends(
    parts: Parts,
) -> None:
    reached, released, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def record() -> None:
        reached.set()
        await released.wait()
        ended.set()

    handling = asyncio.create_task(parts.deliveries.finish(record()))
    await reached.wait()
    handling.cancel()
    await asyncio.gather(handling, return_exceptions=True)
    assert handling.cancelled()
    released.set()
    await parts.deliveries.close()
    assert ended.is_set()


async def test_a_large_delivery_has_more_time_than_an_answer_to_a_small_one(
    client: Client, parts: Parts, add: Add, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "password2")
    parts.settings = answering_within(parts.settings, 0.0)
    body = delivery(*[FOREIGN] * 400, event("e1", "00u1kim", kim.login))
    assert (await client.post("/okta/events", data=body)).status == 204
    assert (await client.post("/okta/events", data=chunks(body))).status == 204
    assert await state_of(pool, kim) == "migrated"


async def test_no_more_large_deliveries_are_read_at_once_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, ended, go_on = [], [], asyncio.Event()

    class Call:
        content_length = None

    async def read_slowly(request: web.Request, *_: object) -> bytearray:
        reading.append(request)
        await go_on.wait()
        return bytearray(b"{}")

    monkeypatch.setattr(bodies, "_read", read_slowly)
    reader = DeliveryReader()

    async def handle() -> None:
        async with reader.read(Call()) as read:  # type: ignore[arg-type]
            ended.append(read)

    handling = [asyncio.create_task(handle()) for _ in range(LARGE_AT_ONCE + 3)]
    for _ in range(10):  # the call only waits for the gate and the limit: ten iterations of the loop are enough
        await asyncio.sleep(0)
    assert len(reading) == LARGE_AT_ONCE == 2
    go_on.set()
    await asyncio.gather(*handling)
    assert len(ended) == len(handling)


async def test_after_the_parser_was_killed_its_delivery_is_asked_for_again_and_the_next_one_is_read(
    client: Client, parts: Parts, add: Add, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "password2")
    body = delivery(*[FOREIGN] * 400, event("e1", "00u1kim", kim.login))
    assert (await client.post("/okta/events", data=delivery(*[FOREIGN] * 400))).status == 204
    assert parts.deliveries._parser is not None
    for pid, process in list(parts.deliveries._parser._processes.items()):
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(process.join)
    assert (await client.post("/okta/events", data=body)).status == 503
    assert await effects(pool) == {}
    assert (await client.post("/okta/events", data=body)).status == 204
    assert await state_of(pool, kim) == "migrated"


async def test_what_a_delivery_held_is_counted_once_it_is_committed(client: Client, parts: Parts, add: Add) -> None:
    kim = await add("kim@example.com", "password2")

    def counted() -> list[float]:
        telemetry = parts.telemetry
        return [
            telemetry.import_events.labels("hook", "migrated")._value.get(),
            telemetry.foreign_events._value.get(),
            telemetry.unreadable_events.labels("not_an_object")._value.get(),
        ]

    before = counted()
    body = delivery({"eventType": "other"}, 7, event("e1", "00u1kim", kim.login))
    assert (await client.post("/okta/events", data=body)).status == 204
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1, 1]


KEPT = "SELECT count(*), coalesce(sum(octet_length(body)), 0) FROM unreadable_events"


async def test_no_more_unreadable_events_are_kept_than_the_limit(
    client: Client, add: Add, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MAX_UNREADABLE_ROWS", 5)
    person = await add("kim@example.com", "x")
    for first in range(0, 8, 4):
        malformed = [event(f"e{first + number}") | {"outcome": first + number} for number in range(4)]
        answer = await client.post("/okta/events", data=delivery(*malformed, event("done", "00u1", person.login)))
        assert answer.status == 204
    assert (await pool.fetchrow(KEPT))[0] == 5  # type: ignore[index]  # a row
    assert await state_of(pool, person) == "migrated"


async def test_no_more_bytes_of_unreadable_events_are_kept_than_the_limit(
    client: Client, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MAX_UNREADABLE_BYTES", 10_000)
    malformed = [event(f"e{number}") | {"outcome": number, "filler": "x" * 3000} for number in range(6)]
    for half in (malformed[:3], malformed[3:]):
        assert (await client.post("/okta/events", data=delivery(*half))).status == 204
    row = await pool.fetchrow(KEPT)
    assert row is not None
    assert row[0] > 0
    assert row[1] <= 10_000
