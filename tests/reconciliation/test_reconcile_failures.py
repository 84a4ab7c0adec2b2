"""Edge cases of reconciling: second readings, lost links, limits on missing users, slices, and skipped accounts."""

import itertools
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from service.import_events.decide import Effect
from service.import_events.record import Channel, record_delivery
from service.okta.errors import MalformedAnswer, Refused
from service.okta.events import read_events
from service.okta.system_log import RETENTION, okta_time
from service.okta.users import OWN, Status
from service.reconciliation import queries, users
from service.reconciliation.run import Reconciliation
from service.reconciliation.system_log import MARGIN, LogReader, LogReport
from service.reconciliation.users import (
    MissingUsers,
    SeenAccounts,
    TooManyMissing,
    UsersReport,
    judge_user,
    keep_users,
    unseen_accounts,
)
from service.settings import ForgetWhen
from service.store import retirement
from service.store.database import Database
from service.store.retirement import Proof, Retirement, retire_accounts
from tests.people import Person, event, hashes_of, state_of
from tests.reconciliation.gates import waits_for_the_gate
from tests.reconciliation.org import FakeOrg, user
from tests.service_fixtures import Add

JESSIE, KIM = "jessie.smith@example.com", "kim.sato@example.com"
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
GONE = Retirement(Proof.DELETED, "gone")


@pytest.fixture
def org() -> FakeOrg:
    return FakeOrg()


@pytest.fixture
def reader(database: Database, org: FakeOrg) -> LogReader:
    return LogReader(database, org, ForgetWhen.SUCCESS, clock=lambda: org.now)


@pytest.fixture
def work(database: Database, org: FakeOrg) -> Reconciliation:
    return Reconciliation(database, org, ForgetWhen.SUCCESS, clock=lambda: org.now)


async def cursor_of(database: Database, org: FakeOrg) -> queries.LogCursor:
    async with database.connection() as connection:
        found = await queries.find_cursor(connection, org.host)
    assert found is not None
    return found


# The log


async def test_a_second_look_reads_every_page_and_is_remembered(
    reader: LogReader, org: FakeOrg, database: Database
) -> None:
    await reader.catch_up()
    org.spans = [[event(f"e{number}", "00u1", JESSIE, "FAILURE")] for number in range(3)]
    report = await reader.rescan()
    assert (report.pages, report.events) == (3, 3)
    assert (await cursor_of(database, org)).rescanned_until == NOW


async def test_a_second_look_reaches_no_farther_back_than_okta_keeps_its_log(reader: LogReader, org: FakeOrg) -> None:
    await reader.rescan(NOW - timedelta(days=400))
    assert org.asked[-1]["since"] == okta_time(NOW - RETENTION)


async def test_reading_since_a_later_moment_begins_a_margin_before_the_saved_link(
    reader: LogReader, org: FakeOrg
) -> None:
    await reader.catch_up()
    org.now = NOW + timedelta(hours=5)
    await reader.catch_up(NOW + timedelta(hours=4))
    assert timedelta(hours=1) == MARGIN
    assert org.asked[-1]["since"] == okta_time(NOW - MARGIN)


async def test_a_saved_link_that_leads_elsewhere_is_lost_and_the_log_is_read_again(
    reader: LogReader, org: FakeOrg
) -> None:
    await reader.catch_up()
    org.next_faults = [MalformedAnswer("a link leads away")]
    report = await reader.catch_up()
    assert (report.cursor_lost, report.incomplete) == (True, True)
    assert org.asked[-1]["since"] == okta_time(NOW - MARGIN)


async def test_accounts_from_before_the_log_begins_are_known_to_miss_events(
    reader: LogReader, org: FakeOrg, add: Add, pool: asyncpg.Pool
) -> None:
    await add(JESSIE)
    await pool.execute("UPDATE accounts SET loaded_at = $1", NOW - timedelta(days=89))
    assert not (await reader.catch_up()).incomplete
    await pool.execute("UPDATE accounts SET loaded_at = $1", NOW - timedelta(days=91))
    await pool.execute("DELETE FROM log_cursors")
    assert (await reader.catch_up()).incomplete
    report = await reader.catch_up(NOW - timedelta(days=400))
    assert (report.incomplete, report.since) == (True, NOW - RETENTION)


