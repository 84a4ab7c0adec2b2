"""Queries of registration: declared profiles of accounts by current login, another name, email or attribute."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import field

import asyncpg

from service.immutable import immutable
from service.registration.values import spellings
from service.store.accounts import login_key
from service.store.attributes import DECLARED_PROFILE
from service.store.database import Database

# A loaded login that Okta's login has replaced is only another name of its account.
FIND_PROFILES = f"""
WITH named AS (
    SELECT id, CASE WHEN superseded OR okta_login_key <> login_key THEN 2 ELSE 1 END AS class
    FROM accounts WHERE login_key = ANY ($1::text[])
    UNION ALL
    SELECT id, CASE WHEN superseded THEN 2 ELSE 1 END
    FROM (
        SELECT id, superseded FROM accounts WHERE okta_login_key = ANY ($1::text[]) ORDER BY superseded LIMIT 4
    ) AS renamed
    UNION ALL
    SELECT account_id, 2
    FROM (SELECT account_id FROM identifiers WHERE identifier_key = ANY ($1::text[]) LIMIT 4) AS known
    UNION ALL
    SELECT id, 2 FROM (SELECT id FROM accounts WHERE email_key = ANY ($1::text[]) LIMIT 4) AS known
)
SELECT account.login, {DECLARED_PROFILE} AS profile, account.state = 'migrated' AS migrated
FROM accounts AS account
WHERE account.id IN (SELECT id FROM named WHERE class = (SELECT min(class) FROM named))
ORDER BY account.id
"""  # noqa: S608 (constants)

MOST_FOUND = 10
"""Maximum accounts found by an attribute; more than one already means that the value identifies no person."""

FIND_BY_ATTRIBUTE = f"""
WITH found AS (
    SELECT account.id, account.login, {DECLARED_PROFILE} AS profile
    FROM (
        SELECT id, login, profile, state FROM accounts
        WHERE profile ->> '%s' = $1 AND state <> 'migrated' LIMIT {MOST_FOUND}
    ) AS account
)
SELECT login, profile, false AS migrated FROM found WHERE profile ? '%s' ORDER BY id
"""  # noqa: S608 (constants; the name of the attribute is checked)
"""The name is part of the query's text, so that PostgreSQL can use an index on `(profile ->> 'name')`."""

ATTRIBUTE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
"""Okta's variable names: letters, digits and underscores."""


@immutable
class LegacyProfile:
    """An account as visible to a registration: no hash, no state."""

    login: str
    profile: dict[str, object] = field(repr=False)
    """Declared attributes; empty for a migrated account, whose profile Okta has."""
    migrated: bool = False


async def find_legacy_profiles(connection: asyncpg.Connection, names: Sequence[str]) -> list[LegacyProfile]:
    """Find the accounts with one of these names as current login; if there are none, with any other name or email.

    Finds names with any spelling of their domain, and with surrounding blanks.
    """
    keys = sorted({login_key(spelling) for name in names for spelling in spellings(name)})
    rows = await connection.fetch(FIND_PROFILES, [key for key in keys if key and "\0" not in key])
    return list(map(_profile, rows))


async def find_by_attribute(connection: asyncpg.Connection, attribute: str, value: str) -> list[LegacyProfile]:
    """Find the accounts whose declared attribute has this value. Raises `ValueError` for an invalid attribute name."""
    if not ATTRIBUTE_NAME.fullmatch(attribute):
        raise ValueError("this is no attribute of an Okta profile")
    return list(map(_profile, await connection.fetch(FIND_BY_ATTRIBUTE % (attribute, attribute), value)))


def _profile(row: asyncpg.Record) -> LegacyProfile:
    return LegacyProfile(row["login"], json.loads(row["profile"]), row["migrated"])


ATTRIBUTE_LOOKUPS = 2
"""Maximum concurrent look-ups by attribute: without an index each reads all accounts, and sign-ins need connections."""


class StoreLookup:
    """Finds legacy accounts in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(ATTRIBUTE_LOOKUPS)

    async def by_names(self, names: Sequence[str]) -> list[LegacyProfile]:
        """Find the accounts with one of these names."""
        async with self._database.connection() as connection:
            return await find_legacy_profiles(connection, names)

    async def by_attribute(self, attribute: str, value: str) -> list[LegacyProfile]:
        """Find the accounts whose declared attribute has this value."""
        async with self._turns, self._database.connection() as connection:
            return await find_by_attribute(connection, attribute, value)
