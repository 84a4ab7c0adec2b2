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
        "encryption": encryption(await counts.hashes_by_key(connection)),
        "events": await counts.events_by_effect(connection),
        "unreadable_events": await counts.unreadable_events(connection),
    }


def encryption(by_key: dict[str | None, int]) -> dict[str, object]:
    """Say which keys the hashes are under, and whether some are not encrypted."""
    plain = by_key.get(None, 0)
    told = f"{plain:,} hashes are not encrypted: set HASH_KEYS and run `password-import keys rotate`" if plain else None
    return {"plain": plain, "by_key": {key: number for key, number in by_key.items() if key}, "warning": told}
