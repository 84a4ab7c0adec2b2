"""A flood of attempts is rejected from memory, for a second at a time, but never what the store would allow."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from service.signin import queries
from service.signin.failures import throttle_key
from service.signin.queries import read_failures
from service.signin.throttling import BELIEVED, PIECE, ThrottleCache, Throttled, throttle
from service.store.database import Database
from service.web.parts import Parts
from tests.people import plain, sign_in
from tests.service_fixtures import Add, Client

KEY = b"k" * 32
HERE, THERE = (throttle_key(KEY, "jessie@example.com", address) for address in ("192.0.2.1", "192.0.2.2"))
KIM = throttle_key(KEY, "kim@example.com", "192.0.2.1")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle_cache(clock: Clock) -> ThrottleCache:
    return ThrottleCache(clock)


def test_what_the_store_never_refused_is_asked_of_the_store(throttle_cache: ThrottleCache) -> None:
    assert throttle_cache.judge(HERE) is None


def test_a_refusal_is_repeated_for_a_second_and_counts_down(throttle_cache: ThrottleCache, clock: Clock) -> None:
    throttle_cache.note(HERE, Throttled(30, first_attempt=False), 7)
    clock.now += BELIEVED / 2
    repeated = throttle_cache.judge(HERE)
    assert repeated is not None
    assert (repeated.retry_after, repeated.account_id) == (30 - BELIEVED / 2, 7)
    clock.now += BELIEVED / 2
    assert throttle_cache.judge(HERE) is None


def test_after_the_delay_the_store_is_asked_at_once(throttle_cache: ThrottleCache, clock: Clock) -> None:
    throttle_cache.note(HERE, Throttled(BELIEVED / 4, first_attempt=False), 7)
    clock.now += BELIEVED / 4
    assert throttle_cache.judge(HERE) is None


def test_one_address_that_failed_refuses_no_other(throttle_cache: ThrottleCache) -> None:
    throttle_cache.note(HERE, Throttled(30, first_attempt=False, login_delay=0), 7)
    assert throttle_cache.judge(THERE) is None
    assert throttle_cache.judge(KIM) is None


def test_a_new_address_waits_the_delay_of_the_login_from_its_first_ask(
    throttle_cache: ThrottleCache, clock: Clock
) -> None:
    throttle_cache.note(HERE, Throttled(10, first_attempt=False, login_delay=60), 7)
    first = throttle_cache.judge(THERE)
    assert first is not None
    assert first.retry_after == 60
    clock.now += 60
    throttle_cache.note(HERE, Throttled(10, first_attempt=False, login_delay=60), 7)
    assert throttle_cache.judge(THERE) is None


async def test_a_first_ask_is_written_as_of_when_it_was(
    throttle_cache: ThrottleCache, clock: Clock, database: Database, pool: asyncpg.Pool
) -> None:
    throttle_cache.note(HERE, Throttled(60, first_attempt=True, login_delay=60), None)
    throttle_cache.judge(THERE)
    clock.now += 20
    await throttle_cache.write(database)
    for who in (HERE, THERE):
        async with pool.acquire() as proxy:
            known = await read_failures(plain(proxy), who)
        assert known.pair is not None
        assert timedelta(seconds=20) <= known.now - known.pair.since < timedelta(seconds=30)
    await throttle_cache.write(database)
    assert await pool.fetchval("SELECT count(*) FROM failures") == 2


async def test_many_first_asks_are_written_a_few_at_a_time_and_those_that_cannot_be_wait(
    throttle_cache: ThrottleCache, database: Database, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_first_attempts, written = queries.record_first_attempts, list[int]()

    async def note_some(connection: asyncpg.Connection, asks: Sequence[Any], **given: Any) -> None:
        written.append(len(asks))
        if len(written) == 2:
            raise ConnectionResetError
        await record_first_attempts(connection, asks, **given)

    monkeypatch.setattr("service.signin.queries.record_first_attempts", note_some)
    for number in range(2 * PIECE + 1):
        who = throttle_key(KEY, "jessie@example.com", str(number))
        throttle_cache.note(who, Throttled(60, first_attempt=True, login_delay=60), None)
    await throttle_cache.write(database)
    assert await pool.fetchval("SELECT count(*) FROM failures") == PIECE
    await throttle_cache.write(database)
    assert written == [PIECE, PIECE, PIECE, 1]
    assert await pool.fetchval("SELECT count(*) FROM failures") == 2 * PIECE + 1


async def test_an_address_that_asks_again_after_a_kill_keeps_its_first_moment(
    throttle_cache: ThrottleCache, clock: Clock, database: Database, pool: asyncpg.Pool
) -> None:
    refused = Throttled(60, first_attempt=True, login_delay=60)
    throttle_cache.note(HERE, refused, None)
    clock.now += 20
    await throttle_cache.write(database)
    first = await pool.fetchval("SELECT since FROM failures")
    restarted = ThrottleCache(clock)
    restarted.note(HERE, refused, None)
    await restarted.write(database)
    assert await pool.fetchval("SELECT since FROM failures") == first


async def test_first_asks_wait_for_a_database_that_is_away(throttle_cache: ThrottleCache, database: Database) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    throttle_cache.note(HERE, Throttled(60, first_attempt=True, login_delay=60), None)
    await throttle_cache.write(away)
    await throttle_cache.write(database)
    async with database.connection() as connection:
        assert throttle(await read_failures(connection, HERE)) is None
        assert (await read_failures(connection, HERE)).pair is not None


async def test_a_flood_costs_no_read_and_its_owner_gets_in_after_the_delay(
    client: Client, parts: Parts, add: Add, pool: asyncpg.Pool
) -> None:
    await add("jessie@example.com", "right")
    for number in range(40):
        await client.post("/okta/password-import", **sign_in_call("wrong", f"192.0.2.{number}"))
    refused = await client.post("/okta/password-import", **sign_in_call("right", "198.51.100.1"))
    assert refused.status == 429
    await parts.verifier.throttle_cache.write(parts.database)
    await pool.execute("UPDATE failures SET since = since - interval '61 seconds'")
    parts.verifier.throttle_cache = ThrottleCache()  # as if a second had passed
    allowed = await client.post("/okta/password-import", **sign_in_call("right", "198.51.100.1"))
    assert (allowed.status, "UNVERIFIED" not in await allowed.text()) == (200, True)


def sign_in_call(password: str, address: str) -> dict[str, Any]:
    call = json.loads(sign_in("jessie@example.com", password)) | {"eventId": f"from {address}"}
    call["data"]["context"]["request"]["ipAddress"] = address
    return {"data": json.dumps(call), "headers": {"Content-Type": "application/json"}}
