"""Concurrent look-ups share reads: each gets its own result, or the read's error, and none waits forever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from service.signin import queries
from service.signin.failures import throttle_key
from service.signin.lookup_batcher import Lookups
from service.signin.queries import count_failure, find_and_failures
from service.signin.resolve import Ambiguity
from service.signin.throttling import FORGET_AFTER, AttemptsInFlight
from service.store.accounts import Account
from service.store.database import Database, DatabaseUnavailable
from tests.people import plain
from tests.service_fixtures import Add

NAMES = ("jessie@example.com", "4711", "shared", "kim", "nobody@example.com", "two")


class Slow(Database):
    """Counts its uses, and lets each begin only when the test allows it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.go = asyncio.Event()
        self.uses = 0
        self.shared = asyncio.Event()
        """Set when the second read begins, the first one that is shared."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        self.uses += 1
        if self.uses > 1:
            self.shared.set()
        await self.go.wait()
        async with self.database.connection() as connection:
            yield connection


async def look_up(lookups: Lookups, name: str) -> tuple[object, int]:
    known = await lookups.find(AttemptsInFlight(b"key").lookup(name, "192.0.2.1"))
    found, pair = known.found, known.failures.pair
    return (found.login_key if isinstance(found, Account) else found), pair.failures if pair else 0


async def test_many_at_once_get_what_each_gets_alone_in_two_reads(
    database: Database, add: Add, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.signin.lookup_batcher.SLOW", 300)
    await add("jessie@example.com", "right", identifiers=("4711",))
    await add("kim@example.com", "right", identifiers=("shared",))
    await add("rajiv@example.com", "right", identifiers=("shared",))
    await add("two@example.com", "right")
    await add("two@example.org")
    async with pool.acquire() as proxy:
        who = throttle_key(b"key", "kim@example.com", "192.0.2.1")
        await count_failure(plain(proxy), who, call=None, forget_after=FORGET_AFTER)
    alone = [await look_up(Lookups(database), name) for name in NAMES]
    assert [name for name, _ in alone[:2]] == ["jessie@example.com"] * 2
    assert alone[2][0] is Ambiguity.SEVERAL_CLAIMS
    assert alone[3] == ("kim@example.com", 1)
    assert alone[4] == (None, 0)
    slow = Slow(database)
    lookups = Lookups(slow)
    many = [asyncio.create_task(look_up(lookups, name)) for name in (*NAMES, *NAMES, *NAMES)]
    await asyncio.sleep(0)
    slow.go.set()
    assert await asyncio.gather(*many) == alone * 3
    assert slow.uses == 2  # one alone, and the others together


async def test_names_of_any_characters_are_found_in_a_shared_read(database: Database, add: Add) -> None:
    names = [
        'o"neil\\@example.com',
        "{'a','b'}@example.com",
        "\x1f\x1e\n@example.com",
        "\U0001f600@example.com",
        "名@例",
    ]
    for name in names:
        await add(name, "right")
    lookups = Lookups(database)
    found = await asyncio.gather(*(look_up(lookups, name) for name in ("nobody@example.com", *names)))
    assert [key for key, _ in found] == [None, *names]


# Only some accounts have a login in Okta, so that the planner considers the short name's part of the query costly.
FILL = """
INSERT INTO accounts (login, login_key, okta_id, okta_login, okta_login_key, state)
SELECT login, login, renamed, renamed, renamed, 'waiting'
FROM (
    SELECT format('user%s@example.com', number) AS login,
           CASE number % 30 WHEN 0 THEN 'renamed' || number END AS renamed
    FROM generate_series(1, 5000) AS number
) AS named
"""
FILL_HASHES = """
INSERT INTO hashes (account_id, source_id, recipe_id, hash) SELECT id, 1, 1, 'x' FROM accounts ON CONFLICT DO NOTHING
"""
PLANS = "SELECT statement, custom_plans, generic_plans FROM pg_prepared_statements WHERE statement = ANY($1)"


async def test_a_read_for_one_is_not_planned_again_each_time(database: Database, add: Add, pool: asyncpg.Pool) -> None:
    await add("kim@example.com", "x")
    for statement in (FILL, FILL_HASHES, "ANALYZE"):
        await pool.execute(statement)
    reads = 30
    async with database.connection() as connection:
        for number in range(reads):
            lookup = AttemptsInFlight(b"key").lookup(f"user{number}@example.com", "192.0.2.1")
            await find_and_failures(connection, [lookup])
        plans = await connection.fetch(PLANS, [queries.FIND, queries.FAILURES])
    # PostgreSQL compares the first five plans of each statement with the generic one.
    assert {tuple(plan) for plan in plans} == {
        (statement, 5, reads - 5) for statement in (queries.FIND, queries.FAILURES)
    }


async def test_a_read_that_hangs_holds_nobody_up_who_comes_later(database: Database, add: Add) -> None:
    await add("kim@example.com", "right")
    slow = Slow(database)
    lookups = Lookups(slow)
    hanging = asyncio.create_task(look_up(lookups, "kim@example.com"))
    await asyncio.sleep(0)
    slow.go, hung = asyncio.Event(), slow.go
    slow.go.set()
    assert await look_up(lookups, "kim@example.com") == ("kim@example.com", 0)
    assert not hanging.done()
    hung.set()
    assert await hanging == ("kim@example.com", 0)


async def test_a_shared_read_that_fails_fails_for_all_and_the_next_one_is_well(database: Database, add: Add) -> None:
    await add("kim@example.com", "right")
    slow = Slow(Database("postgresql://nobody@127.0.0.1:1/none"))
    lookups = Lookups(slow)
    many = [asyncio.create_task(look_up(lookups, "kim@example.com")) for _ in range(6)]
    await asyncio.sleep(0)
    slow.go.set()
    faults = await asyncio.gather(*many, return_exceptions=True)
    assert {type(fault) for fault in faults} == {DatabaseUnavailable}
    slow.database = database
    assert await look_up(lookups, "kim@example.com") == ("kim@example.com", 0)


async def test_a_call_cancelled_during_a_read_leaves_the_read_s_fault_to_the_others() -> None:
    slow = Slow(Database("postgresql://nobody@127.0.0.1:1/none"))
    lookups = Lookups(slow)
    many = [asyncio.create_task(look_up(lookups, "kim@example.com")) for _ in range(6)]
    await asyncio.sleep(0)
    first, slow.go = slow.go, asyncio.Event()
    first.set()
    await slow.shared.wait()
    many[1].cancel()
    slow.go.set()
    async with asyncio.timeout(60):
        first_fault, given_up, *faults = await asyncio.gather(*many, return_exceptions=True)
    assert isinstance(given_up, asyncio.CancelledError)
    assert {type(fault) for fault in (first_fault, *faults)} == {DatabaseUnavailable}


async def test_a_cancelled_call_leaves_the_answer_to_the_others(database: Database, add: Add) -> None:
    await add("kim@example.com", "right")
    slow = Slow(database)
    lookups = Lookups(slow)
    many = [asyncio.create_task(look_up(lookups, "kim@example.com")) for _ in range(6)]
    await asyncio.sleep(0)
    for given_up in many[1:4]:
        given_up.cancel()
    slow.go.set()
    answers = await asyncio.gather(*many, return_exceptions=True)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [False, True, True, True, False, False]
    assert answers[0] == answers[4] == answers[5] == ("kim@example.com", 0)


@pytest.mark.parametrize("number", [0, 1])
async def test_a_reader_that_is_alone_and_gives_up_lets_those_who_wait_be_read(
    database: Database, add: Add, number: int
) -> None:
    await add("kim@example.com", "right")
    slow = Slow(database)
    lookups = Lookups(slow)
    many = [asyncio.create_task(look_up(lookups, "kim@example.com")) for _ in range(4)]
    await asyncio.sleep(0)
    many[number].cancel()
    slow.go.set()
    answers = await asyncio.gather(*many[2:])
    assert answers == [("kim@example.com", 0)] * 2
    await asyncio.wait(many)


async def test_a_look_up_that_comes_as_the_last_reader_ends_is_read(database: Database, add: Add) -> None:
    await add("kim@example.com", "right")
    lookups = Lookups(database)

    async def twice() -> tuple[object, int]:
        await look_up(lookups, "kim@example.com")
        return await look_up(lookups, "kim@example.com")

    async with asyncio.timeout(60):
        assert set(await asyncio.gather(twice(), twice())) == {("kim@example.com", 0)}


async def test_where_all_who_wait_give_up_nothing_is_read_for_them(database: Database, add: Add) -> None:
    await add("kim@example.com", "right")
    slow = Slow(database)
    lookups = Lookups(slow)
    first, *others = [asyncio.create_task(look_up(lookups, "kim@example.com")) for _ in range(4)]
    await asyncio.sleep(0)
    for given_up in others:
        given_up.cancel()
    slow.go.set()
    assert await first == ("kim@example.com", 0)
    await asyncio.gather(*lookups._readers)
    assert slow.uses == 1


async def test_a_waiting_call_is_watched_until_its_read_begins(database: Database, add: Add) -> None:
    await add("kim@example.com", "right")
    slow = Slow(database)
    lookups = Lookups(slow)
    both = [asyncio.create_task(look_up(lookups, "kim@example.com")) for _ in range(2)]
    await asyncio.sleep(0)
    lookups._begun = asyncio.get_running_loop().time() + 60  # the earlier read is not slow yet
    lookups._read_if_slow()
    assert (slow.uses, lookups._watch is None) == (1, False)
    slow.go.set()
    assert await asyncio.gather(*both) == [("kim@example.com", 0)] * 2
