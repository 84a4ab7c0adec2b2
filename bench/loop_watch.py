"""The longest stall of an event loop, from inside it: how much a tick every two milliseconds comes late."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

EVERY = 0.002
"""Seconds between ticks."""


class LoopWatch:
    """What was seen so far."""

    def __init__(self) -> None:
        self.late = 0.0
        """Seconds of the clock: with other load on the machine, also the time in which the loop was not scheduled."""
        self.busy = 0.0
        """Seconds that the loop's thread computed between two ticks: no other load changes it, but it does not see a
        thread that holds the interpreter's lock, and a virtual machine that is paused seems to compute."""

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            began, computed = time.perf_counter(), time.thread_time()
            await asyncio.sleep(EVERY)
            self.late = max(self.late, time.perf_counter() - began - EVERY)
            self.busy = max(self.busy, time.thread_time() - computed)


@asynccontextmanager
async def watched() -> AsyncIterator[LoopWatch]:
    """Watch the running loop."""
    watch = LoopWatch()
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
