"""Tell how far the migration is. Knows the store; prints nothing."""

import asyncpg

from service.accounts import counts
from service.accounts.account import State


async def migration_status(connection: asyncpg.Connection) -> dict[str, object]:
    """Count accounts by state, hashes by format and events by effect."""
    by_state = await counts.accounts_by_state(connection)
    total = sum(by_state.values())
    return {
        "accounts": {"total": total} | {state.value: by_state.get(state, 0) for state in State},
        "migrated_share": round(by_state.get(State.MIGRATED, 0) / total, 4) if total else None,
        "hashes": await counts.hashes_by_format(connection),
        "events": await counts.events_by_effect(connection),
        "unreadable_events": await counts.unreadable_events(connection),
    }
