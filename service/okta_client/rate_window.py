"""One window of one of Okta's rate limits: what is left in it, less the share that others keep. Sends nothing.

Each kind of endpoint has a window that begins with a call in it.
"""

import math

from service.okta_client.reported_limits import Reported


class Window:
    """What is known of one limit, and how many calls run in it."""

    def __init__(self) -> None:
        self.reported: Reported | None = None
        self.running = 0

    def take_in(self, reported: Reported, now: float) -> None:
        """Learn from an answer that came `now`."""
        known = self.reported
        if known is not None and now < known.resets and abs(known.resets - reported.resets) < 1:
            # Answers overtake each other: within a window only the lowest number is true.
            remaining = min(known.remaining, reported.remaining)
            reported = Reported(reported.limit, remaining, max(known.resets, reported.resets))
        self.reported = reported

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
            # A new window is unknown until its first answer: one call finds out.
            return 0.0 if self.running == 0 else None
        kept_free = min(math.ceil(known.limit * (1 - share)), known.limit - 1)
        if known.remaining - self.running > kept_free:
            return 0.0
        # What runs may be counted in `remaining` already; when it has ended, there may be room after all.
        return None if self.running and known.remaining > kept_free else known.resets - now
