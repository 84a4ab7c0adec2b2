"""The service killed with SIGKILL, at each point of a delivery and at random moments, and restarted."""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import aiohttp
import asyncpg
import pytest

from service.store.migrations import ROOT
from tests.import_events.killed_service import POINTS
from tests.people import Person, delivery, event, sign_in
from tests.service_fixtures import AUTHORIZATION, PASSWORD, USER, Add

KILLS = int(os.environ.get("KILLS", "5"))
"""Random moments; the full number is fifty (`KILLS=50`)."""
WAIT = 300
"""Seconds to wait for a service to start or die."""


class Service:
    """A service in a separate process."""

    def __init__(self, database_url: str, **environment: str) -> None:
        self._environment = os.environ | {
            "DATABASE_URL": database_url,
            "BASIC_AUTH_USER": USER,
            "BASIC_AUTH_PASSWORD": PASSWORD,
            "PORT": "0",
            "ADMIN_PORT": "0",
            **environment,
        }
        self.url = ""

    @asynccontextmanager
    async def running(self, kill_at: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.import_events.killed_service",
            cwd=ROOT, env=self._environment | {"KILL_AT": kill_at}, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        try:
            self.url = await listening_at(process.stderr)
            drained = asyncio.create_task(process.stderr.read())
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await drained

    async def post(self, path: str, body: bytes) -> int | None:
        """Return the status of the answer; None if the service died meanwhile."""
        headers = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(self.url + path, data=body, headers=headers) as answer,
            ):
                return answer.status
        except aiohttp.ClientError:
            return None


async def listening_at(log: asyncio.StreamReader) -> str:
    """Return the port on which the service listens, from its log; a port that was free before may be taken by now."""
    async with asyncio.timeout(WAIT):
        while line := await log.readline():
            said = json.loads(line)
            if (said["event"], said.get("name")) == ("listening", "service"):
                return str(said["url"])
    raise AssertionError("the service ended at once")


async def people(add: Add, count: int) -> list[Person]:
    return [await add(f"p{number}@example.com", "x") for number in range(count)]


def outcome_of(persons: Iterable[Person], fails: Callable[[int], bool]) -> list[dict[str, object]]:
    return [
        event(f"e{number}", f"00u{number}", person.login, "FAILURE" if fails(number) else "SUCCESS")
        for number, person in enumerate(persons)
    ]


async def assert_nothing_is_half_done(pool: asyncpg.Pool) -> None:
    """Assert that the accounts with a recorded SUCCESS are tombstones, and exactly these have no hash."""
    tombstones = "SELECT array_agg(id ORDER BY id) FROM accounts WHERE state = 'migrated'"
    successes = "SELECT array_agg(DISTINCT account_id ORDER BY account_id) FROM import_events WHERE outcome = 'SUCCESS'"
    without_hash = (
        "SELECT array_agg(id ORDER BY id) FROM accounts WHERE NOT EXISTS (SELECT FROM hashes WHERE account_id = id)"
    )
    found = [await pool.fetchval(query) for query in (tombstones, successes, without_hash)]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_anywhere_in_a_delivery_leaves_all_of_it_or_nothing(
    database_url: str, pool: asyncpg.Pool, add: Add, point: str
) -> None:
    persons = await people(add, 4)
    body = delivery(*outcome_of(persons, fails=lambda number: number == 3))
    service = Service(database_url)
    async with service.running(kill_at=point) as process:
        assert await service.post("/okta/events", body) is None
        assert await asyncio.wait_for(process.wait(), WAIT) == -signal.SIGKILL
    await assert_nothing_is_half_done(pool)
    async with service.running():
        assert [await service.post("/okta/events", body) for _ in range(2)] == [204, 204]
    await assert_nothing_is_half_done(pool)
    assert await pool.fetchval("SELECT count(*) FROM accounts WHERE state = 'migrated'") == 3
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 1


@pytest.mark.timeout(3 * WAIT + 10 * KILLS)
async def test_kills_at_random_moments_under_load_lose_nothing_acknowledged(
    database_url: str, pool: asyncpg.Pool, add: Add
) -> None:
    chance = random.Random(20261122)  # noqa: S311 (a test that can be repeated)
    persons = await people(add, 60)
    events = outcome_of(persons, fails=lambda number: number % 3 == 0)
    service = Service(database_url)
    acknowledged: set[int] = set()

    async def deliver() -> None:
        while True:
            chosen = chance.sample(range(len(events)), 3)
            if await service.post("/okta/events", delivery(*(events[number] for number in chosen))) == 204:
                acknowledged.update(chosen)

    async def ask() -> None:
        while True:
            await service.post("/okta/password-import", sign_in(chance.choice(persons).login, "x"))

    for _ in range(KILLS):
        async with service.running() as process:
            load = [asyncio.create_task(work()) for work in (deliver, deliver, deliver, ask, ask)]
            await asyncio.sleep(chance.uniform(0.02, 0.4))
            process.kill()
            await process.wait()
            for task in load:
                task.cancel()
            await asyncio.gather(*load, return_exceptions=True)
        await assert_nothing_is_half_done(pool)
        recorded = {row["uuid"] for row in await pool.fetch("SELECT uuid FROM import_events")}
        assert {f"e{number}" for number in acknowledged} <= recorded
    async with service.running():
        assert await service.post("/okta/events", delivery(*events)) == 204
    await assert_nothing_is_half_done(pool)
    assert await pool.fetchval("SELECT count(*) FROM accounts WHERE state = 'migrated'") == 40
