"""How fast people migrate, and when the last would have. Pure arithmetic over days."""

from collections.abc import Mapping
from datetime import date, timedelta

from service.immutable import immutable

DAYS = 7
"""The days whose mean counts: people sign in by the rhythm of weeks."""
FARTHEST = 3650
"""Days: an end beyond ten years is no forecast."""


@immutable
class Pace:
    """The mean of the last full week, and the day on which it would bring the last one."""

    per_day: float
    expected_end: date | None
    """None where nobody migrates; fewer sign in as time goes on, so it is the earliest."""


def pace(migrated: Mapping[date, int], left: int, today: date) -> Pace:
    """Forecast from the accounts that migrated on each day, today being incomplete."""
    recent = [migrated.get(today - timedelta(days=back), 0) for back in range(1, DAYS + 1)]
    known = [day for day in migrated if day < today]
    days = min(DAYS, (today - min(known)).days) if known else 0
    # On the first day there is only today.
    per_day = sum(recent) / days if days else float(migrated.get(today, 0))
    needed = left / per_day if per_day else FARTHEST + 1
    return Pace(round(per_day, 1), today + timedelta(days=round(needed)) if needed <= FARTHEST else None)
