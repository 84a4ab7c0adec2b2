"""The queue of calls that wait for a worker, fair between accounts and between cheap and expensive checks.

Two levels. Calls are grouped into bands of similar cost, and the bands share the workers' seconds equally (start-time
fair queueing, Goyal, Vin and Cheng, 1996), so that a source of very slow hashes cannot starve the fast ones. Within a
band, accounts take turns, one call each, in order of arrival. An account whose call is running ranks behind the others
and rejoins the queue when the call ends, so a login under attack gets one turn per round like any other.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Container, Hashable
from typing import NamedTuple

from service.hashing.pool.job import LONG, Job


class _Band:
    """Waiting calls of similar cost; each account has one turn per round."""

    def __init__(self, served: float) -> None:
        self.turns: dict[Hashable, deque[Job]] = {}
        self.calls = 0
        self.seconds = 0.0
        self.served = served
        """Seconds of work that this band has received, on the queue's virtual clock."""

    def put(self, job: Job) -> None:
        self.turns.setdefault(job.account, deque()).append(job)
        self._count(1, job)

    def take(self, busy: Container[Hashable]) -> Job:
        """Return the next call, preferably of an account that is not `busy`."""
        account = next((one for one in self.turns if one not in busy), next(iter(self.turns)))
        job = self.turns[account].popleft()
        self.requeue(account)
        self._count(-1, job)
        self.served += job.work
        return job

    def requeue(self, account: Hashable) -> None:
        """Move `account` to the end of the ring, or remove it if it has no waiting call."""
        if calls := self.turns.pop(account, None):
            self.turns[account] = calls

    def discard(self, job: Job) -> bool:
        calls = self.turns.get(job.account)
        if calls is None or job not in calls:
            return False
        calls.remove(job)
        if not calls:
            del self.turns[job.account]
        self._count(-1, job)
        return True

    def ahead_of(self, account: Hashable) -> float:
        """Predict the seconds of work in this band before a new call of `account` has its turn."""
        rounds = len(self.turns.get(account, ())) + 1
        calls = min(self.calls, rounds * len(self.turns))
        return calls * self.seconds / self.calls if self.calls else 0.0

    def _count(self, calls: int, job: Job) -> None:
        self.calls += calls
        self.seconds = self.seconds + calls * job.work if self.calls else 0.0


class FairQueue:
    """Waiting calls. Not thread-safe: used only on the event loop."""

    def __init__(self) -> None:
        self._bands: dict[BandKey, _Band] = {}
        self._busy: Counter[Hashable] = Counter()
        """Number of calls per account that were taken and have not ended; accounts without any are absent."""
        self._clock = 0.0
        """The virtual clock: the start tag of the band served last."""

    def __len__(self) -> int:
        return sum(band.calls for band in self._bands.values())

    def put(self, job: Job) -> None:
        """Add `job` to the queue."""
        band = self._bands.setdefault(_key(job.work, interleaved=job.interleaved), _Band(self._clock))
        if not band.calls:
            band.served = max(band.served, self._clock)  # idle time does not accumulate
        band.put(job)

    def take(self, fits: "Callable[[BandKey], bool]" = lambda _: True) -> Job | None:
        """Return the next call, or None if no call waits that fits. The caller must call `end` when it has ended.

        `fits` returns whether there is room for a call of a band.
        """
        waiting = [band for key, band in self._bands.items() if band.calls and fits(key)]
        if not waiting:
            return None
        band = min(waiting, key=lambda one: one.served)
        self._clock = band.served
        job = band.take(self._busy)
        self._busy[job.account] += 1
        return job

    def end(self, job: Job) -> None:
        """Return the account of a taken `job` to the queue."""
        self._busy[job.account] -= 1
        if not self._busy[job.account]:
            del self._busy[job.account]
        for band in self._bands.values():
            band.requeue(job.account)

    def discard(self, job: Job) -> bool:
        """Remove `job` from the queue; return False if it is not queued."""
        band = self._bands.get(_key(job.work, interleaved=job.interleaved))
        return band is not None and band.discard(job)

    def ahead_of(self, account: Hashable, seconds: float, *, interleaved: bool = False) -> float:
        """Predict the seconds of work before a new call of `account` that would itself take `seconds` of a core."""
        own = self._bands.get(_key(seconds, interleaved=interleaved))
        ahead = own.ahead_of(account) if own else 0.0
        # While our band receives this much, no other band receives more.
        return ahead + sum(min(band.seconds, ahead + seconds) for band in self._bands.values() if band is not own)


class BandKey(NamedTuple):
    """What the calls of a band have in common."""

    price: int
    """Each price spans a factor of four, as much as two steps of bcrypt's cost."""
    interleaved: bool

    @property
    def is_long(self) -> bool:
        """Return whether its calls are long."""
        return self.price >= _key(LONG, interleaved=self.interleaved).price


def _key(seconds: float, *, interleaved: bool) -> BandKey:
    return BandKey(math.frexp(seconds)[1] // 2, interleaved)
