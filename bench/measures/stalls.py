"""The longest stall of the loop under a full pool, for each format, by the lane in which it runs."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from bench.loop_watch import watched
from bench.own_process import in_own_process
from bench.setting import Setting
from bench.table import Row
from service.passwords import registry
from service.passwords.format import Check, Lane, Recipe, StoredHash, UnusableHash
from service.passwords.pool import HashingPool

VECTORS = Path(__file__).parent.parent.parent / "tests" / "passwords" / "vectors.jsonl"
ACCEPTED = 0.020
TRIES = 3
"""A stall counts where it comes each time: what comes once is the machine's."""


def rows(setting: Setting) -> Iterator[Row]:
    """Fill a pool with checks of one format after the other, and name the one that stalls the loop for longest."""
    found = in_own_process(_stalls, 3 if setting.quick else None, min(0.3, setting.seconds))
    for lane in Lane:
        if stalls := found[lane.value]:
            worst = max(stalls, key=lambda name: stalls[name])
            note = f"of {len(stalls)} formats; the worst is {worst}: {stalls[worst] * 1000:.1f} ms"
            yield Row(
                f"longest stall of the loop, lane {lane.value}", [s / ACCEPTED for s in stalls.values()], "20 ms", note
            )


async def _stalls(most: int | None, seconds: float) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    async with HashingPool(queue_within=60) as pool:
        for name, check in list(_checks().items())[:most]:
            await pool.warm([check])
            found[check.lane.value][name] = min([await _stall(pool, check, seconds) for _ in range(TRIES)])
    return found


async def _stall(pool: HashingPool, check: Check, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    async def ask(account: int) -> None:
        while loop.time() < end:
            await pool.verify([check], "wrong", account=account, deadline=loop.time() + 600)
            await asyncio.sleep(0)

    async with watched() as watch:
        await asyncio.sleep(0)
        await asyncio.gather(*(ask(account) for account in range(4 * pool.snapshot().workers)))
    return watch.late


def _checks() -> dict[str, Check]:
    """Make one check of each format of which other implementations made a hash."""
    checks: dict[str, Check] = {}
    for line in VECTORS.read_text().splitlines():
        given = json.loads(line)
        stored = given.get("hash") or given.get("password_hash")
        for known in registry.candidates(stored)[:1]:
            try:
                checks.setdefault(known.name, known.parse(StoredHash(stored, Recipe(known.name), given.get("salt"))))
            except UnusableHash:
                continue  # it needs a pepper, a name, or parameters that stand in another column
    return checks
