"""The count of all accounts and hashes for the status page, slice by slice, one replica at a time."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from datetime import UTC, date, datetime
from typing import Any

from service.administration.status import AMBIGUOUS, VERIFIED_LONG_AGO, too_costly_accounts
from service.store import figures
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.store.figures import EventFigures, SliceCount
from service.store.name_report import saved_names

COUNT_EVERY = 300.0
"""Seconds between counts while no page is open; a page request counts sooner."""
WAIT = 0.05
"""Seconds that a page waits for a running count: enough for some ten thousand accounts."""
LONGEST_REASON = 100
"""Maximum characters shown of a reason."""
REASONS = 8
"""Number of Okta's reasons that are shown, the most frequent first."""


class AccountCounting:
    """Keeps the stored count up to date while the service runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted = asyncio.Event()
        self._counted = asyncio.Event()

    async def keep_counting(self) -> None:
        """Count when a page requests it and every few minutes, unless another replica has just counted."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), COUNT_EVERY)
            self._wanted.clear()
            # Without a database the page reports that, and the time of the last count.
            with contextlib.suppress(*DATABASE_UNAVAILABLE, TimeoutError):
                await count_if_due(self._database)
            self._counted.set()

    async def ask(self) -> None:
        """Begin a count if one is due, and wait briefly for its end."""
        self._counted.clear()
        self._wanted.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._counted.wait(), WAIT)


async def count_if_due(database: Database) -> bool:
    """Count and store the result unless a recent count exists or another replica counts; return whether it counted."""
    async with database.connection() as connection:
        if not await figures.claim_count(connection):
            return False
    began = time.monotonic()

    async def renew() -> None:
        async with database.connection() as connection:
            await figures.renew_claim(connection)

    counts = await count_accounts(database, between=renew)
    async with database.connection() as connection:
        await figures.keep_count(connection, counts, time.monotonic() - began)
    return True


async def _nothing() -> None:
    pass


async def count_accounts(database: Database, *, between: Callable[[], Awaitable[None]] = _nothing) -> dict[str, Any]:
    """Count accounts by state and day, hashes, and stuck accounts, as JSON values. Calls `between` after each slice."""
    verified_before = datetime.now(UTC) - VERIFIED_LONG_AGO
    async with database.connection() as connection:
        last_id = await figures.last_id(connection)
    total = figures.no_count()
    for after in range(0, last_id, figures.SLICE):
        async with database.connection() as connection:
            total.add(await figures.count_slice(connection, after, after + figures.SLICE, verified_before))
        await between()
    async with database.connection() as connection:
        refused = await figures.count_refused(connection)
        stuck = {
            "verified_without_success": total.stuck["verified_long_ago"],
            "refused_by_okta": refused,
            "not_in_okta": max(0, total.stuck["not_in_okta"] - refused),
            "disabled": total.stuck["disabled"],
            "too_costly": (await too_costly_accounts(connection))[0],
            "unreadable_events": await figures.count_unreadable(connection),
        }
        if (names := await saved_names(connection)) is not None:
            stuck["ambiguous_names"] = sum(names.report[problem].number for problem in AMBIGUOUS)
        recipes, sources = await figures.names_of_recipes(connection)
        events = asdict(await figures.read_events(connection))
    last = events["last_delivered"]
    events["last_delivered"] = None if last is None else last.isoformat()
    return _as_json(total, recipes, sources) | {"stuck": stuck, "events": events}


def _as_json(total: SliceCount, recipes: dict[int, tuple[str, str]], sources: dict[int, str]) -> dict[str, Any]:
    formats: Counter[tuple[str, str]] = Counter()
    of_sources: Counter[str] = Counter()
    keys: Counter[str | None] = Counter()
    for (recipe, source, key), number in total.hashes.items():
        formats[recipes.get(recipe, ("unknown", "unknown"))] += number
        of_sources[sources.get(source, "unknown")] += number
        keys[key] += number
    plain = keys.pop(None, 0)
    return {
        "states": dict(total.states),
        "days": [[day.isoformat(), state, number] for (day, state), number in sorted(total.days.items())],
        "formats": [[name, cost, number] for (name, cost), number in formats.most_common()],
        "sources": [[name, number] for name, number in of_sources.most_common()],
        "keys": {key: number for key, number in keys.items() if key},
        "plain": plain,
        "failures": [[reason, number] for reason, number in _reasons(total.failures).most_common(REASONS)],
    }


def _reasons(failures: Counter[str]) -> Counter[str]:
    """Return the reasons in a form that names no person, for the page: the texts come from Okta."""
    found: Counter[str] = Counter()
    for reason, number in failures.items():
        found["other" if "@" in reason else reason[:LONGEST_REASON]] += number
    return found


def events_of(counts: dict[str, Any] | None) -> EventFigures:
    """Return the figures on events from a stored count."""
    kept = (counts or {}).get("events", {})
    # A replica of another version may have written the count.
    known = {each.name: kept[each.name] for each in fields(EventFigures) if each.name in kept}
    last = known.get("last_delivered")
    return EventFigures(**known | {"last_delivered": last and datetime.fromisoformat(last)})


def days_of(counts: dict[str, Any], state: str) -> dict[date, int]:
    """Return how many accounts entered a state on each day, from a stored count."""
    return {date.fromisoformat(day): number for day, of, number in counts["days"] if of == state}
