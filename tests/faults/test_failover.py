"""The primary fails or stops responding under load, and its standby is promoted: a URL with both hosts still works.

With a synchronous standby, nothing acknowledged is lost. With an asynchronous one it may be; reading the System Log
again then restores it.
"""

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest

from service.store.database import Database
from simulator import Org, serve
from simulator.log import Record
from tests.faults.conftest import under_load
from tests.faults.okta_side import reconciled
from tests.faults.servers import Server, a_server, a_standby
from tests.faults.traffic import Traffic, success_of, until

SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = '*'"


@pytest.fixture
def primary() -> Iterator[Server]:
    with a_server() as server:
        yield server


@pytest.fixture
def standby(primary: Server) -> Iterator[Server]:
    with a_standby(primary) as server:
        yield server


def both(primary: Server, standby: Server) -> str:
    return primary.url.replace(primary.host, f"{primary.host},{standby.host}")


async def fail_over(standby: Server, traffic: Traffic, what: str) -> None:
    began, seen = time.monotonic(), len(traffic.acknowledged)
    await asyncio.to_thread(standby.promote)
    await until(lambda: len(traffic.acknowledged) > seen)
    first = time.monotonic() - began
    await traffic.until_well()
    took = f"first write {first:.1f} s, last fault {traffic.last_fault - began:.1f} s after the promotion began"
    print(f"{what}: {took}; {dict(traffic.answers)}")  # noqa: T201


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_with_a_synchronous_standby_nothing_acknowledged_is_lost(
    primary: Server, standby: Server, how: str
) -> None:
    primary.run_sql(SYNCHRONOUS)
    primary.run_sql("SELECT pg_reload_conf()")
    async with under_load(both(primary, standby), prepared_by=primary.url) as traffic:
        if how == "killed":
            await asyncio.to_thread(primary.stop, signal.SIGKILL)
        else:
            primary.freeze()
        await fail_over(standby, traffic, f"synchronous, primary {how}")
        await traffic.assert_nothing_lost(standby.url)
        if how == "frozen":
            primary.stop(signal.SIGKILL)


async def test_what_an_asynchronous_standby_had_not_got_is_put_back_from_the_log(
    primary: Server, standby: Server
) -> None:
    async with under_load(both(primary, standby), prepared_by=primary.url) as traffic:
        await asyncio.to_thread(standby.stop)  # the standby falls behind
        seen = len(traffic.acknowledged)
        await until(lambda: len(traffic.acknowledged) > seen + 20)
        await asyncio.to_thread(primary.stop, signal.SIGKILL)
        await asyncio.to_thread(standby.start)
        await fail_over(standby, traffic, "asynchronous")
        before = await recorded(standby)
        assert not traffic.acknowledged <= before, "nothing was lost, so nothing can be put back"
        await read_log_again(standby.url, traffic)
        await traffic.assert_nothing_lost(standby.url)


async def recorded(server: Server) -> set[int]:
    database = Database(server.url)
    await database.open()
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT uuid FROM import_events")
    await database.close()
    return {int(row["uuid"][1:]) for row in rows}


async def read_log_again(url: str, traffic: Traffic) -> None:
    """Run the command against an org whose log contains what was delivered."""
    async with Org() as org, serve(org):
        now = org.clock.now()
        for number in sorted(traffic.acknowledged):
            org.log.records.append(Record(now, now, success_of(number, traffic.leavers[number])))
        await reconciled(org, url, "--since", "1d", "--no-users")
