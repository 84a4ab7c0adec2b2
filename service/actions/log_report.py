"""What reading the System Log brought, in numbers and warnings. Reads nothing, and prints nothing."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.okta.log_queries import RETENTION
from service.policies.forgetting import Effect

WARN_BEFORE = timedelta(days=14)
"""How long before the log forgets what was not read yet a warning is given."""
INSTEAD = "the accounts are compared with the org's users instead"


@dataclass
class LogReport:
    """What was read and what it did."""

    since: datetime | None = None
    """From when on the log was read; None where reading went on at a saved link."""
    pages: int = 0
    events: int = 0
    unreadable: int = 0
    effects: Counter[Effect] = field(default_factory=Counter)
    cursor_lost: bool = False
    warnings: list[str] = field(default_factory=list)
    """What the operator must know."""
    incomplete: bool = False
    """Events may be gone for good: the accounts have to be compared with the org's users."""

    def add(self, later: "LogReport") -> None:
        """Add what reading on brought."""
        self.pages += later.pages
        self.events += later.events
        self.unreadable += later.unreadable
        self.effects += later.effects

    def add_again(self, again: "LogReport") -> None:
        """Add what a second look brought; most of its events were counted before."""
        self.pages += again.pages
        self.effects += again.effects

    def lose_cursor(self) -> None:
        """Note that Okta does not know the saved link any more."""
        self.cursor_lost = self.incomplete = True
        self.warnings.append("the link where reading stopped is no longer good; the log is read again")

    def lose_events_before(self, earliest: datetime) -> None:
        """Note that what was asked for reaches farther back than Okta's log."""
        self.incomplete = True
        self.warnings.append(
            f"Okta keeps its log for {RETENTION.days} days: what happened before {earliest:%Y-%m-%d} can't be read;"
            f" {INSTEAD}"
        )

    def warn_of_age(self, saved_at: datetime, now: datetime) -> None:
        """Warn where the log was last read so long ago that events are lost, or soon will be."""
        left = RETENTION - (now - saved_at)
        read = f"the log was last read {(now - saved_at).days} days ago; Okta keeps it for {RETENTION.days}"
        if left <= timedelta():
            self.incomplete = True
            self.warnings.append(f"{read}, so events are lost; {INSTEAD}")
        elif left < WARN_BEFORE:
            self.warnings.append(f"{read} days")
