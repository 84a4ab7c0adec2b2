"""Reads that several sign-ins share: each call gets its own failures, and the reads are bounded."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import pytest

from service.signin import lookup_batcher
from service.signin.failures import Failures, ThrottleKey
from service.signin.lookup_batcher import AT_ONCE, MOST, Lookups
from service.signin.queries import LookedUp, Lookup, count_failure, find_and_failures
from service.signin.throttling import FORGET_AFTER, AttemptsInFlight
from service.store.accounts import Account, State
from service.store.database import Database, DatabaseUnavailable
from tests.people import plain
from tests.service_fixtures import Add
from tests.signin.test_lookup_batcher import Slow

KEY = b"key"
FAILED = {"kim@example.com": (1, 2), "rajiv@example.com": (3, 1), "nobody@example.com": (2, 2)}
"""Failures of each login: from the asking address, and from others."""
NOTHING = Failures(None, None, datetime(2026, 3, 2, tzinfo=UTC))


def lookup(login: str, address: str | None = "192.0.2.1") -> Lookup:
    return AttemptsInFlight(KEY).lookup(login, address)


def who(login: str, address: str | None = "192.0.2.1") -> ThrottleKey:
    return lookup(login, address).who


async def fail(pool: asyncpg.Pool, one: ThrottleKey, times: int) -> None:
    async with pool.acquire() as proxy:
        for _ in range(times):
            await count_failure(plain(proxy), one, call=None, forget_after=FORGET_AFTER)


@pytest.mark.parametrize("together", [1, 3])
async def test_each_call_of_a_read_gets_the_failures_of_its_own_pair_and_its_own_login(
    add: Add, pool: asyncpg.Pool, together: int
) -> None:
    await add("kim@example.com", "right")
    await add("rajiv@example.com", "right")
    for login, (here, elsewhere) in FAILED.items():
        await fail(pool, who(login), here)
        await fail(pool, who(login, "192.0.2.99"), elsewhere)
    logins, counted = list(FAILED), []
    async with pool.acquire() as proxy:
        for start in range(0, len(logins), together):
            asked = [lookup(login) for login in logins[start : start + together]]
            counted += [known.failures for known in await find_and_failures(plain(proxy), asked)]
    assert [(one.pair and one.pair.failures, one.login and one.login.failures) for one in counted] == [
        (here, here + elsewhere) for here, elsewhere in FAILED.values()
    ]


@pytest.mark.parametrize("order", [(None, "192.0.2.1"), ("192.0.2.1", None)])
async def test_each_call_of_a_read_knows_whether_it_had_an_address(
    pool: asyncpg.Pool, order: tuple[str | None, ...]
) -> None:
    asked = [lookup("kim@example.com", address) for address in order]
    async with pool.acquire() as proxy:
        read = await find_and_failures(plain(proxy), asked)
    assert [known.failures.address_known for known in read] == [address is not None for address in order]


class Reads:
    """Replaces the query: records the arguments of each read, and lets each end only when the test allows it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.going = self.most = 0
        self.go = asyncio.Event()
        monkeypatch.setattr(lookup_batcher, "find_and_failures", self)

    async def __call__(self, _: object, asked: Sequence[Lookup]) -> list[LookedUp]:
        self.sizes.append(len(asked))
        self.going += 1
        self.most = max(self.most, self.going)
        await self.go.wait()
        self.going -= 1
        return [LookedUp(Account(1, State.WAITING, each.key, ()), each.who, NOTHING) for each in asked]


def logins_of(read: Sequence[LookedUp]) -> list[str | None]:
    return [known.found.login_key if isinstance(known.found, Account) else None for known in read]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_read_takes_no_more_than_its_bound_and_the_others_come_with_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup_batcher, "SLOW", 300)
    reads, lookups = Reads(monkeypatch), Lookups(database)
    reads.go.set()
    names = [f"p{number}@example.com" for number in range(2 * MOST + 2)]
    found = await asyncio.gather(*(lookups.find(lookup(name)) for name in names))
    assert logins_of(found) == names
    assert reads.sizes == [1, MOST, MOST, 1]


async def test_no_more_reads_than_two_are_under_way_however_slow_they_are(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup_batcher, "SLOW", -1)  # each read counts as slow at once
    reads, lookups = Reads(monkeypatch), Lookups(database)
    calls = []
    for number in range(6):
        calls.append(asyncio.create_task(lookups.find(lookup(f"p{number}"))))
        while len(reads.sizes) < min(number + 1, AT_ONCE):  # noqa: ASYNC110 - a connection is taken first
            await asyncio.sleep(0.001)
        await settle()
    assert reads.going == AT_ONCE
    reads.go.set()
    assert logins_of(await asyncio.gather(*calls)) == [f"p{number}" for number in range(6)]
    assert reads.most == AT_ONCE


async def test_a_shared_read_that_never_answers_ends_for_all_who_wait(
    database: Database, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup_batcher, "READ_WITHIN", 0.01)
    monkeypatch.setattr(lookup_batcher, "SLOW", 300)
    slow = Slow(database)
    lookups = Lookups(slow)
    calls = [asyncio.create_task(lookups.find(lookup("kim"))) for _ in range(4)]
    await settle()
    calls[0].cancel()  # the one that reads alone: waiting ones are read now, and that read blocks
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError, *[TimeoutError] * 3]
    slow.go.set()
    assert (await lookups.find(lookup("kim"))).found is None


async def test_a_read_alone_that_fails_holds_up_none_of_those_who_come_later(add: Add, database: Database) -> None:
    await add("kim@example.com", "right")
    away = Slow(Database("postgresql://nobody@127.0.0.1:1/none"))
    away.go.set()
    lookups = Lookups(away)
    with pytest.raises(DatabaseUnavailable):
        await lookups.find(lookup("kim@example.com"))
    away.database = database
    async with asyncio.timeout(60):
        found = (await lookups.find(lookup("kim@example.com"))).found
    assert isinstance(found, Account)
