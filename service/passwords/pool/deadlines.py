"""Ends what waits at its deadline: one timer for all who wait. Knows no check and no call.

`asyncio.timeout` gives each its own, which is felt at each sign-in with a fast hash.
"""

import asyncio
import heapq
import itertools
from typing import Any

_Waiting = tuple[float, int, asyncio.Future[Any]]


class Deadlines:
    """Futures that are to be done in time. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        """A heap; what is done leaves it when it is the first."""
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
        while self._waiting and (self._waiting[0][0] <= loop.time() or self._waiting[0][2].done()):
            *_, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_exception(TimeoutError())
        self._timer = None
        self._set_timer(loop)

    def _forget_done(self) -> None:
        while self._waiting and self._waiting[0][2].done():
            heapq.heappop(self._waiting)
