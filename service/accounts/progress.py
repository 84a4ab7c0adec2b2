"""How far the migration is, counted by state, source, format and day, and who is stuck. Reads only."""

import json
from collections.abc import Sequence
from dataclasses import field
from datetime import date, datetime
from typing import Any

import asyncpg

from service.immutable import immutable

BY_SOURCE_AND_FORMAT = """
SELECT source.name AS source, recipe.format, account.state, count(*) AS number
FROM hashes AS kept
JOIN accounts AS account ON account.id = kept.account_id
JOIN sources AS source ON source.id = kept.source_id JOIN recipes AS recipe ON recipe.id = kept.recipe_id
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""

BY_DAY = """
SELECT (forgotten_at AT TIME ZONE 'UTC')::date AS day, state, count(*) AS number FROM accounts
WHERE forgotten_at >= $1 GROUP BY 1, 2 ORDER BY 1, 2
"""

PROVISIONED = "SELECT method, outcome, count(*) AS number FROM provisionings GROUP BY 1, 2 ORDER BY 1, 2"

PROOFS = """
SELECT split_part(proof, ':', 1) AS proof, count(*) AS number FROM accounts WHERE state = 'retired'
GROUP BY 1 ORDER BY 1
"""

# The last thing that Okta said of each account that still has a hash.
FAILURES = """
SELECT reason, count(*) AS number FROM (
    SELECT DISTINCT ON (event.account_id) coalesce(event.reason, event.outcome) AS reason
    FROM import_events AS event JOIN accounts AS account ON account.id = event.account_id AND account.armed
    WHERE event.effect = 'kept' ORDER BY event.account_id, event.published DESC NULLS LAST
) AS last GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20
"""

VERIFIED_LONG_AGO = "SELECT count(*) FROM accounts WHERE state = 'verified' AND verified_at < $1"

NOT_CREATED = "SELECT count(*) FROM accounts WHERE armed AND okta_id IS NULL"

# Sign-in names that two accounts have: nobody gets in by them.
AMBIGUOUS_NAMES = """
SELECT known.identifier_key FROM identifiers AS known JOIN accounts AS account ON account.id = known.account_id
WHERE account.armed AND NOT EXISTS (SELECT FROM accounts AS named WHERE named.login_key = known.identifier_key)
GROUP BY 1 HAVING count(*) > 1
"""
AMBIGUOUS = f"SELECT count(*) FROM ({AMBIGUOUS_NAMES}) AS shared"  # noqa: S608 (of constants alone)

FIRST = 5
"""How many of each kind of those who are stuck are named."""

VERIFIED_LONG_AGO_NAMES = (
    "SELECT login FROM accounts WHERE state = 'verified' AND verified_at < $1 ORDER BY verified_at"
)

NOT_CREATED_NAMES = "SELECT login FROM accounts WHERE armed AND okta_id IS NULL ORDER BY id"

CURSORS = "SELECT org, saved_at, users_compared_at FROM log_cursors ORDER BY org"

STRAGGLERS = """
SELECT account.id, account.login, account.okta_id, account.state, account.profile, account.verified_at,
       (SELECT string_agg(DISTINCT source.name, ' ') FROM hashes AS kept JOIN sources AS source
            ON source.id = kept.source_id WHERE kept.account_id = account.id) AS sources,
       (SELECT string_agg(DISTINCT recipe.format, ' ') FROM hashes AS kept JOIN recipes AS recipe
            ON recipe.id = kept.recipe_id WHERE kept.account_id = account.id) AS formats,
       provisioning.outcome, provisioning.reason AS refused,
       (SELECT coalesce(event.reason, event.outcome) FROM import_events AS event
            WHERE event.account_id = account.id AND event.effect = 'kept'
            ORDER BY event.published DESC NULLS LAST LIMIT 1) AS failure
FROM accounts AS account LEFT JOIN provisionings AS provisioning ON provisioning.account_id = account.id
WHERE account.state IN ('unarmed', 'waiting', 'verified') AND account.id > $1
ORDER BY account.id LIMIT $2
"""


@immutable
class Straggler:
    """An account that has neither migrated nor been retired."""

    id: int
    login: str
    okta_id: str | None
    state: str
    profile: dict[str, Any] = field(repr=False)
    verified_at: datetime | None
    sources: str | None
    formats: str | None
    outcome: str | None
    refused: str | None
    failure: str | None


async def by_source_and_format(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    """Count the kept hashes by source, format and state."""
    return [dict(row) for row in await connection.fetch(BY_SOURCE_AND_FORMAT)]


async def by_day(connection: asyncpg.Connection, since: datetime) -> list[tuple[date, str, int]]:
    """Count the accounts that migrated or were retired, by day (UTC)."""
    return [(row["day"], row["state"], row["number"]) for row in await connection.fetch(BY_DAY, since)]


async def provisioned(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    """Count what became of the accounts that were to be created."""
    return [dict(row) for row in await connection.fetch(PROVISIONED)]


async def proofs(connection: asyncpg.Connection) -> dict[str, int]:
    """Count the retired accounts by their proof."""
    return {row["proof"]: row["number"] for row in await connection.fetch(PROOFS)}


async def failures(connection: asyncpg.Connection) -> dict[str, int]:
    """Count the accounts with a hash by the last reason for which Okta did not store their password."""
    return {row["reason"]: row["number"] for row in await connection.fetch(FAILURES)}


async def stuck(connection: asyncpg.Connection, verified_before: datetime) -> dict[str, int]:
    """Count those who need somebody to look at them."""
    return {
        "verified_without_success": await connection.fetchval(VERIFIED_LONG_AGO, verified_before),
        "not_in_okta": await connection.fetchval(NOT_CREATED),
        "ambiguous_names": await connection.fetchval(AMBIGUOUS),
    }


async def names_of_stuck(connection: asyncpg.Connection, verified_before: datetime) -> dict[str, list[str]]:
    """Name the first few of those whom `stuck` counts: logins, and the sign-in names that are ambiguous."""
    asked: dict[str, tuple[str, tuple[object, ...]]] = {
        "verified_without_success": (VERIFIED_LONG_AGO_NAMES, (verified_before,)),
        "not_in_okta": (NOT_CREATED_NAMES, ()),
        "ambiguous_names": (f"{AMBIGUOUS_NAMES} ORDER BY 1", ()),
    }
    return {
        kind: [row[0] for row in await connection.fetch(f"{query} LIMIT {FIRST}", *values)]
        for kind, (query, values) in asked.items()
    }


async def logs_read(connection: asyncpg.Connection) -> list[tuple[str, datetime, datetime | None]]:
    """Tell until when each org's log is read, and when its users were compared."""
    rows = await connection.fetch(CURSORS)
    return [(row["org"], row["saved_at"], row["users_compared_at"]) for row in rows]


async def list_stragglers(connection: asyncpg.Connection, after: int, number: int) -> Sequence[Straggler]:
    """List the next of those who are left, in the order of id."""
    rows = await connection.fetch(STRAGGLERS, after, number)
    return [Straggler(**{**row, "profile": json.loads(row["profile"])}) for row in rows]
