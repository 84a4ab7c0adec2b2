"""After a restore the store lacks what happened since the backup; `reconcile --since` restores it.

People sign in at a simulated org, and the command reads that org's System Log, as an operator does.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from service.store.migrations import upgrade
from simulator import HeaderSecret, Org, serve
from tests.faults.okta_side import reconciled
from tests.faults.servers import Server, a_server, a_standby
from tests.import_events.test_kill import Service
from tests.people import add_person
from tests.service_fixtures import AUTHORIZATION

PEOPLE = [f"p{number}@example.com" for number in range(30)]
BEFORE, LOST, AFTER = PEOPLE[:10], PEOPLE[10:20], PEOPLE[20:25]
"""People who migrate before the copy, between the copy and the loss, and after it; the others never do."""


@pytest.fixture
def primary() -> Iterator[Server]:
    with a_server() as server:
        yield server


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    async with Org(seed=1, hook_timeout=30.0, batch_window=0.01) as org, serve(org):
        yield org


async def test_what_happened_since_a_backup_comes_back_by_the_command(primary: Server, org: Org) -> None:
    await prepare(primary, org)
    async with hooked(org, primary.url):
        await migrate(org, BEFORE, primary)
        with a_standby(primary) as backup:
            await asyncio.to_thread(backup.stop)
            await migrate(org, LOST, primary)
            await reconciled(org, primary.url)
            await asyncio.to_thread(primary.stop, signal.SIGKILL)
            await asyncio.to_thread(backup.start)
            await asyncio.to_thread(backup.promote)
            async with hooked(org, backup.url):
                await lost_and_put_back(org, backup)


async def lost_and_put_back(org: Org, server: Server) -> None:
    """Check that the lost changes are missing before the command runs, and match the org's log afterwards."""
    assert await migrated(server) == set(BEFORE)
    await migrate(org, AFTER, server)
    progress = await reconciled(org, server.url, "--since", "1d")
    assert progress["log"]["effects"]["migrated"] == len(LOST)
    assert await migrated(server) == {*BEFORE, *LOST, *AFTER} == successes(org)
    connection = await asyncpg.connect(server.url)
    left = await connection.fetch("SELECT login FROM accounts WHERE id IN (SELECT account_id FROM hashes)")
    await connection.close()
    assert {row["login"] for row in left} == set(PEOPLE) - successes(org)


async def prepare(server: Server, org: Org) -> None:
    """Add people to the store and to the org, without events."""
    await asyncio.to_thread(upgrade, server.url)
    async with asyncpg.create_pool(server.url, min_size=1, max_size=2) as pool:
        for login in PEOPLE:
            await add_person(pool, login, login)
            org.add_user(login)


@asynccontextmanager
async def hooked(org: Org, url: str) -> AsyncIterator[None]:
    """Run the service over a database, and set the org's hooks to it."""
    service = Service(url)
    secret = HeaderSecret("Authorization", AUTHORIZATION)
    async with service.running():
        base = f"{service.url}/okta"
        org.inline_hooks.clear()
        org.event_hooks.clear()
        org.set_password_hook(f"{base}/password-import", secret)
        assert await org.verify_event_hook(org.add_event_hook(f"{base}/events", secret))
        yield


async def migrate(org: Org, logins: Iterable[str], server: Server) -> None:
    """Sign people in, each with the right password, and wait until their SUCCESS is acknowledged."""
    wanted = await migrated(server) | set(logins)
    for login in logins:
        await org.sign_in(login, login)
    await org.flush_events()
    await until_migrated(server, len(wanted))


async def migrated(server: Server) -> set[str]:
    connection = await asyncpg.connect(server.url)
    try:
        return {row["login"] for row in await connection.fetch("SELECT login FROM accounts WHERE state = 'migrated'")}
    finally:
        await connection.close()


async def until_migrated(server: Server, number: int) -> None:
    async with asyncio.timeout(300):
        while len(await migrated(server)) < number:  # noqa: ASYNC110 (other processes make it true)
            await asyncio.sleep(0.05)


def successes(org: Org) -> set[str]:
    """Return the users whose password the org has, according to its log."""
    return {
        target["alternateId"]
        for record in org.log.records
        if record.type == "user.import.password" and record.event["outcome"]["result"] == "SUCCESS"
        for target in record.event["target"]
        if target["type"] == "User"
    }
