"""Following the log and holding its lease when either fails: the work continues, and other leases are unaffected."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from service.okta.errors import Refused
from service.okta.system_log import Page, okta_time
from service.okta.users import OWN
from service.reconciliation import queries
from service.reconciliation.run import Report, Rhythm, follow
from service.settings import ForgetWhen
from service.store import leases
from service.store.database import Database
from service.store.leases import Lease, LeaseLost, hold_lease
from tests.people import event
from tests.reconciliation.org import LINK, FakeOrg, user
from tests.service_fixtures import Add

LIFE = timedelta(seconds=30)


async def take(database: Database, holder: str, life: timedelta = LIFE) -> Lease:
    async with database.transaction() as connection:
        lease = await leases.acquire(connection, "work", holder, life)
    assert lease is not None
    return lease


async def test_a_former_holder_of_a_lease_can_not_renew_it(database: Database) -> None:
    stale = await take(database, "one", timedelta(0))
    await take(database, "two")
    async with database.connection() as connection:
        with pytest.raises(LeaseLost):
            await leases.renew(connection, stale, LIFE)


async def test_a_release_of_a_lost_lease_leaves_the_new_holder_s_alone(database: Database) -> None:
    stale = await take(database, "one", timedelta(0))
    await take(database, "two")
    async with database.connection() as connection:
        await leases.release(connection, stale)
        assert await leases.holder_of(connection, "work") == "two"


async def test_an_expired_holder_is_none(database: Database) -> None:
    await take(database, "one", timedelta(0))
    async with database.connection() as connection:
        assert await leases.holder_of(connection, "work") is None


class Renewals:
    """Renewal without pauses: so many times at once, and then never. `faults` are raised by the first ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, *faults: Exception) -> None:
        self.slept: list[float] = []
        self.renewed = 0
        self.number, self.faults = number, list(faults)
        self.are_done = asyncio.Event()
        self.may_renew = asyncio.Event()
        self.may_renew.set()
        self._sleep, self._renew = asyncio.sleep, leases.renew
        monkeypatch.setattr(asyncio, "sleep", self.sleep)
        monkeypatch.setattr(leases, "renew", self.renew)

    async def sleep(self, seconds: float) -> None:
        if seconds < 1:  # another process's
            await self._sleep(seconds)
            return
        self.slept.append(seconds)
        if len(self.slept) > self.number:
            self.are_done.set()
            await asyncio.Event().wait()
        await self.may_renew.wait()

    async def renew(self, connection: asyncpg.Connection, lease: Lease, life: timedelta) -> None:
        if self.faults:
            raise self.faults.pop(0)
        try:
            await self._renew(connection, lease, life)
            self.renewed += 1
        except LeaseLost:
            self.are_done.set()
            raise


async def test_a_lease_is_renewed_in_time_for_long_work_and_outlives_a_database_that_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewals = Renewals(monkeypatch, 2, ConnectionError())
    async with hold_lease(database, "work", life=LIFE):
        async with asyncio.timeout(60):
            await renewals.are_done.wait()
    assert (renewals.renewed, renewals.slept) == (1, [10.0] * 3)


