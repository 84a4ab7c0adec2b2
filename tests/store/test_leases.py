"""Leases: held by one process at a time, taken over when they expire, and useless to a former holder."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import structlog

from service.okta import system_log
from service.okta.users import OktaUser
from service.okta_client.org import OktaOrg
from service.reconciliation.run import Rhythm, follow
from service.settings import ForgetWhen
from service.store import leases
from service.store.database import Database
from service.store.leases import FencedDatabase, Held, LeaseLost, hold_lease
from simulator import Org
from tests.people import Person, state_of
from tests.service_fixtures import Add

LIFE = timedelta(seconds=30)
JESSIE = "jessie.smith@example.com"


async def take(database: Database, holder: str, life: timedelta = LIFE) -> leases.Lease | None:
    async with database.transaction() as connection:
        return await leases.acquire(connection, "work", holder, life)


async def test_a_lease_that_is_held_is_given_to_nobody_else(database: Database) -> None:
    assert await take(database, "one")
    assert await take(database, "two") is None


async def test_an_expired_lease_goes_to_the_next_with_a_higher_token(database: Database) -> None:
    first = await take(database, "one", timedelta(0))
    second = await take(database, "two")
    assert first
    assert second
    assert second.token > first.token


async def test_of_many_who_ask_at_once_one_gets_it(database: Database) -> None:
    taken = await asyncio.gather(*(take(database, str(number)) for number in range(8)))
    assert sum(lease is not None for lease in taken) == 1


async def test_who_lost_a_lease_writes_nothing(database: Database, pool: asyncpg.Pool) -> None:
    stale = await take(database, "one", timedelta(0))
    assert stale
    await take(database, "two")
    with pytest.raises(LeaseLost):
        async with FencedDatabase(database, stale).transaction() as connection:
            await connection.execute("INSERT INTO sources (name) VALUES ('written')")
    assert await pool.fetchval("SELECT count(*) FROM sources") == 0


async def test_releasing_a_lost_lease_leaves_the_new_holders_alone(database: Database) -> None:
    stale = await take(database, "one", timedelta(0))
    held = await take(database, "two")
    assert stale
    assert held
    async with database.transaction() as connection:
        await leases.release(connection, stale)
        assert await leases.holder_of(connection, "work") == "two"
        await leases.renew(connection, held, LIFE)
    assert await take(database, "three") is None


async def test_renewing_a_lost_lease_fails_and_leaves_the_new_holders_alone(database: Database) -> None:
    stale = await take(database, "one", timedelta(0))
    held = await take(database, "two")
    assert stale
    assert held
    with pytest.raises(LeaseLost):
        async with database.transaction() as connection:
            await leases.renew(connection, stale, timedelta(days=1))
    async with FencedDatabase(database, held).transaction():
        pass


async def test_a_lease_is_renewed_and_released_by_its_name_alone(database: Database) -> None:
    async with database.transaction() as connection:
        one = await leases.acquire(connection, "one", "holder", LIFE)
        two = await leases.acquire(connection, "two", "holder", LIFE)
        assert one
        assert two
        assert one.token == two.token
        await leases.release(connection, one)
        assert await leases.holder_of(connection, "one") is None
        assert await leases.holder_of(connection, "two") == "holder"


async def test_nobody_takes_a_lease_over_between_the_check_and_the_commit(database: Database) -> None:
    held = await take(database, "one", timedelta(0))
    assert held
    async with FencedDatabase(database, held).transaction():
        taking = asyncio.create_task(take(database, "two"))
        await asyncio.sleep(0.1)
        assert not taking.done()
    assert await taking


async def test_held_says_who_holds_it_and_release_frees_it(database: Database) -> None:
    async with hold_lease(database, "work"):
        with pytest.raises(Held, match=r"work is being done by .* \(process \d+\)"):
            async with hold_lease(database, "work"):
                pass
    async with hold_lease(database, "work"):
        pass


async def test_waiting_for_a_lease_is_reported_once(database: Database) -> None:
    async def work() -> None:
        async with hold_lease(database, "work", wait=300):
            pass

    other = await take(database, "other")
    assert other
    with structlog.testing.capture_logs() as lines:
        waiting = asyncio.create_task(work())
        while not lines:  # noqa: ASYNC110 (what it waits for has no event)
            await asyncio.sleep(0.01)
        async with database.connection() as connection:
            await leases.release(connection, other)
        await waiting
    assert [line["event"] for line in lines] == ["waiting_for_lease"]


async def test_followers_apply_events_one_at_a_time_and_take_over(
    hooked: Org, okta: OktaOrg, database: Database, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    hooked.add_user(JESSIE)
    hooked.switch(drop=1.0)
    rhythm = Rhythm(log=0.05, life=timedelta(seconds=6))
    progress: list[tuple[int, str]] = []
    stops = [asyncio.Event(), asyncio.Event()]

    async def run(number: int) -> None:
        def tell(what: str, _fields: object) -> None:
            progress.append((number, what))

        await follow(database, okta, ForgetWhen.SUCCESS, stop=stops[number], rhythm=rhythm, progress=tell)

    followers = [asyncio.create_task(run(number)) for number in range(2)]
    await until(lambda: any(what == "reconciling" for _, what in progress))
    (first,) = {number for number, what in progress if what == "reconciling"}
    await hooked.sign_in(JESSIE, "password1")
    await until_migrated(pool, person)
    stops[first].set()
    await until(lambda: (1 - first, "reconciling") in progress)
    stops[1 - first].set()
    await asyncio.gather(*followers)


async def test_a_follower_outlives_an_org_that_answers_nothing(
    hooked: Org, okta: OktaOrg, database: Database, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    hooked.add_user(JESSIE)
    hooked.api_token, token = "another", hooked.api_token
    progress: list[str] = []
    stop = asyncio.Event()
    rhythm = Rhythm(log=0.05)
    following = asyncio.create_task(
        follow(
            database, okta, ForgetWhen.SUCCESS, stop=stop, rhythm=rhythm, progress=lambda what, _: progress.append(what)
        )
    )
    await until(lambda: "reconcile_failed" in progress)
    hooked.api_token = token
    hooked.switch(drop=1.0)
    await hooked.sign_in(JESSIE, "password1")
    await until_migrated(pool, person)
    stop.set()
    await following


async def test_a_new_holder_compares_the_users_when_it_is_due_and_not_at_once(
    okta: OktaOrg, database: Database, pool: asyncpg.Pool
) -> None:
    assert "users_compared" in await follow_for(database, okta, rounds=2)
    assert "users_compared" not in await follow_for(database, okta, rounds=2)
    await pool.execute("UPDATE log_cursors SET users_compared_at = now() - interval '25 hours'")
    assert "users_compared" in await follow_for(database, okta, rounds=2)


async def test_a_follower_that_is_told_to_stop_gives_up_a_comparison_that_takes_hours(
    okta: OktaOrg, database: Database
) -> None:
    stop, reached = asyncio.Event(), asyncio.Event()

    class Slow(Through):
        async def list_users(self, _asked: str | None = None) -> AsyncIterator[list[OktaUser]]:
            reached.set()
            await asyncio.Event().wait()
            yield []

    following = asyncio.create_task(
        follow(database, Slow(okta), ForgetWhen.SUCCESS, stop=stop, progress=lambda _what, _fields: None)
    )
    async with asyncio.timeout(30):
        await reached.wait()
        stop.set()
        await following
    async with hold_lease(database, "reconcile"):
        pass


class Through:
    """An org in which a test replaces some calls."""

    def __init__(self, okta: OktaOrg) -> None:
        self._okta = okta
        self.host = okta.host

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (a method of the org)
        return getattr(self._okta, name)


async def follow_for(database: Database, okta: OktaOrg, rounds: int) -> list[str]:
    """Follow until the log was read so many times; return the reports."""
    stop, progress = asyncio.Event(), list[str]()

    class Counted(Through):
        async def next_log_page(self, link: str) -> system_log.Page:
            nonlocal rounds
            rounds -= 1
            if rounds < 0:
                stop.set()
            return await okta.next_log_page(link)

    def tell(what: str, _fields: object) -> None:
        progress.append(what)

    async with asyncio.timeout(60):
        await follow(database, Counted(okta), ForgetWhen.SUCCESS, stop=stop, rhythm=Rhythm(log=0.01), progress=tell)
    return progress


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition; the test's time limit ends it otherwise."""
    while not true():  # noqa: ASYNC110 (what it waits for has no event)
        await asyncio.sleep(0.02)


async def until_migrated(pool: asyncpg.Pool, person: Person) -> None:
    while await state_of(pool, person) != "migrated":  # noqa: ASYNC110
        await asyncio.sleep(0.02)
