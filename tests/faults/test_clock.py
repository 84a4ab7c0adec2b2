"""Clocks that jump: a SUCCESS is accepted by the times of Okta and PostgreSQL, and nothing waits for clocks."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from service.import_events.record import Channel, record_delivery
from service.okta.events import Delivery, ImportEvent
from service.settings import ForgetWhen
from service.signin.queries import record_verified
from service.store.database import Database
from tests.faults.conftest import tell, under_load
from tests.people import add_person, hashes_of, plain

FAKETIME = shutil.which("faketime")


@pytest.mark.parametrize("ahead", [timedelta(days=-400), timedelta(minutes=-30), timedelta(), timedelta(days=400)])
@pytest.mark.parametrize("forget_when", list(ForgetWhen))
async def test_a_jump_of_the_database_clock_never_deletes_more_than_the_setting_allows(
    database_url: str, pool: asyncpg.Pool, ahead: timedelta, forget_when: ForgetWhen
) -> None:
    """Our VERIFIED appears to be `ahead` of Okta's SUCCESS; if it is later, the careful setting keeps the hash."""
    person = await add_person(pool, "jessie@example.com", "right")
    async with pool.acquire() as proxy:
        await record_verified(plain(proxy), person.id)
    published = datetime.now(UTC)
    await pool.execute("UPDATE accounts SET verified_at = $1", published + ahead)
    event = ImportEvent("e1", "00u1", person.login, "SUCCESS", None, published, None)
    database = Database(database_url)
    await database.open()
    await record_delivery(database, Delivery(None, (event,), 0, ()), channel=Channel.HOOK, forget_when=forget_when)
    await database.close()
    is_kept = forget_when is ForgetWhen.VERIFIED and ahead > timedelta()
    assert await hashes_of(pool, person) == is_kept
    assert await pool.fetchval("SELECT effect FROM import_events") == ("unexplained" if is_kept else "migrated")


@pytest.mark.skipif(FAKETIME is None, reason="NOT TESTED: a service with a wrong clock; faketime is not installed")
@pytest.mark.parametrize("when", ["-400d", "+400d"])
async def test_a_service_whose_clock_is_a_year_off_answers_as_ever(database_url: str, when: str) -> None:
    library = await _library()
    async with under_load(database_url, LD_PRELOAD=library, FAKETIME=when, FAKETIME_DONT_FAKE_MONOTONIC="1") as traffic:
        await tell(f"clock off by {when}", traffic)
        await traffic.assert_nothing_lost(database_url)


async def _library() -> str:
    """Return the library that `faketime` preloads."""
    shown = await asyncio.create_subprocess_exec(
        str(FAKETIME), "now", "sh", "-c", "echo $LD_PRELOAD", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await shown.communicate()
    return out.decode().strip()
