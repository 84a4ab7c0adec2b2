"""Reading the System Log: the effects of events, where reading resumes, and what happens if it cannot."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from service.import_events.decide import Effect
from service.okta import system_log as okta_system_log
from service.okta.errors import MalformedAnswer, NoAnswer, Refused
from service.okta_client.org import OktaOrg
from service.reconciliation import queries, system_log
from service.reconciliation.queries import find_cursor, save_cursor
from service.reconciliation.system_log import LogReader
from service.settings import ForgetWhen
from service.store.database import Database
from simulator import Org
from tests.people import event, hashes_of, state_of
from tests.service_fixtures import Add

JESSIE, KIM = "jessie.smith@example.com", "kim.sato@example.com"


@pytest.fixture
def reader(database: Database, okta: OktaOrg) -> LogReader:
    return LogReader(database, okta, ForgetWhen.SUCCESS)


async def sign_in(org: Org, login: str) -> None:
    assert (await org.sign_in(login, "password1")).imported


async def test_a_success_that_no_event_hook_brought_is_applied(
    hooked: Org, reader: LogReader, add: Add, pool: asyncpg.Pool
) -> None:
    jessie, kim = await add(JESSIE), await add(KIM)
    hooked.add_user(JESSIE)
    hooked.switch(drop=1.0)
    await sign_in(hooked, JESSIE)
    report = await reader.catch_up()
    assert (report.events, report.effects) == (1, {Effect.MIGRATED: 1})
    assert (await state_of(pool, jessie), await hashes_of(pool, jessie)) == ("migrated", 0)
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("waiting", 1)


async def test_an_event_that_the_hook_brought_before_changes_nothing(
    hooked: Org, reader: LogReader, add: Add, pool: asyncpg.Pool
) -> None:
    await add(JESSIE)
    hooked.add_user(JESSIE)
    await sign_in(hooked, JESSIE)
    await hooked.flush_events()
    report = await reader.catch_up()
    assert (report.events, report.effects) == (1, {})
    assert await pool.fetchval("SELECT channel FROM import_events") == "hook"


async def test_reading_goes_on_where_it_stopped(hooked: Org, reader: LogReader, add: Add) -> None:
    await add(JESSIE)
    await add(KIM)
    hooked.add_user(JESSIE)
    hooked.add_user(KIM)
    hooked.switch(drop=1.0)
    await sign_in(hooked, JESSIE)
    await reader.catch_up()
    await sign_in(hooked, KIM)
    report = await reader.catch_up()
    assert (report.events, report.since) == (1, None)


async def test_an_event_that_was_persisted_late_is_found(hooked: Org, reader: LogReader, add: Add) -> None:
    await add(JESSIE)
    hooked.add_user(JESSIE)
    hooked.switch(drop=1.0, log_delay=3600.0)
    await sign_in(hooked, JESSIE)
    assert (await reader.catch_up()).events == 0
    hooked.clock.advance(hours=2)
    assert (await reader.catch_up()).effects == {Effect.MIGRATED: 1}


async def test_a_second_look_overlaps_the_first(hooked: Org, reader: LogReader, add: Add) -> None:
    await add(JESSIE)
    hooked.add_user(JESSIE)
    hooked.switch(drop=1.0)
    await sign_in(hooked, JESSIE)
    reader.clock = lambda: datetime.now(UTC) + timedelta(seconds=1)  # Okta's precision is milliseconds
    assert (await reader.rescan()).effects == {Effect.MIGRATED: 1}
    assert (await reader.rescan()).events == 1


async def test_a_link_that_okta_refuses_is_replaced_by_reading_again(
    hooked: Org, reader: LogReader, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    hooked.add_user(JESSIE)
    await reader.catch_up()
    hooked.switch(drop=1.0)
    await sign_in(hooked, JESSIE)
    hooked.log.epoch += 1
    report = await reader.catch_up()
    assert report.cursor_lost
    assert report.incomplete
    assert await state_of(pool, person) == "migrated"
    assert not (await reader.catch_up()).cursor_lost


async def test_a_link_to_another_host_never_gets_the_token(okta: OktaOrg, org: Org) -> None:
    with pytest.raises(MalformedAnswer, match="leads away"):
        await okta.next_log_page("http://127.0.0.1:9/api/v1/logs?after=x")
    with pytest.raises(MalformedAnswer, match="leads away"):
        await okta.next_log_page(org.url.replace("http://", "http://x@") + "/api/v1/logs")
    with pytest.raises(MalformedAnswer, match="leads away"):
        await okta.next_log_page(f"{org.url}.evil.example/api/v1/logs")


async def test_a_refused_token_does_not_lose_the_link(
    org: Org, okta: OktaOrg, reader: LogReader, pool: asyncpg.Pool
) -> None:
    await reader.catch_up()
    before = await pool.fetchval("SELECT next_link FROM log_cursors")
    org.api_token = "another"
    with pytest.raises(Refused):
        await reader.catch_up()
    assert await pool.fetchval("SELECT next_link FROM log_cursors") == before


async def test_the_link_is_kept_as_it_was_given(org: Org, okta: OktaOrg, reader: LogReader, pool: asyncpg.Pool) -> None:
    await reader.catch_up()
    _, link = await okta.next_log_page(await pool.fetchval("SELECT next_link FROM log_cursors"))
    assert link is not None
    assert link.count("%22user.import.password%22") == 1


async def test_a_death_before_the_link_is_saved_reads_the_page_again(
    hooked: Org, reader: LogReader, add: Add, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await add(JESSIE)
    hooked.add_user(JESSIE)
    hooked.switch(drop=1.0)
    await sign_in(hooked, JESSIE)

    async def die(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(queries, "save_cursor", die)
        with pytest.raises(ConnectionError):
            await reader.catch_up()
    assert await state_of(pool, person) == "migrated"
    assert await pool.fetchval("SELECT count(*) FROM log_cursors") == 0
    assert (await reader.catch_up()).events == 1


async def test_since_reads_again_what_was_read_before(hooked: Org, reader: LogReader, add: Add) -> None:
    await add(JESSIE)
    hooked.add_user(JESSIE)
    hooked.switch(drop=1.0)
    await sign_in(hooked, JESSIE)
    await reader.catch_up()
    assert (await reader.catch_up()).events == 0
    assert (await reader.catch_up(datetime.now(UTC) - timedelta(days=1))).events == 1


async def test_since_skips_nothing_that_was_not_read_yet(
    hooked: Org, reader: LogReader, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    hooked.add_user(JESSIE)
    await reader.catch_up()
    hooked.switch(drop=1.0)
    await sign_in(hooked, JESSIE)
    now = datetime.now(UTC)
    reader.clock = lambda: now + timedelta(hours=2)
    assert (await reader.catch_up(now + timedelta(hours=1))).events == 1
    assert await state_of(pool, person) == "migrated"


async def test_since_shortens_no_second_look(hooked: Org, reader: LogReader, add: Add) -> None:
    await add(JESSIE)
    hooked.add_user(JESSIE)
    await reader.catch_up()
    await reader.rescan()
    hooked.switch(drop=1.0)
    await sign_in(hooked, JESSIE)
    now = datetime.now(UTC)
    reader.clock = lambda: now + timedelta(hours=2)
    assert (await reader.rescan(now + timedelta(hours=1))).events == 1


async def test_after_ninety_days_without_reading_events_are_known_to_be_lost(
    okta: OktaOrg, reader: LogReader, database: Database
) -> None:
    await reader.catch_up()
    reader.clock = lambda: datetime.now(UTC) + timedelta(days=80)
    report = await reader.catch_up()
    assert (len(report.warnings), report.incomplete) == (1, False)
    async with database.transaction() as connection:
        cursor = await find_cursor(connection, okta.host)
        assert cursor is not None
        await save_cursor(connection, okta.host, cursor.next_link, datetime.now(UTC) - timedelta(days=20))
    report = await reader.catch_up()
    assert report.incomplete, report.warnings
    assert any("90 days" in warning for warning in report.warnings), report.warnings


async def test_since_before_the_retention_is_cut_and_said(reader: LogReader) -> None:
    report = await reader.catch_up(datetime.now(UTC) - timedelta(days=400))
    assert report.incomplete
    assert "90 days" in report.warnings[0]


async def test_many_pages_are_read_to_the_end(hooked: Org, reader: LogReader, add: Add, pool: asyncpg.Pool) -> None:
    for number in range(25):
        await add(f"{number}@example.com")
        hooked.add_user(f"{number}@example.com")
        await hooked.sign_in(f"{number}@example.com", "wrong")
    report = await LogReader(reader.database, _Small(reader.log, 10), ForgetWhen.SUCCESS).catch_up()
    assert (report.events, report.pages) == (25, 4)
    assert await pool.fetchval("SELECT count(*) FROM import_events WHERE effect = 'kept'") == 25


async def test_reading_ends_although_people_go_on_signing_in(reader: LogReader) -> None:
    """A page of a busy log is never empty."""
    busy = _Busy(20)
    report = await LogReader(reader.database, busy, ForgetWhen.SUCCESS, clock=busy.clock).catch_up()
    assert report.pages == 1


async def test_a_page_that_is_full_is_not_the_last_however_new_its_events_are(
    reader: LogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Okta's clock may be ahead of ours."""
    monkeypatch.setattr(system_log, "PAGE", 1)
    busy = _Busy(20)
    report = await LogReader(reader.database, busy, ForgetWhen.SUCCESS, clock=busy.clock).catch_up()
    assert report.pages == 21


