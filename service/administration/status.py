"""The migration's progress, as one document."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

from service.administration import queries
from service.immutable import immutable
from service.okta.system_log import RETENTION
from service.store import recipes
from service.store.accounts import State
from service.store.attributes import count_undeclared
from service.store.leases import RECONCILE, holder_of
from service.store.name_report import NameProblem, NameReport
from service.store.recipes import tried_among
from service.stored_hashes import work_of


async def migration_status(connection: asyncpg.Connection) -> dict[str, object]:
    """Count accounts by state, hashes by format and events by effect."""
    by_state = await queries.accounts_by_state(connection)
    formats, keys = await queries.hashes_by_format(connection), await queries.hashes_by_key(connection)
    return _status(by_state, formats, keys) | await _events(connection)


def _status(by_state: Mapping[str, int], formats: dict[str, int], keys: dict[str | None, int]) -> dict[str, object]:
    total = sum(by_state.values())
    return {
        "accounts": {"total": total} | {state.value: by_state.get(state, 0) for state in State},
        "migrated_share": round(by_state.get(State.MIGRATED, 0) / total, 4) if total else None,
        "hashes": formats,
        "encryption": encryption(keys),
    }


async def _events(connection: asyncpg.Connection) -> dict[str, object]:
    return {
        "events": await queries.events_by_effect(connection),
        "unreadable_events": await queries.unreadable_events(connection),
    }


def encryption(by_key: dict[str | None, int]) -> dict[str, object]:
    """Return which keys the hashes are under, and whether some are not encrypted."""
    plain = by_key.get(None, 0)
    said = "1 hash is" if plain == 1 else f"{plain:,} hashes are"
    told = f"{said} not encrypted: set HASH_KEYS and run `password-import keys rotate`" if plain else None
    return {"plain": plain, "by_key": {key: number for key, number in by_key.items() if key}, "warning": told}


# The pace of the migration, and the day on which it would be complete. Pure arithmetic over days.

DAYS = 7
"""Days over which the mean is taken: sign-ins follow a weekly rhythm."""
FARTHEST = 3650
"""Days: no forecast is given beyond ten years."""


@immutable
class Pace:
    """The mean of the last full week, and the day on which the last account would migrate at that pace."""

    per_day: float
    expected_end: date | None
    """None if no account migrates. Sign-ins become rarer with time, so this is the earliest date."""


def pace(migrated: Mapping[date, int], left: int, today: date) -> Pace:
    """Forecast from the accounts that migrated on each day; today is incomplete."""
    recent = [migrated.get(today - timedelta(days=back), 0) for back in range(1, DAYS + 1)]
    known = [day for day in migrated if day < today]
    days = min(DAYS, (today - min(known)).days) if known else 0
    # The first day has only today's number.
    per_day = sum(recent) / days if days else float(migrated.get(today, 0))
    needed = left / per_day if per_day else FARTHEST + 1
    return Pace(round(per_day, 1), today + timedelta(days=round(needed)) if needed <= FARTHEST else None)


# Progress of the migration: how far, how fast, which accounts are stuck and why. Reads the store.

SHOWN = timedelta(days=14)
VERIFIED_LONG_AGO = timedelta(days=1)
"""Okta reports within minutes. Without a SUCCESS for longer, Okta did not store the password of the sign-in."""
READ_LONG_AGO = timedelta(days=1)
AMBIGUOUS = (NameProblem.AMBIGUOUS_UNTIL_BOUND, NameProblem.AMBIGUOUS)


async def report_progress(
    connection: asyncpg.Connection, now: datetime | None = None, *, names: NameReport
) -> dict[str, Any]:
    """Return the whole report as JSON values; `names` are those that open no account."""
    now = now or datetime.now(UTC)
    counts, hashes = (
        await queries.count_accounts(connection, now - VERIFIED_LONG_AGO),
        await queries.count_hashes(connection),
    )
    first = (now - SHOWN).astimezone(UTC).date()
    days = [(day, state, number) for (day, state), number in sorted(counts.days.items()) if day >= first]
    migrated = {day: number for day, state, number in days if state == State.MIGRATED}
    found: dict[str, Any] = _status(counts.states, hashes.formats, hashes.keys) | await _events(connection)
    accounts = found["accounts"]
    left = accounts[State.WAITING.value] + accounts[State.VERIFIED.value]
    tried = await tried_among(connection, found["hashes"])
    forecast = pace(migrated, left, now.date())
    return found | {
        "left": left,
        "migrated_per_day": forecast.per_day,
        "expected_end": forecast.expected_end.isoformat() if forecast.expected_end else None,
        "days": [{"day": day.isoformat(), "state": state, "accounts": number} for day, state, number in days],
        "sources": hashes.sources,
        "untried_formats": sorted(found["hashes"].keys() - tried),
        "provisioned": await queries.provisioned(connection),
        "retired_because": dict(sorted(counts.proofs.items())),
        "stuck": await queries.stuck(connection, counts)
        | {"ambiguous_names": sum(names[problem].number for problem in AMBIGUOUS)}
        | {"too_costly": (await too_costly_accounts(connection))[0]},
        "failures": await queries.failures(connection),
        "undeclared_attributes": await count_undeclared(connection),
        "okta_calls": await queries.recent_okta_calls(connection, now - READ_LONG_AGO),
        "logs": await _logs(connection, now),
    }


async def too_costly_accounts(connection: asyncpg.Connection) -> tuple[int, list[str]]:
    """Count the accounts that get a 503 because their hashes cost too much together, and name the first few."""
    return await queries.too_costly(
        connection, {each.id: work_of(each) for each in await recipes.list_recipes(connection)}
    )


async def name_stuck(connection: asyncpg.Connection, now: datetime | None = None) -> dict[str, list[str]]:
    """Name the first few stuck accounts of each kind, for a person to read: the report itself names none."""
    found = await queries.names_of_stuck(connection, (now or datetime.now(UTC)) - VERIFIED_LONG_AGO)
    return found | {"too_costly": (await too_costly_accounts(connection))[1]}


async def _logs(connection: asyncpg.Connection, now: datetime) -> list[dict[str, Any]]:
    reading = await holder_of(connection, RECONCILE) is not None
    return [
        {
            "org": org,
            "read_at": read.isoformat(timespec="seconds"),
            "users_compared_at": compared.isoformat(timespec="seconds") if compared else None,
            "warning": _log_warning(read, now, reading=reading),
        }
        for org, read, compared in await queries.logs_read(connection)
    ]


def _log_warning(read: datetime, now: datetime, *, reading: bool) -> str | None:
    age = now - read
    if age < READ_LONG_AGO:
        return None
    if reading:
        return f"the System Log is being read now; what Okta logged until {read:%Y-%m-%d} is done"
    return f"the System Log was last read {age.days} days ago, and Okta keeps it for {RETENTION.days}: run reconcile"
