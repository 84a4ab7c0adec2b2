"""The queue of calls that wait for a worker, fair between accounts and between cheap and expensive checks.

Two levels. Calls are kept in bands of like price, and the bands share the workers' seconds equally (start-time fair
queueing, Goyal, Vin and Cheng, 1996), so that a source of very slow hashes cannot take the pool from the fast ones.
Inside a band the accounts take turns, one call each, first come first served; whose call is being checked stands
behind whose is not, and lines up again when it has ended, as a person who asks again does. So a login under attack has
one turn a round like everybody else.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Container, Hashable
from typing import NamedTuple

from service.hashing.pool.job import Job


class _Band:
    """Waiting calls of like price; each account has one turn a round."""

    def __init__(self, served: float) -> None:
        self.turns: dict[Hashable, deque[Job]] = {}
        self.calls = 0
        self.seconds = 0.0
        self.served = served
        """Seconds of work this band was given, on the queue's virtual clock."""

    def put(self, job: Job) -> None:
        self.turns.setdefault(job.account, deque()).append(job)
        self._count(1, job)

    def take(self, busy: Container[Hashable]) -> Job:
        """Take the next call, of an account that is not `busy` where there is one."""
        account = next((one for one in self.turns if one not in busy), next(iter(self.turns)))
        job = self.turns[account].popleft()
        self.line_up(account)
        self._count(-1, job)
        self.served += job.work
        return job

    def line_up(self, account: Hashable) -> None:
        """Let `account` go to the end of the ring, or leave it where nothing of it waits."""
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
    """Waiting calls. Not safe for threads: it belongs to the event loop."""

    def __init__(self) -> None:
        self._bands: dict[_Key, _Band] = {}
        self._busy: Counter[Hashable] = Counter()
        """How many calls of an account were taken and have not ended; nothing where there are none."""
        self._clock = 0.0
        """The virtual clock: what the band that was served last had been given before."""

    def __len__(self) -> int:
        return sum(band.calls for band in self._bands.values())

    def put(self, job: Job) -> None:
        """Let `job` wait for its turn."""
        band = self._bands.setdefault(_key(job.work, interleaved=job.interleaved), _Band(self._clock))
        if not band.calls:
            band.served = max(band.served, self._clock)  # idle time is not saved up
        band.put(job)

    def take(self, fits: Callable[[bool], bool] = lambda _: True) -> Job | None:
        """Take the call whose turn it is, or None where nobody waits. To be followed by `end`.

        `fits` tells whether there is room for calls that are interleaved (true) and for others (false).
        """
        waiting = [band for key, band in self._bands.items() if band.calls and fits(key.interleaved)]
        if not waiting:
            return None
        band = min(waiting, key=lambda one: one.served)
        self._clock = band.served
        job = band.take(self._busy)
        self._busy[job.account] += 1
        return job

    def end(self, job: Job) -> None:
        """Let the account of `job`, which was taken, line up again."""
        self._busy[job.account] -= 1
        if not self._busy[job.account]:
            del self._busy[job.account]
        for band in self._bands.values():
            band.line_up(job.account)

    def discard(self, job: Job) -> bool:
        """Take `job` out of the queue, wherever it stands; False where it was not there."""
        band = self._bands.get(_key(job.work, interleaved=job.interleaved))
        return band is not None and band.discard(job)

    def ahead_of(self, account: Hashable, seconds: float, *, interleaved: bool = False) -> float:
        """Predict the seconds of work before a new call of `account` that would itself take `seconds` of a core."""
        own = self._bands.get(_key(seconds, interleaved=interleaved))
        ahead = own.ahead_of(account) if own else 0.0
        # While our band is given so much, no other band is given more.
        return ahead + sum(min(band.seconds, ahead + seconds) for band in self._bands.values() if band is not own)


class _Key(NamedTuple):
    price: int
    """Each spans a factor of four, as much as two steps of bcrypt's cost."""
    interleaved: bool


def _key(seconds: float, *, interleaved: bool) -> _Key:
    return _Key(math.frexp(seconds)[1] // 2, interleaved)
