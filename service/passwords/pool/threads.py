"""The workers: threads that run checks, each with a process at hand for those in Python. Knows no turn and no deadline.

A thread that waits for its process uses no core, so threads and processes together never compute on more cores than
there are workers.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

from service.passwords.format import Check, Executor
from service.passwords.pool.job import Job, Outcome, run_here, try_checks
from service.passwords.pool.processes import Companion


class Workers:
    """A fixed number of threads that take jobs in the order they are handed over."""

    def __init__(self, count: int, done: Callable[[Job, Outcome | None], None]) -> None:
        """Call `done` on the loop for each job, with its outcome, or None where nobody wanted it any more."""
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done = done
        self._threads = [threading.Thread(target=self._work, name=f"hashing-{n}", daemon=True) for n in range(count)]

    def start(self) -> None:
        """Start the threads; `done` is called on the loop that runs now."""
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    def hand_over(self, job: Job) -> None:
        """Give `job` to the next thread that is free."""
        self._jobs.put(job)

    def stop(self) -> None:
        """End the threads after all they were given, and wait for them. Blocks."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        companion = Companion()

        def run(check: Check, password: str) -> tuple[bool, float]:
            return companion.run(check, password) if check.executor is Executor.PROCESS else run_here(check, password)

        while (job := self._jobs.get()) is not None:
            outcome = try_checks(job.checks, job.password, run) if job.awaited else None
            self._report(job, outcome)
        companion.close()

    def _report(self, job: Job, outcome: Outcome | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._done, job, outcome)
        except RuntimeError:  # the loop was closed without closing the pool: nobody waits
            return
