"""The longest stall of the loop under a full pool, for each format, by executor."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from timeit import timeit

from bench.loop_watch import watched
from bench.own_process import in_own_process
from bench.setting import Setting
from bench.table import Row
from service.hashing.executor import Executor
from service.hashing.format import Check
from service.hashing.pool import HashingPool
from tests.hashing.vectors import ALL, load

ACCEPTED = 0.020
TRIES = 3
"""A stall counts if it recurs: a single one is due to the machine."""


def rows(setting: Setting) -> Iterator[Row]:
    """Fill a pool with checks of one format after the other, and name the one with the longest stall."""
    found = in_own_process(_stalls, 3 if setting.quick else None, min(0.3, setting.seconds))
    for executor in Executor:
        if stalls := found[executor.value]:
            worst = max(stalls, key=lambda name: stalls[name])
            note = f"of {len(stalls)} formats; the worst is {worst}: {stalls[worst] * 1000:.1f} ms"
            yield Row(
                f"longest stall of the loop, lane {executor.value}",
                [s / ACCEPTED for s in stalls.values()],
                "20 ms",
                note,
            )


async def _stalls(most: int | None, seconds: float) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    async with HashingPool(queue_timeout=60) as pool:
        for name, check in _checks(most).items():
            await pool.warm([check])
            found[check.executor.value][name] = min([await _stall(pool, check, seconds) for _ in range(TRIES)])
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


def _checks(most: int | None) -> dict[str, Check]:
    """Return one check of each format for which other implementations made a hash: the most expensive one."""
    dearest: dict[str, tuple[float, Check]] = {}
    for line in ALL[:most]:
        vector = load(line)
        check, name = vector.check, vector.stored.recipe.format
        seconds = timeit(partial(check.verify, "wrong"), number=1)
        if name not in dearest or dearest[name][0] < seconds:
            dearest[name] = seconds, check
    return {name: check for name, (_, check) in dearest.items()}
