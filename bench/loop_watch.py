"""The longest stall of an event loop, measured inside it: the largest delay of a tick every two milliseconds."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

EVERY = 0.002
"""Seconds between ticks."""


class LoopWatch:
    """The measurements so far."""

    def __init__(self) -> None:
        self.late = 0.0
        """Elapsed seconds: with other load on the machine, including the time in which the loop was not scheduled."""
        self.busy = 0.0
        """CPU seconds of the loop's thread between two ticks: other load does not change them, but they exclude a
        thread that holds the interpreter's lock, and include pauses of a virtual machine."""

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            began, computed = time.perf_counter(), time.thread_time()
            await asyncio.sleep(EVERY)
            self.late = max(self.late, time.perf_counter() - began - EVERY)
            self.busy = max(self.busy, time.thread_time() - computed)


@asynccontextmanager
async def watched() -> AsyncIterator[LoopWatch]:
    """Measure the running loop."""
    watch = LoopWatch()
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
