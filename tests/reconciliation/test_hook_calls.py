"""Okta's log of calls to our hooks, read together with the import events and joined with our verdicts."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from service.administration.queries import recent_okta_calls
from service.cli.status import _okta_calls
from service.okta.errors import NoAnswer, Refused
from service.okta.hook_calls import DELIVERY, EXECUTED, HOOK_CALLS, PROCESSED, read_hook_calls
from service.okta.system_log import Page, okta_time
from service.reconciliation import queries
from service.reconciliation.hook_calls import HookCallReader, keep_reading
from service.reconciliation.run import Rhythm, follow
from service.settings import ForgetWhen
from service.store import audit
from service.store.audit import Action, Entry
from service.store.database import Database
from tests.people import event
from tests.reconciliation.org import LINK, FakeOrg
from tests.service_fixtures import Add

CODE = "0123456789abcdef"


def call(uuid: str, event_type: str = EXECUTED, **members: Any) -> dict[str, Any]:
    """Return a log event about a call of a hook; `at` is when it was published."""
    given: dict[str, Any] = {
        "uuid": uuid,
        "eventType": event_type,
        "published": okta_time(members.pop("at", datetime.now(UTC))),
        "outcome": {"result": "FAILURE", "reason": "Hook timed out"},
        "target": [{"type": "InlineHook", "id": "cal1"}],
        "transaction": {"id": "request-1"},
    }
    return given | members


def processed(uuid: str, code: str = CODE, **members: Any) -> dict[str, Any]:
    debug = {"debugData": {"debugContext": {"reason": code}}}
    outcome = {"result": "SUCCESS", "reason": None}
    return call(uuid, PROCESSED, debugContext=debug, outcome=outcome, **members)


@pytest.fixture
def org() -> FakeOrg:
    org = FakeOrg()
    org.now = datetime.now(UTC)
    return org


@pytest.fixture
def reader(database: Database, org: FakeOrg) -> HookCallReader:
    return HookCallReader(database, org)


async def say(database: Database, *entries: Entry) -> None:
    async with database.transaction() as connection:
        await audit.record(connection, entries)


async def rows(pool: asyncpg.Pool) -> list[tuple[object, ...]]:
    found = await pool.fetch("SELECT uuid, event, outcome, verdict FROM okta_calls ORDER BY uuid")
    return [tuple(row) for row in found]


def test_events_of_other_types_and_without_a_uuid_are_left_out() -> None:
    items = [call("1"), call(""), event("2", "00u", "x@example.com"), {"eventType": EXECUTED}, None, "text"]
    assert [each.uuid for each in read_hook_calls(items)] == ["1"]


def test_a_code_is_found_wherever_okta_puts_it_and_an_outcome_is_one_of_a_closed_set() -> None:
    places: list[Any] = [
        {"debugData": {"debugContext": {"reason": CODE}}},
        {"debugData": {"x": '{"reason": "' + CODE + '"}'}},
        {"debugData": {"list": [1, {"deep": CODE}]}},
    ]
    assert [each.code for each in read_hook_calls([call(str(i), debugContext=p) for i, p in enumerate(places)])] == [
        CODE
    ] * 3
    (other,) = read_hook_calls([call("1", outcome={"result": "made up"}, debugContext={"debugData": {"x": "none"}})])
    assert (other.outcome, other.code, other.reason) == ("UNKNOWN", None, None)


async def test_a_processed_answer_is_joined_with_our_verdict_by_its_code(
    reader: HookCallReader, org: FakeOrg, database: Database, pool: asyncpg.Pool
) -> None:
    await say(database, Entry(Action.VERIFIED, "right password", code=CODE, request_id="other"))
    org.pages = [[processed("1"), processed("2", "f" * 16)]]
    assert await reader.catch_up() == 2
    assert await rows(pool) == [("1", PROCESSED, "SUCCESS", "verified"), ("2", PROCESSED, "SUCCESS", None)]


async def test_a_call_that_timed_out_for_okta_is_joined_by_its_request(
    reader: HookCallReader, org: FakeOrg, database: Database, pool: asyncpg.Pool
) -> None:
    """Okta did not receive the answer, and so no code."""
    await say(database, Entry(Action.VERIFIED, "right password", code=CODE, request_id="request-1"))
    org.pages = [[call("1"), call("2", transaction={"id": "never seen here"})]]
    await reader.catch_up()
    assert await rows(pool) == [("1", EXECUTED, "FAILURE", "verified"), ("2", EXECUTED, "FAILURE", None)]
    async with database.connection() as connection:
        found = await recent_okta_calls(connection, datetime.now(UTC) - timedelta(days=1))
    assert [(each["verdict"], each["timed_out"], each["number"]) for each in found] == [
        ("none", True, 1),
        ("verified", True, 1),
    ]
    assert "1 inline_hook.executed: verified here, timed out for Okta" in "\n".join(_okta_calls(found))


async def test_an_event_that_comes_twice_is_counted_once(
    reader: HookCallReader, org: FakeOrg, pool: asyncpg.Pool
) -> None:
    given = call("1", DELIVERY)
    org.pages = [[given, given], [given, call("2", DELIVERY)]]
    assert await reader.catch_up() == 2
    counts = await pool.fetch("SELECT event, outcome, verdict, number FROM okta_call_counts")
    assert [tuple(row) for row in counts] == [(DELIVERY, "FAILURE", "none", 2)]


async def test_the_calls_have_a_cursor_of_their_own_and_go_back_no_farther_than_is_kept(
    database: Database, org: FakeOrg
) -> None:
    now = datetime.now(UTC)
    reader = HookCallReader(database, org, keep=timedelta(days=30), clock=lambda: now)
    await reader.catch_up()
    assert org.asked == [
        {"since": okta_time(now - timedelta(days=30)), "filter": HOOK_CALLS, "sortOrder": "ASCENDING", "limit": "1000"}
    ]
    async with database.connection() as connection:
        assert await queries.find_cursor(connection, org.host) is None
        assert await queries.find_call_cursor(connection, org.host) == (f"{LINK}1", now)


async def test_a_link_that_is_no_longer_good_is_replaced_by_reading_from_an_hour_before(
    database: Database, org: FakeOrg
) -> None:
    now = datetime.now(UTC)
    reader = HookCallReader(database, org, clock=lambda: now)
    await reader.catch_up()
    org.next_faults = [Refused(400, "E0000031")]
    await reader.catch_up()
    assert org.asked[-1]["since"] == okta_time(now - timedelta(hours=1))


async def test_calls_of_another_service_s_hooks_are_left_out_where_ours_are_known(
    reader: HookCallReader, org: FakeOrg, pool: asyncpg.Pool
) -> None:
    await pool.execute("INSERT INTO own_hooks (org, kind, hook_id) VALUES ($1, 'x', 'cal1')", org.host)
    org.pages = [[call("1"), call("2", target=[{"type": "InlineHook", "id": "cal2"}])]]
    await reader.catch_up()
    assert [row[0] for row in await rows(pool)] == ["1"]


async def test_a_page_that_was_not_committed_is_read_again(
    reader: HookCallReader, org: FakeOrg, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise ConnectionError

    org.pages = [[call("1")]]
    with monkeypatch.context() as patch:
        patch.setattr(queries, "save_call_cursor", die)
        with pytest.raises(ConnectionError):
            await reader.catch_up()
    assert await rows(pool) == []


async def test_old_calls_go_with_the_audit_trail(
    reader: HookCallReader, org: FakeOrg, database: Database, pool: asyncpg.Pool
) -> None:
    org.pages = [[call("1"), call("2")]]
    await reader.catch_up()
    await pool.execute("UPDATE okta_calls SET received_at = now() - interval '101 days' WHERE uuid = '1'")
    async with database.transaction() as connection:
        assert await audit.prune(connection, timedelta(days=100), 10) == 1
    assert [row[0] for row in await rows(pool)] == ["2"]


async def test_a_log_that_can_not_be_read_for_calls_delays_no_import_event(
    database: Database, org: FakeOrg, add: Add, pool: asyncpg.Pool
) -> None:
    await add("kim@example.com", okta_id="00u-kim")
    org.pages = [[event("e1", "00u-kim", "kim@example.com")]]
    failing = FakeOrg()

    async def fail(_query: object) -> Page:
        raise NoAnswer("no answer")

    failing.log_page = fail  # type: ignore[method-assign, assignment]
    stop, told = asyncio.Event(), []

    def progress(what: str, _fields: dict[str, Any]) -> None:
        told.append(what)
        if {"reconciled", "hook_calls_failed"} <= set(told):
            stop.set()

    async with asyncio.timeout(120):
        await follow(
            database,
            org,
            ForgetWhen.SUCCESS,
            stop=stop,
            progress=progress,
            rhythm=Rhythm(log=0.001),
            hook_calls=lambda fenced: HookCallReader(fenced, failing),
        )
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 0


async def test_a_reader_goes_on_after_a_fault(reader: HookCallReader, org: FakeOrg, pool: asyncpg.Pool) -> None:
    stop, told = asyncio.Event(), []
    org.pages = [[call("1")]]
    asked = org.log_page

    async def fail_once(query: Any) -> Page:  # noqa: ANN401 (as it was given)
        org.log_page = asked  # type: ignore[method-assign]
        raise ConnectionError("secret")

    org.log_page = fail_once  # type: ignore[method-assign]

    def progress(what: str, fields: dict[str, Any]) -> None:
        told.append((what, fields))
        if what == "hook_calls_read":
            stop.set()

    async with asyncio.timeout(60):
        await keep_reading(reader, stop, progress, every=0.001)
    assert told == [("hook_calls_failed", {"fault": "ConnectionError"}), ("hook_calls_read", {"count": 1})]