async def test_a_short_page_of_old_events_is_not_the_last(reader: LogReader, org: FakeOrg) -> None:
    org.pages = [[event(f"e{number}", "00u1", JESSIE, "FAILURE", "2026-11-22T08:00:00.000Z")] for number in range(3)]
    report = await reader.catch_up()
    assert (report.events, report.pages) == (3, 4)


def test_a_report_of_reading_on_adds_up() -> None:
    report, more = LogReport(pages=1, events=2, unreadable=1), LogReport(pages=2, events=3, unreadable=4)
    more.effects[Effect.MIGRATED] = 5
    report.add(more)
    assert (report.pages, report.events, report.unreadable, report.effects) == (3, 5, 5, {Effect.MIGRATED: 5})


def test_after_exactly_ninety_days_events_are_lost() -> None:
    for age, (warnings, is_incomplete) in {
        timedelta(days=76): (0, False),
        timedelta(days=76, seconds=1): (1, False),
        timedelta(days=90) - timedelta(seconds=1): (1, False),
        timedelta(days=90): (1, True),
    }.items():
        report = LogReport()
        report.warn_of_age(NOW - age, NOW)
        assert (len(report.warnings), report.incomplete) == (warnings, is_incomplete), age


async def test_the_place_in_another_org_s_log_is_left_alone(database: Database) -> None:
    async with database.transaction() as connection:
        for host in ("one", "two"):
            await queries.save_cursor(connection, host, f"https://{host}/1", NOW)
        await queries.save_rescanned(connection, "one", NOW)
        await queries.save_compared(connection, "one", NOW)
        later = NOW + timedelta(hours=1)
        await queries.save_cursor(connection, "one", "https://one/2", later)
        assert await queries.find_cursor(connection, "one") == queries.LogCursor("https://one/2", later, NOW, NOW)
        assert await queries.find_cursor(connection, "two") == queries.LogCursor("https://two/1", NOW, None, None)


async def test_no_users_are_compared_where_that_was_not_asked_for_and_lost_events_are_told(
    work: Reconciliation, org: FakeOrg
) -> None:
    assert (await work.run(users=False)).users is None
    org.next_faults = [Refused(400, "E0000031")]
    report = await work.run(users=False)
    assert report.users is None
    assert report.log.warnings


async def test_the_log_is_read_again_from_the_earliest_moment_that_was_asked_for_and_once(
    work: Reconciliation, org: FakeOrg, database: Database
) -> None:
    await work.run(users=False)
    async with database.transaction() as connection:
        for days in (3, 5, 4):
            await queries.ask_to_reread(connection, NOW - timedelta(days=days))
    org.asked.clear()
    await work.run(users=False)
    assert okta_time(NOW - timedelta(days=5)) in [query["since"] for query in org.asked]
    async with database.connection() as connection:
        assert await queries.find_reread(connection) is None