async def test_a_link_that_is_lost_in_the_midst_of_catching_up_loses_no_event(
    hooked: Org, reader: LogReader, add: Add, pool: asyncpg.Pool
) -> None:
    for number in range(25):
        await add(f"{number}@example.com")
        hooked.add_user(f"{number}@example.com")
        await hooked.sign_in(f"{number}@example.com", "wrong")
    hooked.clock.advance(hours=5)
    dying = _Small(reader.log, 10, pages=1)
    with pytest.raises(NoAnswer):
        await LogReader(reader.database, dying, ForgetWhen.SUCCESS, clock=hooked.clock.now).catch_up()
    hooked.log.epoch += 1
    reader.clock = hooked.clock.now
    assert (await reader.catch_up()).cursor_lost
    assert await pool.fetchval("SELECT count(*) FROM import_events WHERE effect = 'kept'") == 25


class _Busy:
    """A log in which a person signs in before each read."""

    host = "busy.example.com"

    def __init__(self, most: int) -> None:
        self.most, self.asked = most, 0

    def clock(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self.asked)

    async def log_page(self, _query: Mapping[str, str]) -> okta_system_log.Page:
        self.asked += 1
        published = (self.clock()).isoformat()
        happened = [event(f"e{self.asked}", "00u1", JESSIE, published=published)] if self.asked <= self.most else []
        return list(happened), "https://busy.example.com/api/v1/logs"

    async def next_log_page(self, _link: str) -> okta_system_log.Page:
        return await self.log_page({})


class _Small:
    """The log in smaller pages, of which only so many are available."""

    def __init__(self, log: system_log.Log, page: int, pages: int = 1000) -> None:
        self.log, self.page, self.pages = log, page, pages

    @property
    def host(self) -> str:
        return self.log.host

    async def log_page(self, query: Mapping[str, str]) -> okta_system_log.Page:
        return await self.log.log_page({**query, "limit": str(self.page)})

    async def next_log_page(self, link: str) -> okta_system_log.Page:
        self.pages -= 1
        if not self.pages:
            raise NoAnswer
        return await self.log.next_log_page(link)
