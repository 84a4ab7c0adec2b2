"""Failures are counted in the store: once each, for all replicas, in bounded space."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import cast

import asyncpg
import pytest

from service.signin.failures import Failures, ThrottleKey, call_tag, throttle_key
from service.signin.queries import clear_failures, count_failure, prune_failures, read_failures, record_first_attempts
from service.signin.throttling import LOGIN_FREE, PAIR_FREE, AttemptsInFlight, count_wrong_password, prune, throttle

HOUR = timedelta(hours=1)
KEY = b"k" * 32
JESSIE = throttle_key(KEY, "jessie@example.com", "192.0.2.1")
JESSIE_ELSEWHERE = throttle_key(KEY, "jessie@example.com", "192.0.2.2")
KIM = throttle_key(KEY, "kim@example.com", "192.0.2.1")


@asynccontextmanager
async def held(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection of the pool, as the type that its proxy behaves like."""
    async with pool.acquire() as connection:
        yield cast("asyncpg.Connection", connection)


async def fail(pool: asyncpg.Pool, who: ThrottleKey = JESSIE, event_id: str | None = None) -> None:
    async with held(pool) as connection:
        await count_failure(connection, who, call=call_tag(KEY, event_id, "wrong"), forget_after=HOUR)


async def counted(pool: asyncpg.Pool, who: ThrottleKey = JESSIE) -> tuple[int, int]:
    """Return the failures of the pair and of the login."""
    async with held(pool) as connection:
        known = await read_failures(connection, who)
    return (known.pair.failures if known.pair else 0, known.login.failures if known.login else 0)


async def age(pool: asyncpg.Pool, **ago: float) -> None:
    await pool.execute("UPDATE failures SET since = since - $1::interval", timedelta(**ago))


async def test_where_nothing_failed_nothing_is_known(pool: asyncpg.Pool) -> None:
    assert await counted(pool) == (0, 0)


async def test_a_failure_counts_for_its_pair_and_its_login_and_for_nobody_else(pool: asyncpg.Pool) -> None:
    await fail(pool)
    await fail(pool)
    assert await counted(pool, JESSIE) == (2, 2)
    assert await counted(pool, JESSIE_ELSEWHERE) == (0, 2)
    assert await counted(pool, KIM) == (0, 0)


async def test_the_retry_of_a_call_is_not_a_second_failure(pool: asyncpg.Pool) -> None:
    for event_id in ("one", "one", "two", "one"):
        await fail(pool, event_id=event_id)
    assert await counted(pool) == (2, 2)


async def test_the_retry_is_known_after_the_failures_of_others(pool: asyncpg.Pool) -> None:
    await fail(pool, JESSIE, "one")
    for number in range(20):
        await fail(pool, JESSIE_ELSEWHERE, f"other {number}")
    await fail(pool, JESSIE, "one")
    assert await counted(pool) == (1, 21)


async def test_calls_without_an_event_id_count_each(pool: asyncpg.Pool) -> None:
    for _ in range(3):
        await fail(pool, event_id=None)
    assert await counted(pool) == (3, 3)


async def test_a_hundred_failures_at_once_are_a_hundred(pool: asyncpg.Pool) -> None:
    people = [throttle_key(KEY, "jessie@example.com", f"192.0.2.{number % 10}") for number in range(100)]
    await asyncio.gather(*(fail(pool, who) for who in people))
    assert await counted(pool, people[0]) == (10, 100)


async def test_a_new_streak_begins_after_a_long_pause(pool: asyncpg.Pool) -> None:
    for _ in range(3):
        await fail(pool)
    await age(pool, hours=2)
    await fail(pool)
    assert await counted(pool) == (1, 1)


async def test_somebody_who_knew_the_password_is_cleared(pool: asyncpg.Pool) -> None:
    await fail(pool)
    async with held(pool) as connection:
        await clear_failures(connection, JESSIE)
    assert await counted(pool) == (0, 0)


async def test_a_first_ask_is_remembered_once(pool: asyncpg.Pool) -> None:
    async with held(pool) as connection:
        await record_first_attempts(connection, [(JESSIE.pair, timedelta())], forget_after=HOUR)
        await age(pool, seconds=30)
        await record_first_attempts(connection, [(JESSIE.pair, timedelta())], forget_after=HOUR)
        known = await read_failures(connection, JESSIE)
    assert known.pair is not None
    assert known.pair.failures == 0
    assert (known.now - known.pair.since).total_seconds() >= 30


async def test_an_ask_of_long_ago_is_a_first_ask_again(pool: asyncpg.Pool) -> None:
    async with held(pool) as connection:
        await fail(pool)
        await age(pool, hours=2)
        await record_first_attempts(connection, [(JESSIE.pair, timedelta())], forget_after=HOUR)
        known = await read_failures(connection, JESSIE)
    assert known.pair is not None
    assert known.pair.failures == 0
    assert (known.now - known.pair.since).total_seconds() < 30


