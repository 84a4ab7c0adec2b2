"""The delay of an address counts from its first attempt: others do not postpone it, a lost write does not lose it."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from service.signin import queries, throttling
from service.signin.failures import throttle_key
from service.signin.queries import read_failures
from service.signin.throttling import PIECE, FirstAttempts, throttle
from service.store.database import Database
from service.web.parts import Parts
from tests.clock import Clock
from tests.people import plain, sign_in
from tests.service_fixtures import Add, Client

KEY = b"k" * 32
HERE, THERE = (throttle_key(KEY, "jessie@example.com", address) for address in ("192.0.2.1", "192.0.2.2"))


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def first_attempts(clock: Clock) -> FirstAttempts:
    return FirstAttempts(clock)


async def test_a_first_ask_is_written_as_of_when_it_was(
    first_attempts: FirstAttempts, clock: Clock, database: Database, pool: asyncpg.Pool
) -> None:
    first_attempts.note(HERE)
    first_attempts.note(THERE)
    clock.now += 20
    first_attempts.note(THERE)
    await first_attempts.write(database)
    for who in (HERE, THERE):
        async with pool.acquire() as proxy:
            known = await read_failures(plain(proxy), who)
        assert known.pair is not None
        assert timedelta(seconds=20) <= known.now - known.pair.since < timedelta(seconds=30)
    await first_attempts.write(database)
    assert await pool.fetchval("SELECT count(*) FROM failures") == 2


def test_beyond_its_bound_no_further_first_attempt_is_remembered(
    first_attempts: FirstAttempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "MAX_UNWRITTEN", 3)
    for number in range(5):
        first_attempts.note(throttle_key(KEY, "jessie@example.com", str(number)))
    assert len(first_attempts._unwritten) == 3


async def test_many_first_asks_are_written_a_few_at_a_time_and_those_that_cannot_be_wait(
    first_attempts: FirstAttempts, database: Database, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
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
        first_attempts.note(who)
    await first_attempts.write(database)
    assert await pool.fetchval("SELECT count(*) FROM failures") == PIECE
    await first_attempts.write(database)
    assert written == [PIECE, PIECE, PIECE, 1]
    assert await pool.fetchval("SELECT count(*) FROM failures") == 2 * PIECE + 1


async def test_an_address_that_asks_again_after_a_kill_keeps_its_first_moment(
    first_attempts: FirstAttempts, clock: Clock, database: Database, pool: asyncpg.Pool
) -> None:
    first_attempts.note(HERE)
    clock.now += 20
    await first_attempts.write(database)
    first = await pool.fetchval("SELECT since FROM failures")
    restarted = FirstAttempts(clock)
    restarted.note(HERE)
    await restarted.write(database)
    assert await pool.fetchval("SELECT since FROM failures") == first


async def test_first_asks_wait_for_a_database_that_is_away(first_attempts: FirstAttempts, database: Database) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    first_attempts.note(HERE)
    await first_attempts.write(away)
    await first_attempts.write(database)
    async with database.connection() as connection:
        assert throttle(await read_failures(connection, HERE)) is None
        assert (await read_failures(connection, HERE)).pair is not None


async def test_the_owner_of_a_login_under_attack_gets_in_after_the_delay(
    client: Client, parts: Parts, add: Add, pool: asyncpg.Pool
) -> None:
    await add("jessie@example.com", "right")
    for number in range(40):
        await client.post("/okta/password-import", **sign_in_call("wrong", f"192.0.2.{number}"))
    refused = await client.post("/okta/password-import", **sign_in_call("right", "198.51.100.1"))
    assert refused.status == 429
    await parts.verifier.first_attempts.write(parts.database)
    await pool.execute("UPDATE failures SET since = since - interval '61 seconds'")
    allowed = await client.post("/okta/password-import", **sign_in_call("right", "198.51.100.1"))
    assert (allowed.status, "UNVERIFIED" not in await allowed.text()) == (200, True)


def sign_in_call(password: str, address: str) -> dict[str, Any]:
    call = json.loads(sign_in("jessie@example.com", password)) | {"eventId": f"from {address}"}
    call["data"]["context"]["request"]["ipAddress"] = address
    return {"data": json.dumps(call), "headers": {"Content-Type": "application/json"}}
