"""Rate limits: when the next call may be sent, by Okta's headers and the share that is left to other clients.

Each kind of endpoint has a window, and all together have a limit on concurrent calls.
"""

import asyncio
import math
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime

from service.immutable import immutable

# An answer's rate limit headers, converted to our clock.
#
# `X-Rate-Limit-Reset` is in epoch seconds by Okta's clock; a limit of 0 means too many calls at once.
# https://developer.okta.com/docs/reference/rl2-monitor/

CLOCKS_APART = 2.0
"""Seconds: a smaller difference is the rounding of the Date header."""
LONGEST_WINDOW = 120.0
"""Seconds: Okta's windows last a minute. A later reset is an error of a clock or a proxy."""


@immutable
class Reported:
    """The window as reported by an answer."""

    limit: int
    remaining: int
    resets: float
    """Epoch seconds on our clock."""

    @property
    def is_about_concurrency(self) -> bool:
        """Return whether too many calls ran at once; the reset is only a suggestion then."""
        return self.limit == 0


def read_headers(headers: Mapping[str, str], now: float) -> Reported | None:
    """Parse the three headers; return None if they are missing or not numbers."""
    names = ("X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset")
    try:
        limit, remaining, resets = (int(headers[name]) for name in names)
    except (KeyError, ValueError):
        return None
    return Reported(limit, remaining, min(resets - _ahead(headers, now), now + LONGEST_WINDOW))


def _ahead(headers: Mapping[str, str], now: float) -> float:
    """Return how many seconds Okta's clock is ahead of ours; 0 if rounding explains the difference."""
    try:
        apart = parsedate_to_datetime(headers["Date"]).timestamp() - now
    except (KeyError, ValueError, TypeError):
        return 0.0
    return apart if abs(apart) > CLOCKS_APART else 0.0


# One window of one of Okta's rate limits: the calls left in it, minus the share of others.
#
# Each kind of endpoint has a window that begins with its first call.


class Window:
    """The known state of one limit, and the number of calls that are running."""

    def __init__(self) -> None:
        self.reported: Reported | None = None
        self.running = 0
        self._lost: list[float] = []
        """When calls without an answer were given up; Okta may have counted them or not."""

    def take_in(self, reported: Reported, now: float) -> None:
        """Update from an answer that came `now`."""
        known = self.reported
        if known is not None and now < known.resets and abs(known.resets - reported.resets) < 1:
            # Answers arrive out of order: within a window the lowest number is the current one.
            remaining = min(known.remaining, reported.remaining)
            reported = Reported(reported.limit, remaining, max(known.resets, reported.resets))
        self.reported = reported

    def lose(self, now: float) -> None:
        """Count a call that got no answer, until an answer shows whether Okta has counted it."""
        self._lost.append(now)

    def settle(self, sent: float) -> None:
        """Drop lost calls from before `sent`: the answer to a call sent then includes them if Okta counted them."""
        self._lost = [lost for lost in self._lost if lost >= sent]

    def spend(self, calls: int) -> None:
        """Count calls that no answer reports."""
        known = self.reported
        if known is not None:
            self.reported = Reported(known.limit, max(0, known.remaining - calls), known.resets)

    def wait(self, share: float, now: float) -> float | None:
        """Return the seconds until a call may be sent: 0 for now, None for when another one has ended.

        `share` is our part of the limit.
        """
        known = self.reported
        if known is None or now >= known.resets:
            self._lost.clear()
            # A new window is unknown until its first answer, so only one call is sent.
            return 0.0 if self.running == 0 else None
        kept_free = min(math.ceil(known.limit * (1 - share)), known.limit - 1)
        remaining = known.remaining - len(self._lost)
        if remaining - self.running > kept_free:
            return 0.0
        # Running calls may already be counted in `remaining`, so there may be room when they have ended.
        return None if self.running and remaining > kept_free else known.resets - now


RECOVER_AFTER = 50
"""Number of answers after which a lowered concurrency limit is raised by one."""


def bucket_of(method: str, path: str) -> str:
    """Return the limit that a call counts against; Okta's limits that are uncertain are kept apart."""
    parts = path.strip("/").split("/")[2:]
    if len(parts) < 2:  # noqa: PLR2004 (a collection, without an id)
        return parts[0] if parts else "other"
    return f"{parts[0]}/{'read' if method == 'GET' else 'write'}"


class RateLimits:
    """Delays calls: at most `share` of each window is used, with at most `concurrent` calls at once."""

    def __init__(self, *, share: float = 0.5, concurrent: int = 8) -> None:
        self.share = share
        self.most = self.concurrent = concurrent
        self.waited = 0.0
        """Total seconds that calls have waited."""
        self._running = 0
        self._answers = 0
        self._pause_until = 0.0
        self._windows: dict[str, Window] = defaultdict(Window)
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def turn(self, bucket: str) -> AsyncIterator[float]:
        """Wait until a call of this bucket may be sent, and count it while it runs. Yields the time, for `take_in`."""
        window = self._windows[bucket]
        await self._wait(window)
        try:
            yield time.monotonic()
        finally:
            async with self._changed:
                window.running -= 1
                self._running -= 1
                self._changed.notify_all()

    def take_in(self, bucket: str, headers: Mapping[str, str], *, refused: bool, sent: float | None = None) -> None:
        """Update from an answer to a call sent at `sent`; `refused` for a 429."""
        now = time.time()
        reported = read_headers(headers, now)
        if refused and (reported is None or reported.resets <= now):
            # The answer states no wait. Without one, the calls would be rejected for as long as the limit lasts.
            self._pause(1.0)
        if reported is None:
            return
        if reported.is_about_concurrency:
            self._too_many()
        else:
            self._windows[bucket].take_in(reported, now)
            if sent is not None:
                self._windows[bucket].settle(sent)
            if refused:
                self._windows[bucket].spend(reported.remaining)
        self._recover()

    def reported(self) -> dict[str, tuple[int, int]]:
        """Return the limit of each kind of call that Okta reported, and the calls left of it by the last answer."""
        known = {bucket: window.reported for bucket, window in self._windows.items()}
        return {bucket: (each.limit, each.remaining) for bucket, each in known.items() if each is not None}

    def lost(self, bucket: str) -> None:
        """Count a call that got no answer: Okta may have counted it."""
        self._windows[bucket].lose(time.monotonic())

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
        # Randomised, because other calls were rejected at the same moment.
        self._pause_until = time.time() + seconds * random.uniform(0.5, 1.5)  # noqa: S311 (not for security)

    def _recover(self) -> None:
        self._answers += 1
        if self._answers % RECOVER_AFTER == 0:
            self.concurrent = min(self.most, self.concurrent + 1)
