"""The real store as a world of the model; it is emptied between histories."""

from datetime import datetime, timedelta

import asyncpg

from tests.histories.model import Account, World
from tests.histories.steps import LATER, PASSWORDS, Event

SALTS = {password: f"salt-of-{password}" for password in PASSWORDS}

ACCOUNTS = """
SELECT login_key, okta_id, state, verified_at IS NOT NULL AS was_verified, split_part(proof, ':', 1) AS proof,
       ARRAY(SELECT identifier_key FROM identifiers WHERE account_id = account.id) AS names,
       ARRAY(SELECT ARRAY[source.name, split_part(kept.salt, '-', 3)] FROM hashes AS kept
             JOIN sources AS source ON source.id = kept.source_id WHERE kept.account_id = account.id) AS hashes
FROM accounts AS account
"""

EVENTS = "SELECT uuid, okta_user_id, login_key, outcome, published, effect FROM import_events"

EMPTY = """
DELETE FROM hashes;
DELETE FROM identifiers;
DELETE FROM accounts;
DELETE FROM import_events;
DELETE FROM failures;
DELETE FROM log_cursors;
"""
"""For tables of a few rows this is faster than TRUNCATE."""


async def observe(connection: asyncpg.Connection) -> World:
    """Return the contents of the store at one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        accounts = await connection.fetch(ACCOUNTS)
        events = await connection.fetch(EVENTS)
    return World(
        {row["login_key"]: _account(row) for row in accounts},
        {row["uuid"]: (_event(row), row["effect"]) for row in events},
    )


async def empty(connection: asyncpg.Connection) -> None:
    """Delete everything except sources and recipes, which stay."""
    await connection.execute(EMPTY)


async def place_in_log(connection: asyncpg.Connection) -> int:
    """Return how many events of the log precede the position where reading stopped."""
    return int(await connection.fetchval("SELECT next_link FROM log_cursors") or 0)


def _account(row: asyncpg.Record) -> Account:
    hashes = frozenset((source, password) for source, password in row["hashes"])
    return Account(row["okta_id"], row["state"], hashes, frozenset(row["names"]), row["was_verified"], row["proof"])


def _event(row: asyncpg.Record) -> Event:
    return Event(row["uuid"], row["okta_user_id"], row["login_key"], row["outcome"], _at(row["published"]))


def _at(published: datetime | None) -> int | None:
    if published is None:
        return None
    after = published - LATER
    return (after + timedelta(36525) if after < timedelta(days=-1) else after) // timedelta(minutes=1)
