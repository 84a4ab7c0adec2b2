"""Admission control: predicts the wait and the cost of a call before anything is computed."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

from service.hashing.format import Check
from service.hashing.pool.fair_queue import FairQueue
from service.hashing.pool.job import LONG, Job, timed_size

# The seconds that a check of each cost takes on this machine: a moving average of measurements.

UNMEASURED = 0.25
"""Seconds assumed for a cost that was never measured: about bcrypt 12, the most expensive of the common ones."""

WEIGHT = 0.1
"""The weight of a new sample: after ten samples (a third of a second of bcrypt 10 on two cores) they dominate."""

OUTLIER = 4.0
"""A sample counts as at most this multiple of the average, so that a paused machine does not close the pool."""

DOUBT_AFTER = 10.0
"""Seconds after which an average is doubted, so that a wrong average cannot prevent its own correction."""

REMEMBERED = 1024
"""Maximum number of costs kept: stores with random rounds have thousands of them."""


BLOCK = 64
"""A digest's block size in bytes. A password longer than any measured one is assumed to be hashed twice per round, as
in SHA-crypt: too high for most formats, and the first run corrects it."""


def _sized(cost: str, size: int) -> str:
    return f"{cost}, {size} bytes" if size else cost


@dataclass(slots=True)
class _Average:
    seconds: float
    renewed: float


class Estimates:
    """Seconds per cost, as measured."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._averages: OrderedDict[str, _Average] = OrderedDict()

    def learn(self, cost: str, seconds: float, *, size: int = 0, had: float = math.inf) -> None:
        """Record a measured run of a password of up to `size` bytes (if long) with `had` seconds until its deadline.

        A run beyond its deadline counts as `had` seconds, and never lowers the average.
        """
        cost = _sized(cost, size)
        average = self._averages.get(cost)
        if average is None:
            self._averages[cost] = _Average(min(seconds, max(had, UNMEASURED)), self._clock())
            if len(self._averages) > REMEMBERED:
                self._averages.popitem(last=False)
            return
        if seconds > had:
            seconds = max(had, average.seconds)
        average.seconds += WEIGHT * (min(seconds, OUTLIER * average.seconds) - average.seconds)
        average.renewed = self._clock()
        self._averages.move_to_end(cost)

    def measured(self, cost: str) -> float | None:
        """Return the average, or None if this cost never ran."""
        average = self._averages.get(cost)
        return None if average is None else average.seconds

    def expect(self, cost: str, size: int = 0) -> float:
        """Return the seconds to plan with, measured or assumed."""
        average = self._averages.get(_sized(cost, size))
        if average is not None:
            return average.seconds
        return self.expect(cost) * (1 + 2 * size / BLOCK) if size else UNMEASURED

    def doubtful(self, cost: str, size: int = 0) -> bool:
        """Return whether the average of `cost` has not been confirmed recently."""
        average = self._averages.get(_sized(cost, size))
        return average is None or self._clock() - average.renewed > DOUBT_AFTER

    def measurements(self) -> dict[str, float]:
        """Return a copy of all measured averages."""
        return {cost: average.seconds for cost, average in self._averages.items()}


MARGIN = 1.2
"""A check is planned to take this multiple of its average, because single runs vary."""

CLOSED_FOR = 5.0
"""Seconds until another replica, or the next process, should have replaced a pool that closes."""


class Overloaded(Exception):
    """The check cannot end in time."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(str(self.__doc__))
        self.retry_after = retry_after
        """Seconds until the queue should be short enough."""


RESERVED = 600.0
"""Seconds after a short call in which one core takes no long calls. A store of long hashes only uses every core."""


class Reserve:
    """The core that long calls leave to short ones: two checks of seconds each would otherwise close a pool of two.

    Measured with two callers who send 512 characters to `$6$rounds=656000$` without a pause, beside a bcrypt 10 each
    300 ms, on two cores: without it 27 of 38 are rejected, with it none of 39.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._short_at = -math.inf

    def note(self, work: float, now: float) -> None:
        """Record that a call of `work` core seconds arrived."""
        if work < LONG:
            self._short_at = now

    def open_to_long(self, now: float) -> int:
        """Return the number of cores that long calls may use; a pool of one has none to leave."""
        is_mixed = now - self._short_at < RESERVED
        return max(1, self._workers - 1) if is_mixed else self._workers


class Admission:
    """Admits a call or rejects it."""

    def __init__(
        self, workers: int, queue_timeout: float, estimates: Estimates, queue: FairQueue, reserve: Reserve
    ) -> None:
        self._workers = workers
        self._queue_within = queue_timeout
        self._estimates = estimates
        self._queue = queue
        self._reserve = reserve
        self._open = True

    def close(self) -> None:
        """Reject all calls from now on."""
        self._open = False

    def admit(
        self,
        checks: Sequence[Check],
        account: Hashable,
        running: Collection[Job],
        *,
        now: float,
        deadline: float,
        share: float = 1.0,
        password: str = "",
    ) -> float:
        """Return the estimated seconds of `checks` of `password`, which take `share` of a core.

        Raises `Overloaded` if they cannot end before `deadline`.
        """
        if not self._open:
            raise Overloaded(CLOSED_FOR)
        seconds = self.expect(checks, password)
        wait = self._wait(account, seconds, running, now, share)
        # If the queue is empty, a check that may just end in time is worth trying.
        late = now + wait + (MARGIN if wait else 1) * seconds > deadline
        late = late and not (wait == 0 and self._probes(checks, password, seconds, deadline - now))
        # The check's own time counts toward the wait, so that response times recover quickly after a burst; at most
        # half of it, so that an expensive check may wait too.
        bound = self._queue_within - min(seconds, self._queue_within / 2)
        if late or wait > bound:
            raise Overloaded(max(wait - bound, 0.0) + seconds)
        return seconds

    def expect(self, checks: Sequence[Check], password: str) -> float:
        """Return the seconds to plan with for `checks` of `password`."""
        return sum(self._estimates.expect(check.cost, timed_size(check, password)) for check in checks)

    def _wait(self, account: Hashable, seconds: float, running: Collection[Job], now: float, share: float) -> float:
        """Predict the seconds until a new call would have its share of a worker."""
        cores, rivals = self._cores(running, now, is_long=seconds * share >= LONG)
        if sum(job.share for job in rivals) + share <= cores:
            return 0.0
        left = sum(max(job.seconds - (now - job.handed_over), 0.0) * job.share for job in rivals)
        ahead = self._queue.ahead_of(account, seconds * share, interleaved=share < 1)
        return (left + ahead) / cores

    def _cores(self, running: Collection[Job], now: float, *, is_long: bool) -> tuple[float, Collection[Job]]:
        """Return the number of cores that a new call can hope for, and the running calls that it shares them with."""
        open_to_long = self._reserve.open_to_long(now)
        same = [job for job in running if job.is_long == is_long]
        taken_by_long = sum(job.share for job in running if job.is_long)
        if open_to_long == self._workers or taken_by_long > open_to_long:  # the latter: from before the first short one
            return self._workers, running
        return open_to_long if is_long else self._workers - taken_by_long, same

    def _probes(self, checks: Sequence[Check], password: str, seconds: float, left: float) -> bool:
        """Return whether the call may run on a free worker despite its estimate, to renew an old one.

        No estimate for a long password is more than twice too high, so above that it would be of no use to its caller.
        """
        timed = [(check.cost, timed_size(check, password)) for check in checks]
        if seconds > 2 * left and any(size for _, size in timed):
            return False
        return any(self._estimates.doubtful(cost, size) for cost, size in timed)
