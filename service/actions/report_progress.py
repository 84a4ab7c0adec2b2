"""Tell how far the migration is, how fast it goes, and who is stuck and why. Reads the store; prints nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from service.accounts import progress
from service.accounts.account import State
from service.actions.migration_status import migration_status
from service.okta.log_queries import RETENTION
from service.policies.pace import pace

SHOWN = timedelta(days=14)
VERIFIED_LONG_AGO = timedelta(days=1)
"""Okta reports within minutes; who waits longer for a SUCCESS was signed in while Okta could not store the password."""
READ_LONG_AGO = timedelta(days=1)


async def report_progress(connection: asyncpg.Connection, now: datetime | None = None) -> dict[str, Any]:
    """Give the whole report as plain values."""
    now = now or datetime.now(UTC)
    days = await progress.by_day(connection, now - SHOWN)
    migrated = {day: number for day, state, number in days if state == State.MIGRATED}
    found: dict[str, Any] = await migration_status(connection)
    accounts = found["accounts"]
    left = accounts[State.WAITING.value] + accounts[State.VERIFIED.value]
    forecast = pace(migrated, left, now.date())
    return found | {
        "left": left,
        "migrated_per_day": forecast.per_day,
        "expected_end": forecast.expected_end.isoformat() if forecast.expected_end else None,
        "days": [{"day": day.isoformat(), "state": state, "accounts": number} for day, state, number in days],
        "sources": await progress.by_source_and_format(connection),
        "provisioned": await progress.provisioned(connection),
        "retired_because": await progress.proofs(connection),
        "stuck": await progress.stuck(connection, now - VERIFIED_LONG_AGO),
        "failures": await progress.failures(connection),
        "logs": await _logs(connection, now),
    }


async def name_stuck(connection: asyncpg.Connection, now: datetime | None = None) -> dict[str, list[str]]:
    """Name the first few of each kind of those who are stuck. For a person to read: the report itself names nobody."""
    return await progress.names_of_stuck(connection, (now or datetime.now(UTC)) - VERIFIED_LONG_AGO)


async def _logs(connection: asyncpg.Connection, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "org": org,
            "read_at": read.isoformat(timespec="seconds"),
            "users_compared_at": compared.isoformat(timespec="seconds") if compared else None,
            "warning": _log_warning(now - read),
        }
        for org, read, compared in await progress.logs_read(connection)
    ]


def _log_warning(age: timedelta) -> str | None:
    if age < READ_LONG_AGO:
        return None
    return f"the System Log was last read {age.days} days ago, and Okta keeps it for {RETENTION.days}: run reconcile"
