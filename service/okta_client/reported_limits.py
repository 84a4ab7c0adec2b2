"""What an answer's headers say of its rate limit, by our clock. Knows no call, and decides nothing.

`X-Rate-Limit-Reset` is in epoch seconds by Okta's clock; a limit of 0 means too many calls at once.
https://developer.okta.com/docs/reference/rl2-monitor/
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from service.immutable import immutable

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