async def test_the_log_is_read_again_where_that_is_asked_for_while_users_are_compared(
    work: Reconciliation, org: FakeOrg, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = work.compare_users

    async def asked_meanwhile() -> UsersReport:
        async with database.transaction() as connection:
            await queries.ask_to_reread(connection, NOW - timedelta(days=5))
        return await compare()

    monkeypatch.setattr(work, "compare_users", asked_meanwhile)
    await work.run()
    assert okta_time(NOW - timedelta(days=5)) in [query["since"] for query in org.asked]
    async with database.connection() as connection:
        assert await queries.find_reread(connection) is None


async def test_a_moment_that_is_asked_for_while_the_log_is_read_again_is_kept(database: Database) -> None:
    async with database.transaction() as connection:
        await queries.ask_to_reread(connection, NOW)
        await queries.ask_to_reread(connection, NOW - timedelta(days=1))
        await queries.end_reread(connection, NOW)
        assert await queries.find_reread(connection) == NOW - timedelta(days=1)


async def test_a_whole_run_looks_again_and_counts_what_was_read_while_users_were_compared(
    work: Reconciliation, org: FakeOrg, add: Add, pool: asyncpg.Pool
) -> None:
    late, reset = await add(KIM, okta_id="00u-kim"), await add(JESSIE, okta_id="00u-jessie")
    org.spans = [[event("e1", "00u-kim", KIM)]]
    org.users = [user(JESSIE, "00u-jessie", provider=OWN)]
    report = await work.run()
    assert (await state_of(pool, late), await state_of(pool, reset)) == ("migrated", "retired")
    assert report.log.pages == 3  # the log, the second reading, and the log before the retirement


# The users


async def test_a_deactivated_user_is_listed_and_not_looked_up_one_by_one(
    work: Reconciliation, org: FakeOrg, add: Add
) -> None:
    await add(JESSIE, okta_id="00u-jessie")
    org.users = [user(JESSIE, "00u-jessie", status=Status.DEPROVISIONED, status_changed=NOW)]
    report = await work.compare_users()
    assert (org.looked_up, report.compared) == ([], 1)


async def test_a_verified_account_is_bound_by_its_login_and_then_judged(
    work: Reconciliation, org: FakeOrg, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    await pool.execute("UPDATE accounts SET state = 'verified', verified_at = now()")
    org.users = [user(JESSIE, "00u-jessie", provider=OWN)]
    report = await work.compare_users()
    assert (report.bound, report.retired) == (1, {Proof.PASSWORD_IN_OKTA: 1})
    assert await state_of(pool, person) == "retired"


async def test_a_user_that_was_not_listed_is_looked_up_and_judged_and_makes_the_org_known(
    work: Reconciliation, org: FakeOrg, add: Add, pool: asyncpg.Pool
) -> None:
    reset, gone = await add(JESSIE, okta_id="00u-jessie"), await add(KIM, okta_id="00u-kim")
    org.unlisted = {"00u-jessie": user(JESSIE, "00u-jessie", provider=OWN)}
    assert (await work.compare_users()).retired == {Proof.PASSWORD_IN_OKTA: 1, Proof.DELETED: 1}
    assert (await state_of(pool, reset), await state_of(pool, gone)) == ("retired", "retired")


async def test_the_users_count_as_compared_since_it_began(
    work: Reconciliation, org: FakeOrg, database: Database
) -> None:
    await work.read_log()
    org.takes = timedelta(hours=3)
    await work.compare_users()
    assert (await cursor_of(database, org)).users_compared_at == NOW


async def bound(add: Add, number: int) -> list[Person]:
    return [await add(f"user{each:02}@example.com", okta_id=f"00u{each:02}") for each in range(number)]


async def test_ten_missing_users_are_few_and_eleven_of_twelve_are_not(
    work: Reconciliation, org: FakeOrg, add: Add, pool: asyncpg.Pool
) -> None:
    people = await bound(add, 12)
    org.users = [user(people[0].login, "00u00")]
    with pytest.raises(TooManyMissing):
        await work.compare_users()
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 12
    org.users.append(user(people[1].login, "00u01"))
    assert (await work.compare_users()).retired == {Proof.DELETED: 10}


async def test_missing_users_that_were_allowed_are_retired_however_many_they_are(
    work: Reconciliation, org: FakeOrg, add: Add
) -> None:
    await bound(add, 12)
    work.allow_missing = True
    assert (await work.compare_users()).retired == {Proof.DELETED: 12}


async def test_one_missing_user_of_an_org_in_which_nobody_is_known_is_not_allowed(
    work: Reconciliation, add: Add, pool: asyncpg.Pool
) -> None:
    await bound(add, 1)
    with pytest.raises(TooManyMissing):
        await work.compare_users()
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 1


def test_a_tenth_of_the_accounts_may_be_missing() -> None:
    assert [MissingUsers(number, allow_any=False).allowed for number in (0, 109, 110, 1000)] == [10, 10, 11, 100]


async def test_more_pages_of_unseen_accounts_than_one_are_all_given(
    database: Database, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = await bound(add, 5)
    monkeypatch.setattr(users, "PAGE", 2)
    seen = SeenAccounts()
    seen.add(people[3].id)
    found = [account.id async for account in unseen_accounts(database, seen)]
    assert found == [person.id for person in people if person is not people[3]]


def test_seen_accounts_are_those_that_were_added() -> None:
    seen, added = SeenAccounts(), {1, 2, 7, 8, 63, 64, 1000, 5}
    for number in added:
        seen.add(number)
    assert {number for number in range(1100) if number in seen} == added
    assert 10**9 not in seen


async def test_more_retirements_than_two_slices_are_all_done(
    database: Database, add: Add, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert retirement.SLICE == 500
    monkeypatch.setattr(retirement, "SLICE", 2)
    people = await bound(add, 5)
    retired = await retire_accounts(
        database, [(person.id, f"00u{number:02}", GONE) for number, person in enumerate(people)]
    )
    assert retired == {Proof.DELETED: 5}
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 0


async def test_accounts_that_changed_since_they_were_judged_are_left_alone(
    database: Database, add: Add, pool: asyncpg.Pool
) -> None:
    rebound, unbound, migrated, same = await bound(add, 4)
    await pool.execute("UPDATE accounts SET okta_id = 'another' WHERE id = $1", rebound.id)
    await pool.execute("UPDATE accounts SET okta_id = NULL WHERE id = $1", unbound.id)
    delivery = read_events([event("e1", "00u02", migrated.login)])
    await record_delivery(database, delivery, channel=Channel.HOOK, forget_when=ForgetWhen.SUCCESS)
    judged = zip((rebound, unbound, migrated, same), itertools.count())
    retired = await retire_accounts(database, [(person.id, f"00u{number:02}", GONE) for person, number in judged])
    assert retired == {Proof.DELETED: 1}
    states = [await state_of(pool, person) for person in (rebound, unbound, migrated, same)]
    assert states == ["waiting", "waiting", "migrated", "retired"]
    assert [await hashes_of(pool, person) for person in (rebound, unbound, migrated, same)] == [1, 1, 0, 0]


def test_a_deactivated_user_is_judged_after_exactly_thirty_days() -> None:
    def judged(status: str, age: timedelta) -> Retirement | None:
        return judge_user(user(JESSIE, status=status, status_changed=NOW - age), NOW)

    month = timedelta(days=30)
    assert judged(Status.DEPROVISIONED, month - timedelta(seconds=1)) is None
    found = judged(Status.DEPROVISIONED, month)
    assert found is not None
    assert found.proof is Proof.DEACTIVATED
    assert judged(Status.SUSPENDED, month * 10) is None
    assert judge_user(user(JESSIE, status=Status.DEPROVISIONED, status_changed=None), NOW) is None


# Binding


async def test_binding_closes_the_gate(database: Database, add: Add, pool: asyncpg.Pool) -> None:
    person = await add(JESSIE)
    assert await waits_for_the_gate(pool, keep_users(database, [], [(person.id, "00u-jessie")], ForgetWhen.SUCCESS))


async def test_a_user_that_belongs_to_another_account_is_left_to_it(
    database: Database, add: Add, pool: asyncpg.Pool
) -> None:
    await add(KIM, okta_id="00u-same")
    jessie, rajiv = await add(JESSIE), await add("rajiv.tal@example.com")
    found = [(jessie.id, "00u-same"), (rajiv.id, "00u-rajiv")]
    assert await keep_users(database, [], found, ForgetWhen.SUCCESS) == 1
    assert await pool.fetchval("SELECT okta_id FROM accounts WHERE id = $1", jessie.id) is None
    assert await pool.fetchval("SELECT okta_id FROM accounts WHERE id = $1", rajiv.id) == "00u-rajiv"


async def test_a_success_that_was_set_aside_is_applied_when_the_account_is_bound(
    database: Database, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    early = read_events([event("e1", "00u-jessie", "renamed@example.com")])
    await record_delivery(database, early, channel=Channel.HOOK, forget_when=ForgetWhen.SUCCESS)
    await keep_users(database, [], [(person.id, "00u-jessie")], ForgetWhen.SUCCESS)
    assert (await state_of(pool, person), await hashes_of(pool, person)) == ("migrated", 0)
