"""`reconcile` killed with SIGKILL while it reads the log or pages of users, and run again."""

import asyncio
import random
import signal

import pytest

from bench.lost_events import prove, sign_in, store_password
from bench.provisioning import World
from service.okta.events import IMPORT_EVENT
from service.okta_client import open_org
from service.reconciliation.run import Reconciliation
from service.reconciliation.system_log import LogReader
from service.settings import ForgetWhen
from service.store.database import Database
from simulator.api import logs, user_list
from tests.org_fixtures import STORY_ACCOUNTS, org_settings

RECORDED = "SELECT count(*) FROM import_events"
RENAMED = "SELECT count(*) FROM accounts WHERE okta_login IS NOT NULL"
KILLS = 8
SMALL_PAGE = 5
"""Number of events: enough that a link is saved repeatedly."""


async def test_whatever_moment_it_is_killed_at_the_next_run_reads_on_and_misses_no_event(
    there: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "limit_of", lambda *_, **__: SMALL_PAGE)
    await store_password(there)
    await sign_in(there, [there.org.add_user(f"user{number}@example.com") for number in range(1, STORY_ACCOUNTS + 1)])
    events = sum(record.type == IMPORT_EVENT for record in there.org.log.records)
    there.org.switch(latency=0.02)
    chance = random.Random(20261129)  # noqa: S311 (moments, no secrets)
    for part in range(1, KILLS + 1):
        await kill_when(there, recorded=part * events // (KILLS + 3), after=chance.uniform(0, 0.06))
    assert 0 < await there.pool.fetchval(RECORDED) < events
    async with open_org(org_settings(there.org), share=1.0) as okta:
        # Not the command: its second reading of the last day would find what the first one missed.
        report = await LogReader(database, okta, ForgetWhen.SUCCESS).catch_up()
    assert report.events < events
    assert await there.pool.fetchval(RECORDED) == events
    assert (await prove(there))["migrated"] == STORY_ACCOUNTS


async def test_killed_between_pages_of_users_it_has_kept_whole_pages_and_the_next_run_keeps_the_rest(
    there: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_list, "limit_of", lambda *_, **__: SMALL_PAGE)
    for number in range(1, STORY_ACCOUNTS + 1):
        user = there.org.add_user(f"user{number}@example.com")
        await there.pool.execute("UPDATE accounts SET okta_id = $2 WHERE login = $1", user.login, user.id)
        there.org.rename(user, f"renamed{number}@example.com")
    there.org.switch(latency=0.02)
    await kill_when(there, recorded=STORY_ACCOUNTS // 3, after=0, count=RENAMED)
    kept = await there.pool.fetchval(RENAMED)
    assert STORY_ACCOUNTS // 3 <= kept < STORY_ACCOUNTS
    assert kept % SMALL_PAGE == 0
    async with open_org(org_settings(there.org), share=1.0) as okta:
        await Reconciliation(database, okta, ForgetWhen.SUCCESS).run()
    logins = await there.pool.fetch("SELECT login, okta_login FROM accounts")
    assert {row["okta_login"] for row in logins} == {row["login"].replace("user", "renamed") for row in logins}


async def kill_when(there: World, *, recorded: int, after: float, count: str = RECORDED) -> None:
    """Kill the command so many seconds after the store's count is reached; expire its lease, as half a minute would."""
    process = await there.start("reconcile", "--share", "100%")
    while await there.pool.fetchval(count) < recorded and process.returncode is None:  # noqa: ASYNC110 (no event for it)
        await asyncio.sleep(0.005)
    await asyncio.sleep(after)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    assert process.returncode == -signal.SIGKILL
    await there.pool.execute("UPDATE leases SET expires_at = '-infinity'")
