"""Complete migrations on a small scale: provisioning with faults and a real kill, and a migration with lost events."""

import asyncio
import signal

from bench.lost_events import run as lose_events
from bench.provisioning import World, prove
from service.okta_client import open_org
from service.provisioning.plan import Plan
from service.provisioning.provision import Provisioning
from service.settings import ForgetWhen
from service.store.database import Database
from tests.org_fixtures import STORY_ACCOUNTS as ACCOUNTS
from tests.org_fixtures import org_settings


async def test_killed_half_way_under_faults_each_user_exists_once_and_no_limit_is_passed(
    there: World, database: Database
) -> None:
    there.org.limits.window = 1.0
    there.org.switch(lost_answers=0.05, api_errors=0.03, latency=0.02)
    process = await there.start("provision", "--base-url", there.environment["BASE_URL"])
    while len(there.org.users) < ACCOUNTS // 2:  # noqa: ASYNC110 (what it waits for has no event)
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    assert len(there.org.users) < ACCOUNTS
    looked_up, unanswered = 0, 1
    async with open_org(org_settings(there.org), share=0.5) as okta:
        while unanswered:
            totals = await Provisioning(database, okta, Plan(), ForgetWhen.SUCCESS).run()
            looked_up, unanswered = looked_up + totals.looked_up, totals.unanswered
    assert looked_up
    there.org.switch(lost_answers=0.0, api_errors=0.0)
    assert (await prove(there, ACCOUNTS))["users"] == ACCOUNTS


async def test_after_lost_and_doubled_events_the_migrated_are_exactly_those_with_a_success(there: World) -> None:
    lines = await lose_events(there, ACCOUNTS)
    before, proved = lines[1]["before"], lines[3]
    assert isinstance(before, dict)
    assert before["migrated"] < proved["migrated"] == proved["success in the log"]
    assert proved["retired"] == {"deactivated_in_okta": 1, "deleted_in_okta": 1, "password_in_okta": 1}
