"""The hashing pool: admits a call or rejects it at once, queues it, runs its checks, returns the verdict.

A call whose answer would come too late is rejected before it uses the CPU: a check whose caller has given up takes time
from one that could still be answered.
"""

import asyncio
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from types import TracebackType
from typing import Self

from service.hashing.check import attempts_at
from service.hashing.executor import Executor
from service.hashing.format import Check
from service.hashing.interleaved.engine import LANES
from service.hashing.interleaved.interleaving import Interleavable, Interleaving
from service.hashing.pool.admission import Admission, Estimates, Overloaded, Reserve
from service.hashing.pool.fair_queue import BandKey, FairQueue
from service.hashing.pool.job import Job, Outcome, try_checks
from service.hashing.pool.workers import Workers, usable_cores
from service.immutable import immutable


@immutable
class Snapshot:
    """The pool's state, for metrics."""

    workers: int
    queued: int
    running: int
    refused: int
    """Calls rejected at admission."""
    dropped: int
    """Calls that were queued and not hashed, because they timed out or their caller disconnected."""
    failed: int
    """Calls in which a check failed with an error."""
    estimates: dict[str, float]
    """Measured seconds per cost."""


class HashingPool:
    """Runs checks on `workers` cores (default: all usable ones); no call waits longer than `queue_timeout` seconds."""

    def __init__(
        self, *, workers: int | None = None, queue_timeout: float = 1.0, interleaving: Interleaving | None = None
    ) -> None:
        self._size = workers or usable_cores()
        self._interleaving = interleaving
        # More jobs than workers are handed over, so that a worker that finishes a job does not wait for the loop to
        # send the next: a cheap check would leave it idle, and a lane would stay empty for a step.
        self._handed = {False: self._size + max(1, self._size // 2), True: self._size * (LANES + 1)}
        self._queue = FairQueue()
        self._estimates = Estimates()
        self._reserve = Reserve(self._size)
        self._admission = Admission(self._size, queue_timeout, self._estimates, self._queue, self._reserve)
        self._workers = Workers(self._size, self._finish, interleaving)
        self._running: set[Job] = set()
        self._idle = asyncio.Event()
        self._closing = True
        self._refused = self._dropped = self._failed = 0

    async def start(self) -> None:
        """Start the workers; the pool is bound to the running loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._workers.start()
        self._closing = False

    async def close(self) -> None:
        """Reject new calls, finish accepted ones, stop the workers."""
        if self._closing:
            return
        self._closing = True
        self._admission.close()
        self._settle()
        await self._idle.wait()
        await asyncio.to_thread(self._workers.stop)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.close()

    async def verify(
        self,
        checks: Sequence[Check],
        password: str,
        *,
        account: Hashable,
        deadline: float,
        on_waited: Callable[[float], None] = lambda _seconds: None,
    ) -> bool:
        """Return whether any of `checks` matches `password`, before `deadline` on the loop's clock.

        Calls with an equal `account` share one turn. A check does not run, and does not match, if the password is too
        long for it. `on_waited` is told the seconds that the call spent in the queue, once it has a verdict. Raises
        `Overloaded` if the verdict cannot be reached in time, and `CheckFailed` if no check matched and one failed with
        an error.
        """
        taking = [check for check in checks if check.takes(password)]
        every = [attempt for check in taking for attempt in attempts_at(check, password)]
        # An interpretation may be longer than the typed password.
        attempts = [attempt for attempt in every if attempt.takes(password)]
        cheap = [check for check in attempts if check.executor is Executor.INLINE]
        dear = [check for check in attempts if check.executor is not Executor.INLINE]
        outcome = try_checks(cheap, password)
        if outcome.matched or not dear:
            return self._verdict(outcome)
        job = self._admit(dear, password, account, deadline)
        matched = await self._submit(job, deadline)
        on_waited(job.waited)
        return matched or self._verdict(outcome)

    def require_room(self, kinds: Iterable[Check], *, account: Hashable, deadline: float) -> None:
        """Raise `Overloaded` if no check of `kinds` would be admitted now: a rejection then costs no database read."""
        overloaded = None
        for check in kinds if self._is_full() else ():
            try:
                self._estimate(attempts_at(check, "warm-up")[:1], "", account, deadline)
            except Overloaded as refused:
                overloaded = refused
            else:
                return
        if overloaded is not None:
            self._refused += 1
            raise overloaded

    def core_seconds(self, check: Check) -> float | None:
        """Return the measured core seconds of `check` with all lanes in use, or None."""
        seconds = self.estimate(check.cost)
        return None if seconds is None else seconds * self._share(attempts_at(check, "warm-up")[:1])

    async def warm(self, checks: Iterable[Check]) -> None:
        """Measure the cost of each of `checks`, on all cores at once as under load, and start the worker processes."""
        for check in checks:
            # One attempt, since estimates are per attempt.
            first = attempts_at(check, "warm-up")[:1]
            places = round(self._size / self._share(first))
            jobs = [self._job(first, "warm-up", object(), 0.0, math.inf) for _ in range(places)]
            for job in jobs:
                self._queue.put(job)
            self._hand_over()
            await asyncio.gather(*(job.future for job in jobs), return_exceptions=True)
            if (seconds := self.core_seconds(check)) is not None:
                self._reserve.note(seconds, self._loop.time())

    def estimate(self, cost: str) -> float | None:
        """Return the measured seconds of a cost, or None if it never ran here."""
        return self._estimates.measured(cost)

    def snapshot(self) -> Snapshot:
        """Return the pool's state."""
        return Snapshot(
            workers=self._size,
            queued=len(self._queue),
            running=self._count_running(),
            refused=self._refused,
            dropped=self._dropped,
            failed=self._failed,
            estimates=self._estimates.measurements(),
        )

    def _admit(self, checks: Sequence[Check], password: str, account: Hashable, deadline: float) -> Job:
        # Rejected ones too: a short call that finds every core taken by long ones is what the reserve is for.
        work = self._admission.expect(checks, password) * self._share(checks)
        self._reserve.note(work, self._loop.time())
        try:
            seconds = self._estimate(checks, password, account, deadline)
        except Overloaded:
            self._refused += 1
            raise
        return self._job(checks, password, account, seconds, deadline)

    def _estimate(self, checks: Sequence[Check], password: str, account: Hashable, deadline: float) -> float:
        now, share = self._loop.time(), self._share(checks)
        return self._admission.admit(
            checks, account, self._running, now=now, deadline=deadline, share=share, password=password
        )

    def _share(self, checks: Iterable[Check]) -> float:
        """Return the share of a core that a call with `checks` takes while it runs."""
        if self._interleaving is None or not self._interleaving.usable:
            return 1.0
        return 1 / LANES if all(isinstance(check, Interleavable) for check in checks) else 1.0

    def _is_full(self) -> bool:
        smallest = 1 / LANES if self._interleaving else 1.0
        return sum(job.share for job in self._running) + smallest > self._size

    def _count_running(self) -> int:
        """Count the calls that have a place; a few more are handed over."""
        interleaved = sum(job.interleaved for job in self._running)
        return min(interleaved, self._size * LANES) + min(len(self._running) - interleaved, self._size)

    def _job(self, checks: Sequence[Check], password: str, account: Hashable, seconds: float, deadline: float) -> Job:
        future = self._loop.create_future()
        share, now = self._share(checks), self._loop.time()
        return Job(checks, password, account, seconds, future, share=share, deadline=deadline, submitted=now)

    async def _submit(self, job: Job, deadline: float) -> bool:
        self._queue.put(job)
        self._hand_over()
        if job in self._running:
            return await job.future
        timer = self._loop.call_at(deadline - job.seconds, self._expire, job)
        job.future.add_done_callback(lambda _: self._leave(job, timer))
        return await job.future

    def _expire(self, job: Job) -> None:
        if job.awaited and job not in self._running:
            job.future.set_exception(Overloaded(job.seconds))

    def _leave(self, job: Job, timer: asyncio.TimerHandle) -> None:
        timer.cancel()
        if self._queue.discard(job):
            self._dropped += 1
            self._settle()

    def _hand_over(self) -> None:
        while (job := self._queue.take(self._fits)) is not None:
            job.handed_over = self._loop.time()
            self._running.add(job)
            self._workers.hand_over(job)

    def _fits(self, key: BandKey) -> bool:
        if sum(job.interleaved == key.interleaved for job in self._running) >= self._handed[key.interleaved]:
            return False
        return not key.is_long or self._is_open_to_long(1 / LANES if key.interleaved else 1.0)

    def _is_open_to_long(self, share: float) -> bool:
        cores = self._reserve.open_to_long(self._loop.time())
        return cores == self._size or sum(job.share for job in self._running if job.is_long) + share <= cores

    def _finish(self, job: Job, outcome: Outcome | None) -> None:
        self._running.discard(job)
        self._queue.end(job)
        self._hand_over()
        if outcome is None:
            self._dropped += 1
        else:
            self._learn(job, outcome)
        self._settle()

    def _learn(self, job: Job, outcome: Outcome) -> None:
        for cost, size, seconds in outcome.timings:
            self._estimates.learn(cost, seconds, size=size, had=job.deadline - job.handed_over)
        if not job.awaited:
            return
        ran = sum(seconds for _, _, seconds in outcome.timings)
        job.waited = max(0.0, self._loop.time() - job.submitted - ran)
        try:
            job.future.set_result(self._verdict(outcome))
        except Exception as fault:  # noqa: BLE001 - the error goes to the caller
            job.future.set_exception(fault)

    def _verdict(self, outcome: Outcome) -> bool:
        self._failed += outcome.fault is not None
        return outcome.verdict()

    def _settle(self) -> None:
        if self._closing and not self._running and not len(self._queue):
            self._idle.set()