async def test_work_whose_lease_was_lost_ends_quietly_where_it_wrote_nothing(
    database: Database, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer notices it; a process that only reads has nothing to undo."""
    renewals = Renewals(monkeypatch, 1)
    renewals.may_renew.clear()
    async with hold_lease(database, "work", life=LIFE):
        await pool.execute("UPDATE leases SET token = token + 1, holder = 'another'")
        renewals.may_renew.set()
        async with asyncio.timeout(60):
            await renewals.are_done.wait()
            while any("_keep" in repr(task.get_coro()) for task in asyncio.all_tasks()):  # noqa: ASYNC110
                await asyncio.sleep(0)
    assert await pool.fetchval("SELECT holder FROM leases WHERE expires_at > now()") == "another"


# Follow mode


class Follower:
    """A follower of a fake org that stops after so many reports."""

    def __init__(self, database: Database, org: FakeOrg) -> None:
        self.database, self.org = database, org
        self.progress: list[tuple[str, dict[str, Any]]] = []

    async def run(self, *until: str, times: int = 1, **more: Any) -> None:
        """Follow until all of these were reported, or the log was read a hundred times."""
        stop = asyncio.Event()

        def tell(what: str, fields: dict[str, Any]) -> None:
            self.progress.append((what, fields))
            if all(self.names.count(each) >= times for each in until):
                stop.set()

        asked, follows = self.org.next_log_page, 0

        async def next_log_page(link: str) -> Page:
            nonlocal follows
            follows += 1
            if follows == 100:
                stop.set()
            return await asked(link)

        self.org.next_log_page = next_log_page  # type: ignore[method-assign, assignment]
        async with asyncio.timeout(120):
            rhythm = Rhythm(log=0.001)
            await follow(self.database, self.org, ForgetWhen.SUCCESS, stop=stop, progress=tell, rhythm=rhythm, **more)

    @property
    def names(self) -> list[str]:
        return [what for what, _ in self.progress]


@pytest.fixture
def org() -> FakeOrg:
    org = FakeOrg()
    org.now = datetime.now(UTC)
    return org


@pytest.fixture
async def follower(database: Database, org: FakeOrg) -> Follower:
    """Return a follower of an org whose users have just been compared, and whose log has just been read again."""
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        await queries.save_cursor(connection, org.host, f"{LINK}0", now)
        await queries.save_rescanned(connection, org.host, now)
        await queries.save_compared(connection, org.host, now)
    return Follower(database, org)


async def test_lost_events_make_a_follower_compare_the_users_at_once(follower: Follower, org: FakeOrg) -> None:
    org.next_faults = [Refused(400, "E0000031")]
    await follower.run("users_compared")
    assert follower.names[:2] == ["reconciling", "users_compared"]


async def test_a_follower_that_shall_not_compare_users_never_does(
    database: Database, org: FakeOrg, add: Add, pool: asyncpg.Pool
) -> None:
    """Neither after lost events nor on its first day."""
    await add("kim@example.com", okta_id="00u-kim")
    org.users = [user("kim@example.com", "00u-kim", provider=OWN)]
    follower = Follower(database, org)
    org.next_faults = [Refused(400, "E0000031")]
    await follower.run("log_warning", "reconciled", users=False)
    assert "users_compared" not in follower.names
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 1


async def test_a_follower_that_may_retires_however_many_are_missing(
    database: Database, org: FakeOrg, add: Add, pool: asyncpg.Pool
) -> None:
    await add("kim@example.com", okta_id="00u-kim")
    follower = Follower(database, org)
    await follower.run("users_compared", allow_missing=True)
    assert "too_many_missing" not in follower.names
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 0


async def test_a_follower_reads_the_log_again_where_another_command_asks_it_to(
    follower: Follower, org: FakeOrg, database: Database
) -> None:
    since = datetime.now(UTC) - timedelta(days=7)
    async with database.transaction() as connection:
        await queries.ask_to_reread(connection, since)
    await follower.run("users_compared")
    assert okta_time(since) in [query["since"] for query in org.asked]
    async with database.connection() as connection:
        assert await queries.find_reread(connection) is None


async def test_a_follower_counts_what_it_did_from_start_to_stop(follower: Follower, org: FakeOrg, add: Add) -> None:
    await add("kim@example.com", okta_id="00u-kim")
    org.pages = [[event("e1", "00u-kim", "kim@example.com")], [event("e2", "00u-kim", "kim@example.com")]]
    totals = Report()
    await follower.run("reconciled", "users_compared", totals=totals)
    assert (totals.log.events, sum(totals.log.effects.values())) == (2, 2)


async def test_a_lease_that_could_not_be_given_back_is_given_back_before_it_is_taken_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage of PostgreSQL, the only follower would otherwise wait for its own lease."""
    with monkeypatch.context() as patch:

        async def away(*_: object) -> None:
            raise ConnectionError

        async with hold_lease(database, "work", life=timedelta(days=1)):
            patch.setattr(leases, "release", away)
    async with hold_lease(database, "work"):
        pass


async def test_a_follower_goes_on_after_a_lost_lease(follower: Follower, org: FakeOrg, pool: asyncpg.Pool) -> None:
    async def steal(_link: str) -> Page:
        org.next_log_page = asked  # type: ignore[method-assign]
        await pool.execute("UPDATE leases SET token = token + 1, expires_at = now() - interval '1 second'")
        return [], f"{LINK}1"

    asked = org.next_log_page
    org.next_log_page = steal  # type: ignore[method-assign]
    await follower.run("lease_lost", "reconciling")
    assert follower.names == ["reconciling", "lease_lost"]


async def test_a_follower_of_another_org_says_that_too_many_are_missing_and_goes_on(
    database: Database, org: FakeOrg, add: Add, pool: asyncpg.Pool
) -> None:
    await add("kim@example.com", okta_id="00u-kim")
    follower = Follower(database, org)
    org.pages = [[], [event("e1", "00u-x", "x@example.com")]]
    await follower.run("too_many_missing")
    assert "reconcile_failed" not in follower.names
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 1


async def test_a_fault_of_the_database_ends_no_follower_and_is_told_without_its_words(
    follower: Follower, org: FakeOrg
) -> None:
    """Its message may quote a row."""
    org.next_faults = [asyncpg.UniqueViolationError("Key (hash)=($2b$secret) exists"), ConnectionError("secret")]
    await follower.run("reconcile_failed", times=2)
    faults = [fields["fault"] for what, fields in follower.progress if what == "reconcile_failed"]
    assert faults == ["UniqueViolationError", "ConnectionError"]


async def test_a_follower_takes_its_second_look_when_it_is_due(
    follower: Follower, org: FakeOrg, pool: asyncpg.Pool
) -> None:
    for hours, looks in ((0, 0), (2, 1)):
        await pool.execute("UPDATE log_cursors SET rescanned_until = now() - make_interval(hours => $1)", hours)
        await follower.run("never")
        assert len([query for query in org.asked if "until" in query]) == looks