async def test_streaks_that_are_over_are_pruned(pool: asyncpg.Pool) -> None:
    await fail(pool)
    await age(pool, hours=2)
    await fail(pool, KIM)
    async with held(pool) as connection:
        assert await prune(connection) == 2
    assert await counted(pool, KIM) == (1, 1)


async def test_streaks_that_go_on_are_not_pruned(pool: asyncpg.Pool) -> None:
    await fail(pool)
    await fail(pool, KIM)
    await age(pool, minutes=59)
    async with held(pool) as connection:
        assert await prune(connection) == 0
    assert [await counted(pool, who) for who in (JESSIE, KIM)] == [(1, 1), (1, 1)]


async def test_beyond_a_bound_the_oldest_streaks_are_pruned(pool: asyncpg.Pool) -> None:
    await fail(pool)
    await age(pool, minutes=5)
    await fail(pool, KIM)
    async with held(pool) as connection:
        assert await prune_failures(connection, forget_after=HOUR, keep=2) == 2
        assert await prune_failures(connection, forget_after=HOUR, keep=2) == 0
    assert await counted(pool, JESSIE) == (0, 0)
    assert await counted(pool, KIM) == (1, 1)


async def test_the_table_names_nobody(pool: asyncpg.Pool) -> None:
    await fail(pool, event_id="event-one")
    stored = str(await pool.fetch("SELECT subject::text, events::text FROM failures"))
    assert "jessie" not in stored
    assert b"jessie".hex() not in stored
    assert b"event-one".hex() not in stored


async def test_a_login_of_any_length_makes_a_short_row(pool: asyncpg.Pool) -> None:
    await fail(pool, throttle_key(KEY, "j" * 5000 + "\ud800", "2001:db8::/64"))
    assert await pool.fetchval("SELECT max(octet_length(subject)) FROM failures") == 16


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO failures VALUES ('short', 1, now())",
        "INSERT INTO failures VALUES (decode(repeat('00', 16), 'hex'), -1, now())",
        "INSERT INTO failures VALUES (decode(repeat('00', 16), 'hex'), 1, now(), array_fill('x'::bytea, ARRAY[9]))",
    ],
)
async def test_the_schema_bounds_every_row(pool: asyncpg.Pool, statement: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(statement)


async def test_two_replicas_agree_on_who_has_to_wait(pool: asyncpg.Pool) -> None:
    replicas = [AttemptsInFlight(KEY), AttemptsInFlight(KEY)]
    for number in range(PAIR_FREE):
        who = replicas[number % 2].lookup("jessie@example.com", "192.0.2.1").who
        async with held(pool) as connection:
            assert replicas[0].judge(who, await read_failures(connection, who)) is None
            await count_wrong_password(connection, who, b"event %d" % number)
    async with held(pool) as connection:
        known = await read_failures(connection, JESSIE)
    assert all(replica.judge(JESSIE, known) for replica in replicas)


async def test_the_owner_gets_in_within_a_minute_while_the_whole_world_guesses(pool: asyncpg.Pool) -> None:
    for number in range(LOGIN_FREE + 20):
        await fail(pool, throttle_key(KEY, "jessie@example.com", f"203.0.113.{number}"))
    async with held(pool) as connection:
        throttled = throttle(await read_failures(connection, JESSIE))
        assert throttled is not None
        assert throttled.first_attempt
        await record_first_attempts(connection, [(JESSIE.pair, timedelta())], forget_after=HOUR)
        await age(pool, seconds=61)
        for number in range(20):  # other people sign in
            await fail(pool, throttle_key(KEY, "jessie@example.com", f"203.0.113.{number}"))
        assert throttle(await read_failures(connection, JESSIE)) is None


async def test_a_burst_of_guesses_does_not_pass_before_the_first_is_counted(pool: asyncpg.Pool) -> None:
    attempts = AttemptsInFlight(KEY)
    async with held(pool) as connection:
        known = await read_failures(connection, JESSIE)
    with ExitStack() as burst:
        for _ in range(PAIR_FREE):
            assert attempts.judge(JESSIE, known) is None
            burst.enter_context(attempts.checking(JESSIE))
        assert attempts.judge(JESSIE, known) is not None
        assert attempts.judge(KIM, known) is None


async def test_a_guess_that_was_checked_is_in_flight_no_more(pool: asyncpg.Pool) -> None:
    attempts = AttemptsInFlight(KEY)
    with attempts.checking(JESSIE):
        assert set(attempts._in_flight) == {JESSIE.pair, JESSIE.login}
    assert len(attempts._in_flight) == 0


def test_a_check_that_ended_after_a_read_of_the_failures_began_counts_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts, now = AttemptsInFlight(KEY), 100.0
    monkeypatch.setattr("service.signin.throttling.time.monotonic", lambda: now)
    for _ in range(PAIR_FREE):
        with attempts.checking(JESSIE):
            pass
    nothing = Failures(None, None, datetime(2026, 3, 2, tzinfo=UTC))
    assert attempts.judge(JESSIE, nothing, read_at=now) is not None
    assert attempts.judge(JESSIE, nothing, read_at=now + 0.1) is None
