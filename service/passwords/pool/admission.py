"""Whether a call can be answered in time: wait and cost, predicted before anything is computed. Runs nothing."""

from collections.abc import Collection, Hashable, Sequence

from service.passwords.format import Check
from service.passwords.pool.estimates import Estimates
from service.passwords.pool.fair_queue import FairQueue
from service.passwords.pool.job import Job

MARGIN = 1.2
"""A check is planned to take so many times its average, because single runs scatter."""

CLOSED_FOR = 5.0
"""Seconds until another replica, or the next process, should have taken over from a pool that closes."""


class Overloaded(Exception):
    """The check cannot end in time."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(str(self.__doc__))
        self.retry_after = retry_after
        """Seconds after which the queue should be short enough again."""


class Admission:
    """Lets a call in, or refuses it."""

    def __init__(self, workers: int, queue_timeout: float, estimates: Estimates, queue: FairQueue) -> None:
        self._workers = workers
        self._queue_within = queue_timeout
        self._estimates = estimates
        self._queue = queue
        self._open = True

    def close(self) -> None:
        """Let nobody in from now on."""
        self._open = False

    def admit(
        self, checks: Sequence[Check], account: Hashable, running: Collection[Job], *, now: float, deadline: float
    ) -> float:
        """Give the estimated seconds of `checks`. Raises `Overloaded` where they cannot end before `deadline`."""
        if not self._open:
            raise Overloaded(CLOSED_FOR)
        seconds = sum(self._estimates.expect(check.cost) for check in checks)
        wait = self._wait(account, seconds, running, now)
        # Where nobody waits, a check that may just end in time is worth trying.
        late = now + wait + (MARGIN if wait else 1) * seconds > deadline and not self._probes(checks, wait)
        # The check's own time is part of what the person waits, so that right after a storm answers are quick again;
        # at most half of it, so that a dear check may wait too.
        bound = self._queue_within - min(seconds, self._queue_within / 2)
        if late or wait > bound:
            raise Overloaded(max(wait - bound, 0.0) + seconds)
        return seconds

    def _wait(self, account: Hashable, seconds: float, running: Collection[Job], now: float) -> float:
        """Predict the seconds until a new call would have a worker."""
        if len(running) < self._workers:
            return 0.0
        left = sum(max(job.seconds - (now - job.handed_over), 0.0) for job in running)
        return (left + self._queue.ahead_of(account, seconds)) / self._workers

    def _probes(self, checks: Sequence[Check], wait: float) -> bool:
        """Tell whether the call may run against its estimate: a worker is free, and the estimate is old."""
        return wait == 0 and any(self._estimates.doubtful(check.cost) for check in checks)
