"""As many concurrent calls as Okta makes, for minutes: whether memory grows, and whether the loop stalls."""

import asyncio
from collections.abc import Iterator

import psutil

from bench import closed_loop, store
from bench.http_client import sign_in
from bench.in_process import service_here
from bench.loop_watch import watched
from bench.own_process import in_own_process
from bench.setting import Setting
from bench.table import Row

AT_ONCE = 75
"""Concurrent calls of inline hooks that Okta allows an org.
https://developer.okta.com/docs/reference/rl-additional-limits/"""
STALL = 0.020
"""Maximum seconds of a stall of the loop."""


def rows(setting: Setting) -> Iterator[Row]:
    """Run for ten minutes in full, otherwise one round for each round of the other measurements."""
    url = setting.people("fast")
    minutes = 10.0 if setting.full else setting.seconds * 4 / 60
    growth, busy, late = in_own_process(_soak, url, setting.number, minutes * 60)
    note = f"{minutes:.1f} min of {AT_ONCE} calls at once"
    yield Row("memory at the end", [growth], "memory after a quarter of the time", note)
    yield Row("longest stall of the loop, computing", [busy / STALL], "20 ms", f"{note}: {busy * 1000:.0f} ms")
    yield Row(
        "longest stall of the loop, by the clock",
        [late / STALL],
        "20 ms",
        f"{late * 1000:.0f} ms, the machine's included",
    )


async def _soak(url: str, people: int, seconds: float) -> tuple[float, float, float]:
    requests = [sign_in(store.login(number), store.PASSWORD) for number in range(people)]
    process = psutil.Process()
    async with service_here(url) as port:
        async with watched() as watch:
            asked = asyncio.create_task(
                asyncio.to_thread(closed_loop.measure, port, requests, callers=AT_ONCE, seconds=seconds)
            )
            await asyncio.sleep(seconds / 4)
            before = process.memory_info().rss
            await asked
        return process.memory_info().rss / before, watch.busy, watch.late
