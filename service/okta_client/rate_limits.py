"""Rate limits: when the next call may leave, by Okta's headers and by the share that is left to others.

Each kind of endpoint has a window, and all together have a limit of calls at once.
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

# What an answer's headers say of its rate limit, by our clock.
#
# `X-Rate-Limit-Reset` is in epoch seconds by Okta's clock; a limit of 0 means too many calls at once.
# https://developer.okta.com/docs/reference/rl2-monitor/

CLOCKS_APART = 2.0
"""Seconds: a smaller difference is the rounding of the Date header."""
LONGEST_WINDOW = 120.0
"""Seconds: Okta's windows are a minute. A reset that is farther away is the fault of a clock or of a proxy."""


@immutable
class Reported:
    """What an answer said of its window."""

    limit: int
    remaining: int
    resets: float
    """By our clock, in epoch seconds."""

    @property
    def is_about_concurrency(self) -> bool:
        """Tell whether it says that too many calls ran at once; its reset is only a suggestion then."""
        return self.limit == 0


def read_headers(headers: Mapping[str, str], now: float) -> Reported | None:
    """Read the three headers; None where they are missing or no numbers."""
    names = ("X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset")
    try:
        limit, remaining, resets = (int(headers[name]) for name in names)
    except (KeyError, ValueError):
        return None
    return Reported(limit, remaining, min(resets - _ahead(headers, now), now + LONGEST_WINDOW))


def _ahead(headers: Mapping[str, str], now: float) -> float:
    """How many seconds Okta's clock is ahead of ours; 0 for what rounding explains."""
    try:
        apart = parsedate_to_datetime(headers["Date"]).timestamp() - now
    except (KeyError, ValueError, TypeError):
        return 0.0
    return apart if abs(apart) > CLOCKS_APART else 0.0


# One window of one of Okta's rate limits: what is left in it, less the share that others keep. Sends nothing.
#
# Each kind of endpoint has a window that begins with a call in it.


class Window:
    """What is known of one limit, and how many calls run in it."""

    def __init__(self) -> None:
        self.reported: Reported | None = None
        self.running = 0
        self._lost: list[float] = []
        """When calls were given up whose answers never came; Okta may have counted them or not."""

    def take_in(self, reported: Reported, now: float) -> None:
        """Learn from an answer that came `now`."""
        known = self.reported
        if known is not None and now < known.resets and abs(known.resets - reported.resets) < 1:
            # Answers overtake each other: within a window only the lowest number is true.
            remaining = min(known.remaining, reported.remaining)
            reported = Reported(reported.limit, remaining, max(known.resets, reported.resets))
        self.reported = reported

    def lose(self, now: float) -> None:
        """Count a call whose answer never came, until an answer tells whether Okta has counted it."""
        self._lost.append(now)

    def settle(self, sent: float) -> None:
        """Forget the lost calls from before `sent`: the answer to a call that was sent then counts them if Okta has."""
        self._lost = [lost for lost in self._lost if lost >= sent]

    def spend(self, calls: int) -> None:
        """Count calls that no answer counts."""
        known = self.reported
        if known is not None:
            self.reported = Reported(known.limit, max(0, known.remaining - calls), known.resets)

    def wait(self, share: float, now: float) -> float | None:
        """Give the seconds until a call may leave: 0 for now, None for when another one has ended.

        `share` of the limit is ours.
        """
        known = self.reported
        if known is None or now >= known.resets:
            self._lost.clear()
            # A new window is unknown until its first answer: one call finds out.
            return 0.0 if self.running == 0 else None
        kept_free = min(math.ceil(known.limit * (1 - share)), known.limit - 1)
        remaining = known.remaining - len(self._lost)
        if remaining - self.running > kept_free:
            return 0.0
        # What runs may be counted in `remaining` already; when it has ended, there may be room after all.
        return None if self.running and remaining > kept_free else known.resets - now


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
    async def turn(self, bucket: str) -> AsyncIterator[float]:
        """Wait until a call of this bucket may leave, and count it while it runs. Gives when it may, for `take_in`."""
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
        """Learn from an answer to a call that was sent then; `refused` for a 429."""
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
            if sent is not None:
                self._windows[bucket].settle(sent)
            if refused:
                self._windows[bucket].spend(reported.remaining)
        self._recover()

    def reported(self) -> dict[str, tuple[int, int]]:
        """Give the limit of each kind of call that Okta told, and what was left of it by the last answer."""
        known = {bucket: window.reported for bucket, window in self._windows.items()}
        return {bucket: (each.limit, each.remaining) for bucket, each in known.items() if each is not None}

    def lost(self, bucket: str) -> None:
        """Count a call whose answer never came: Okta may have counted it."""
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
        # Spread, because others were refused at the same moment.
        self._pause_until = time.time() + seconds * random.uniform(0.5, 1.5)  # noqa: S311 (guards nothing)

    def _recover(self) -> None:
        self._answers += 1
        if self._answers % RECOVER_AFTER == 0:
            self.concurrent = min(self.most, self.concurrent + 1)
