"""A migration with lost and duplicated deliveries and an outage of the service, which `reconcile` must repair.

    python -m bench.lost_events [--accounts 2000]

Of the events, 10 % are never delivered and 10 % are delivered twice; in the middle third deliveries are not answered,
as when the service is down. Some users are reset, deactivated or deleted in Okta. After `reconcile` (the command) the
migrated accounts must be exactly those with a SUCCESS in the org's log, and every other missing hash must have its
proof.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import asyncpg
import bcrypt

from bench.provisioning import World, world
from service.embedded_postgres import embedded_sync
from service.okta.events import IMPORT_EVENT
from service.store.migrations import upgrade
from simulator import Channel, Outcome
from simulator.user import Status, User

PASSWORD = "password1"
TRIES = 60
PAUSE = 0.5
"""Seconds between two attempts of a person."""
BIND = """
UPDATE accounts SET okta_id = given.okta_id FROM unnest($1::text[], $2::text[]) AS given (login, okta_id)
WHERE accounts.login = given.login
"""


async def migrate(there: World, accounts: int, seed: int = 7) -> dict[str, int]:
    """Let people sign in, with faults; return what happened."""
    org, chance = there.org, random.Random(seed)
    org.switch(drop=0.1, duplicate=0.1, reorder=0.2)
    org.hold_deliveries = False
    users = [org.add_user(f"user{number}@example.com") for number in range(1, accounts + 1)]
    chance.shuffle(users)
    third = len(users) // 3
    # Some of the people who sign in are known only by login, as when another script created them.
    known = [user for number, user in enumerate(users) if number % 2 or number > 2 * third]
    await there.pool.execute(BIND, [user.login for user in known], [user.id for user in known])
    await sign_in(there, users[:third])
    for hook in org.event_hooks.values():
        uri, hook.channel = hook.channel, _elsewhere(hook.channel)
        await sign_in(there, users[third : 2 * third])
        await org.flush_events()
        hook.channel = uri
    others = users[2 * third :]
    await sign_in(there, others[: third // 2])
    await org.flush_events()
    return _leave(there, others[third // 2 :])


async def sign_in(there: World, users: list[User]) -> None:
    """Sign people in, sixteen at a time; one in ten mistypes first."""
    turns = asyncio.Semaphore(16)

    async def one(number: int, user: User) -> None:
        async with turns:
            if number % 10 == 0:
                await there.org.sign_in(user.login, "mistyped", ip=f"198.51.100.{number % 250}")
            await _get_in(there, user)

    await asyncio.gather(*(one(number, user) for number, user in enumerate(users)))


async def _get_in(there: World, user: User) -> None:
    """Sign in; if the hook could not answer, as on a machine that pauses, try again as a person would."""
    attempt = await there.org.sign_in(user.login, PASSWORD)
    for _ in range(TRIES):
        if attempt.outcome is not Outcome.HOOK_FAILED:
            break
        await asyncio.sleep(PAUSE)
        attempt = await there.org.sign_in(user.login, PASSWORD)
    assert attempt.signed_in, attempt.outcome


def _elsewhere(channel: Channel) -> Channel:
    return replace(channel, uri="http://127.0.0.1:9/okta/events")


def _leave(there: World, rest: list[User]) -> dict[str, int]:
    """Reset, deactivate, suspend and delete some of the people who never signed in."""
    org, part = there.org, max(1, len(rest) // 20)
    for user in rest[:part]:
        org.reset_password(user)
    for user in rest[part : 2 * part]:
        org.change_status(user, Status.DEPROVISIONED)
        user.status_changed = org.clock.now().replace(year=2020)
    for user in rest[2 * part : 3 * part]:
        org.change_status(user, Status.SUSPENDED)
    for user in rest[3 * part : 4 * part]:
        org.users.remove(user)
    return {"reset": part, "deactivated": part, "suspended": part, "deleted": part, "waiting": len(rest) - 4 * part}


async def prove(there: World) -> dict[str, object]:
    """Assert that the store agrees with the org's log."""
    events = [record.event for record in there.org.log.records if record.type == IMPORT_EVENT]
    stored = {
        target["alternateId"]
        for event in events
        if event["outcome"]["result"] == "SUCCESS"
        for target in event["target"]
        if target["type"] == "User"
    }
    rows = await there.pool.fetch(
        "SELECT login, state, proof, EXISTS (SELECT FROM hashes WHERE account_id = accounts.id) AS armed FROM accounts"
    )
    migrated = {row["login"] for row in rows if row["state"] == "migrated"}
    assert migrated == stored, (len(migrated), len(stored))
    unproved = [row for row in rows if not row["armed"] and not row["proof"]]
    assert not unproved, unproved[:3]
    armed = {row["login"] for row in rows if row["armed"]}
    assert not armed & stored
    proofs = [row["proof"].partition(":")[0] for row in rows if row["state"] == "retired"]
    return {
        "accounts": len(rows),
        "success in the log": len(stored),
        "migrated": len(migrated),
        "retired": {proof: proofs.count(proof) for proof in sorted(set(proofs))},
        "still armed": len(armed),
    }


async def run(there: World, accounts: int) -> list[dict[str, object]]:
    """Run the migration, reconcile, and prove the result; twice, because the second time must change nothing."""
    await store_password(there)
    begun = time.monotonic()
    happened: dict[str, object] = dict(await migrate(there, accounts))
    happened["seconds"] = round(time.monotonic() - begun, 1)
    before = await _states(there.pool)
    first = await _reconcile(there)
    proved = await prove(there)
    second = await _reconcile(there)
    assert await prove(there) == proved
    return [happened, {"before": before}, first, proved, second]


async def _states(pool: asyncpg.Pool) -> dict[str, int]:
    rows = await pool.fetch("SELECT state, count(*) AS number FROM accounts GROUP BY state")
    return {row["state"]: row["number"] for row in rows}


async def _reconcile(there: World) -> dict[str, object]:
    process = await there.start("reconcile", "--json", "--share", "100%")
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    result: dict[str, object] = json.loads(out)
    return result


async def store_password(there: World) -> None:
    """Return every account the password that people sign in with."""
    hashed = await asyncio.to_thread(bcrypt.hashpw, PASSWORD.encode(), bcrypt.gensalt(4))
    await there.pool.execute("UPDATE hashes SET hash = $1", hashed)


async def main(accounts: int) -> None:
    with tempfile.TemporaryDirectory() as folder, embedded_sync(Path(folder) / "data") as dsn:
        await asyncio.to_thread(upgrade, dsn)
        async with world(dsn, Path(folder), accounts) as there:
            for line in await run(there, accounts):
                print(json.dumps(line))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=2_000)
    asyncio.run(main(parser.parse_args().accounts))
