"""Provisioning of ten thousand accounts in an org with limits, lost answers, faults and read-only mode, with kills.

    python -m bench.provisioning [--accounts 10000] [--kills 2]

The org's windows are scaled 60:1: one second instead of a minute, with the calls of a minute. `provision` runs as a
command in a separate process, with --share 50%; it is killed with SIGKILL and started again. At the end every guarantee
is asserted: each user exists once, none was armed again, the sums agree, and no window was ever exceeded.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp.test_utils import TestServer

from service.app import make_app, make_parts
from service.embedded_postgres import embedded_sync
from service.settings import Settings
from service.store.database import Database
from service.store.migrations import upgrade
from service.web.server import CONNECTIONS
from simulator import HeaderSecret, Org, serve

ADD = """
WITH source AS (
    INSERT INTO sources (name) VALUES ('bench') ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
), recipe AS (
    INSERT INTO recipes (format, parameters, cost, dummy_hash) VALUES ('bcrypt', $2, 'bcrypt 4', $3)
    ON CONFLICT (format, parameters, cost) DO UPDATE SET cost = excluded.cost RETURNING id
), added AS (
    INSERT INTO accounts (login, login_key, state, profile)
    SELECT login, login, 'waiting', jsonb_build_object('firstName', 'First', 'lastName', 'Last')
    FROM (SELECT format('user%s@example.com', number) AS login FROM generate_series(1, $1) AS number) AS named
    RETURNING id
)
INSERT INTO hashes (account_id, source_id, recipe_id, hash)
SELECT added.id, source.id, recipe.id, $4::bytea FROM added, source, recipe
"""
RECIPE = json.dumps({"charset": "utf-8", "salt_encoding": "text"})
HASH = "$2b$04$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"
DUMMY_HASH = json.dumps({"hash": HASH, "salt": None, "username": None})
ROOT = str(Path(__file__).resolve().parents[1])
PAIR = ("admin", "supersecret")
AUTHORIZATION = "Basic YWRtaW46c3VwZXJzZWNyZXQ="


@dataclass
class World:
    """An org, a service that its hooks call, and the store."""

    org: Org
    pool: asyncpg.Pool
    environment: dict[str, str]
    folder: Path

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start a command of the service."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "service",
            *arguments,
            env=self.environment,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


@asynccontextmanager
async def world(dsn: str, folder: Path, accounts: int) -> AsyncIterator[World]:
    """Create the org, the service and the accounts; everything is closed afterwards."""
    given: dict[str, Any] = {"database_url": dsn, "basic_auth_user": PAIR[0], "basic_auth_password": PAIR[1]}
    settings = Settings(_env_file=None, **given)
    database = Database(dsn, connections=8)
    await database.open()
    async with asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool:
        # Before the service starts, because it then measures the cost of each kind of check.
        await pool.execute(ADD, accounts, RECIPE, DUMMY_HASH, HASH.encode())
        async with make_parts(settings, database) as parts, Org(seed=7) as org, serve(org):
            server = TestServer(make_app(parts))
            await server.start_server(**CONNECTIONS)
            url = str(server.make_url("")).rstrip("/")
            await _set_hooks(org, url)
            environment = {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": ROOT,
                "DATABASE_URL": dsn,
                "OKTA_CLIENT_ORGURL": org.url,
                "OKTA_CLIENT_TOKEN": org.api_token,
                "BASIC_AUTH_USER": PAIR[0],
                "BASIC_AUTH_PASSWORD": PAIR[1],
                "BASE_URL": url,
            }
            yield World(org, pool, environment, folder)
            await server.close()
    await database.close()


async def _set_hooks(org: Org, url: str) -> None:
    secret = HeaderSecret("Authorization", AUTHORIZATION)
    org.hold_deliveries = True
    org.set_password_hook(f"{url}/okta/password-import", secret)
    assert await org.verify_event_hook(org.add_event_hook(f"{url}/okta/events", secret))


async def provision(there: World, accounts: int, kills: int) -> dict[str, object]:
    """Run the command until it ends by itself, killing it `kills` times, with faults all the time."""
    org, begun = there.org, time.monotonic()
    org.limits.window = 1.0
    org.switch(lost_answers=0.02, api_errors=0.02, latency=0.01)
    kill_at = [accounts * number // (kills + 1) for number in range(1, kills + 1)]
    runs, totals, read_only = 0, {"unanswered": 1}, False
    while totals["unanswered"]:
        runs += 1
        process = await there.start("provision", "--json", "--base-url", there.environment["BASE_URL"])
        ending = asyncio.create_task(process.communicate())
        while not ending.done():
            await asyncio.wait([ending], timeout=0.1)
            if not read_only and len(org.users) > accounts // 2:
                read_only = True
                await _read_only(org, 3.0)
            if kill_at and len(org.users) >= kill_at[0]:
                kill_at.pop(0)
                process.send_signal(signal.SIGKILL)
        out, err = ending.result()
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, err.decode()
            totals = json.loads(out)
    org.switch(lost_answers=0.0, api_errors=0.0, latency=0.0)
    return {"runs": runs, "seconds": round(time.monotonic() - begun, 1), **totals}


async def _read_only(org: Org, seconds: float) -> None:
    org.switch(read_only=True)
    await asyncio.sleep(seconds)
    org.switch(read_only=False)


async def prove(there: World, accounts: int) -> dict[str, object]:
    """Assert every guarantee; return the numbers."""
    org = there.org
    users = list(org.users)
    rows = await there.pool.fetch("SELECT login, okta_id, state FROM accounts")
    outcomes = await there.pool.fetch("SELECT outcome, count(*) AS number FROM provisionings GROUP BY outcome")
    ended = {row["outcome"]: row["number"] for row in outcomes}
    assert len(users) == len({user.login for user in users}) == accounts, len(users)
    assert sum(user.rearmed for user in users) == 0
    assert {row["login"]: row["okta_id"] for row in rows} == {user.login: user.id for user in users}
    assert ended == {"created": accounts}, ended
    limits = org.limits
    ceilings = {bucket: limits.ceiling(bucket) for bucket in limits.most_used}
    half = {bucket: used for bucket, used in limits.most_used.items() if used > ceilings[bucket] // 2}
    assert not half, (half, ceilings)
    assert not limits.refused, limits.refused
    return {"users": len(users), "most in a window": dict(limits.most_used), "allowed": ceilings, "429": 0}


async def main(accounts: int, kills: int) -> None:
    with tempfile.TemporaryDirectory() as folder, embedded_sync(Path(folder) / "data") as dsn:
        await asyncio.to_thread(upgrade, dsn)
        async with world(dsn, Path(folder), accounts) as there:
            print(json.dumps(await provision(there, accounts, kills)))
            print(json.dumps(await prove(there, accounts)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=2)
    options = parser.parse_args()
    asyncio.run(main(options.accounts, options.kills))
