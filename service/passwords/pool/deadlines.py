"""Ends what waits at its deadline: one timer for all who wait. Knows no check and no call.

`asyncio.timeout` gives each its own, which is felt at each sign-in with a fast hash.
"""

import asyncio
import heapq
import itertools
from typing import Any

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
