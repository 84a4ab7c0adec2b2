"""Single flight: a call with the login and password of one that is still being checked waits for its verdict.

They are compared by a keyed digest under a random key of this process, so that no password is kept. An `eventId`
never decides. Nothing is kept once nobody waits.
"""

import asyncio
import hashlib
import heapq
import itertools
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

# Ends what waits at its deadline: one timer for all who wait.
#
# `asyncio.timeout` gives each its own, which is felt at each sign-in with a fast hash.

CLEARED = 4
"""Futures that are done and leave at each step: more than come, so nothing piles up, and never thousands in one go, as
where one was waited for and all behind it were done: the loop would stall."""

_Waiting = tuple[float, int, asyncio.Future[Any]]


class Deadlines:
    """Futures that are to be done in time. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        """A heap; what is done leaves it once it is the first."""
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, future: asyncio.Future[Any], deadline: float) -> None:
        """End `future` with a `TimeoutError` if it is not done by `deadline`, on the loop's clock."""
        self._forget_done()
        heapq.heappush(self._waiting, (deadline, next(self._numbers), future))
        if self._timer is None or deadline < self._timer.when():
            self._set_timer(future.get_loop())

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._waiting[0][0], self._end_late, loop) if self._waiting else None

    def _end_late(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting and self._waiting[0][0] <= loop.time():
            *_, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_exception(TimeoutError())
        self._forget_done()
        self._timer = None
        self._set_timer(loop)

    def _forget_done(self) -> None:
        for _ in range(CLEARED):
            if not self._waiting or not self._waiting[0][2].done():
                return
            heapq.heappop(self._waiting)


T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Flight:
    task: asyncio.Task[Any]
    waiting: list[asyncio.Future[Any]] = field(default_factory=list)


class SingleFlight:
    """Work in flight, by what it is about."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._flights: dict[bytes, _Flight] = {}
        self._deadlines = Deadlines()
        self.coalesced = 0
        """How many calls have joined another's work."""

    def __len__(self) -> int:
        return len(self._flights)

    async def run(
        self, key_parts: tuple[str, str], work: Callable[[], Coroutine[Any, Any, T]], *, deadline: float
    ) -> T:
        """Await `work()`, or the same work that another caller with equal `key_parts` has begun.

        A caller that is cancelled, or out of time, leaves the others alone; when the last one leaves, the work is
        cancelled. Raises what the work raises, to every caller, and `TimeoutError` at `deadline` of the loop's clock.
        """
        key = self._digest(key_parts)
        flight = self._flights.get(key) or self._begin(key, work)
        self.coalesced += len(flight.waiting) > 0
        # Not `asyncio.shield`, which makes five more calls for each caller.
        result: asyncio.Future[T] = flight.task.get_loop().create_future()
        flight.waiting.append(result)
        self._deadlines.keep(result, deadline)
        try:
            return await result
        finally:
            flight.waiting.remove(result)
            _retrieve(result)  # also where this caller hung up at the very moment of a fault
            if not flight.waiting and not flight.task.done():
                self._land(key, flight)
                flight.task.cancel()

    def _begin(self, key: bytes, work: Callable[[], Coroutine[Any, Any, T]]) -> _Flight:
        flight = self._flights[key] = _Flight(asyncio.get_running_loop().create_task(work()))
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    def _land(self, key: bytes, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.task.done():
            _retrieve(flight.task)  # no caller is left to receive this error
            for result in flight.waiting:
                _deliver(result, flight.task)

    def _digest(self, key_parts: tuple[str, str]) -> bytes:
        login, password = key_parts
        first, second = login.encode("utf-8", "surrogatepass"), password.encode("utf-8", "surrogatepass")
        # A keyed hash (RFC 7693), as good as an HMAC here; OpenSSL's is slow to begin.
        return hashlib.blake2b(len(first).to_bytes(8, "big") + first + second, key=self._key, digest_size=32).digest()


def _deliver(result: asyncio.Future[Any], task: asyncio.Task[Any]) -> None:
    if result.done():  # they hung up
        return
    if task.cancelled():
        result.cancel()
    elif (fault := task.exception()) is not None:
        result.set_exception(fault)
    else:
        result.set_result(task.result())


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Let asyncio not complain of a fault that nobody awaited."""
    if future.done() and not future.cancelled():
        future.exception()
