"""When the next call may leave: what Okta's headers say is left, less the share that others keep. Sends nothing.

Each kind of endpoint has a window (`rate_window.py`), and all together have a limit of calls at once.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from service.okta_client.rate_window import Window
from service.okta_client.reported_limits import read_headers

RECOVER_AFTER = 50
"""Answers after which one more call may run at once, where Okta had said that there were too many."""


def bucket_of(method: str, path: str) -> str:
    """Name the limit that a call counts in; those of Okta that it is not sure of are kept apart."""
    parts = path.strip("/").split("/")[2:]
    if len(parts) < 2:  # noqa: PLR2004 (a collection, without an id)
        return parts[0] if parts else "other"
    return f"{parts[0]}/{'read' if method == 'GET' else 'write'}"


class RateLimits:
    """Lets calls leave: at most `share` of what each window allows us, at most `concurrent` at once."""

    def __init__(self, *, share: float = 0.5, concurrent: int = 8) -> None:
        self.share = share
        self.most = self.concurrent = concurrent
        self.waited = 0.0
        """Seconds that calls have waited for their turn, all added up."""
        self._running = 0
        self._answers = 0
        self._pause_until = 0.0
        self._windows: dict[str, Window] = defaultdict(Window)
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def turn(self, bucket: str) -> AsyncIterator[None]:
        """Wait until a call of this bucket may leave, and count it while it runs."""
        window = self._windows[bucket]
        await self._wait(window)
        try:
            yield
        finally:
            async with self._changed:
                window.running -= 1
                self._running -= 1
                self._changed.notify_all()

    def take_in(self, bucket: str, headers: Mapping[str, str], *, refused: bool) -> None:
        """Learn from an answer; `refused` for a 429."""
        now = time.time()
        reported = read_headers(headers, now)
        if refused and (reported is None or reported.resets <= now):
            # Nothing says how long to wait: not to wait at all would be refused for as long as it lasts.
            self._pause(1.0)
        if reported is None:
            return
        if reported.is_about_concurrency:
            self._too_many()
        else:
            self._windows[bucket].take_in(reported, now)
            if refused:
                self._windows[bucket].spend(reported.remaining)
        self._recover()

    def lost(self, bucket: str) -> None:
        """Count a call whose answer never came: Okta has counted it."""
        self._windows[bucket].spend(1)

    async def _wait(self, window: Window) -> None:
        begun = time.monotonic()
        async with self._changed:
            while (seconds := self._seconds(window)) != 0:
                try:
                    async with asyncio.timeout(seconds):
                        await self._changed.wait()
                except TimeoutError:
                    pass
            window.running += 1
            self._running += 1
        self.waited += time.monotonic() - begun

    def _seconds(self, window: Window) -> float | None:
        now = time.time()
        if now < self._pause_until:
            return self._pause_until - now
        if self._running >= self.concurrent:
            return None
        return window.wait(self.share, now)

    def _too_many(self) -> None:
        self.concurrent = max(1, self.concurrent // 2)
        self._pause(1.0)

    def _pause(self, seconds: float) -> None:
        # Spread, because others were refused at the same moment.
        self._pause_until = time.time() + seconds * random.uniform(0.5, 1.5)  # noqa: S311 (guards nothing)

    def _recover(self) -> None:
        self._answers += 1
        if self._answers % RECOVER_AFTER == 0:
            self.concurrent = min(self.most, self.concurrent + 1)
