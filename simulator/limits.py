"""Okta's rate limits: windows per kind of endpoint, and a limit on concurrent calls."""

import math
import time
from collections import Counter
from dataclasses import dataclass, field

PER_MINUTE = {"users": 600, "user": 1000, "user writes": 600, "logs": 120, "hooks": 100, "groups": 500, "other": 1200}
"""Calls per minute of a workforce org, by bucket (Okta's page on rate limits, as of 2025)."""


@dataclass
class _Window:
    ends: float = 0.0
    used: int = 0


@dataclass
class Limits:
    """Windows of `window` seconds that begin with their first call. `token_share`: the share that one token may use."""

    window: float = 60.0
    token_share: float = 0.5
    concurrent: int = 75
    calls: dict[str, int] = field(default_factory=lambda: dict(PER_MINUTE))
    running: int = 0
    most_used: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    _windows: dict[str, _Window] = field(default_factory=dict)

    def ceiling(self, bucket: str) -> int:
        """Return how many calls of this bucket a token may make in a window."""
        return max(1, int(self.calls[bucket] * self.token_share))

    def take(self, bucket: str) -> bool:
        """Count a call; return False if it is beyond the limit."""
        window = self._current(bucket)
        if window.used >= self.ceiling(bucket):
            self.refused[bucket] += 1
            return False
        window.used += 1
        self.most_used[bucket] = max(self.most_used[bucket], window.used)
        return True

    def headers(self, bucket: str) -> dict[str, str]:
        """Return the headers with the remaining calls; the reset is in epoch seconds (UTC)."""
        window = self._current(bucket)
        left = max(0, self.ceiling(bucket) - window.used)
        return rate_headers(self.ceiling(bucket), left, window.ends)

    def concurrency_headers(self) -> dict[str, str]:
        """Return the headers for too many concurrent calls: limit 0, and a reset that is only a suggestion."""
        self.refused["concurrency"] += 1
        return rate_headers(0, 0, time.time() + self.window)

    def _current(self, bucket: str) -> _Window:
        window = self._windows.get(bucket)
        if window is None or window.ends <= time.time():
            window = self._windows[bucket] = _Window(time.time() + self.window)
        return window


def rate_headers(limit: int, remaining: int, ends: float) -> dict[str, str]:
    """Return the three headers."""
    return {
        "X-Rate-Limit-Limit": str(limit),
        "X-Rate-Limit-Remaining": str(remaining),
        "X-Rate-Limit-Reset": str(math.ceil(ends)),
    }


def bucket_of(method: str, path: str) -> str:
    """Return the bucket that a management call counts against."""
    parts = path.removeprefix("/api/v1/").split("/")
    if parts[0] == "users" and len(parts) > 1:
        return "user" if method == "GET" else "user writes"
    return {"users": "users", "logs": "logs", "groups": "groups", "inlineHooks": "hooks", "eventHooks": "hooks"}.get(
        parts[0], "other"
    )
