"""Queries of registration: declared profiles of accounts with the same current login, identifier or email."""

import json
from collections.abc import Sequence
from dataclasses import field

import asyncpg

from service.immutable import immutable
from service.store.accounts import login_key
from service.store.attributes import DECLARED_PROFILE

# A loaded login that Okta's has replaced is another name of its account, and no more its login.
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


@immutable
class LegacyProfile:
    """An account as a registration may see it: no hash, no state."""

    login: str
    profile: dict[str, object] = field(repr=False)
    """Declared attributes; of a migrated account none, since Okta has its profile."""
    migrated: bool = False


async def find_legacy_profiles(connection: asyncpg.Connection, names: Sequence[str]) -> list[LegacyProfile]:
    """Find the accounts with one of these names as current login; if there are none, with any other name or email."""
    keys = sorted({login_key(name) for name in names})
    rows = await connection.fetch(FIND_PROFILES, [key for key in keys if key and "\0" not in key])
    return [LegacyProfile(row["login"], json.loads(row["profile"]), row["migrated"]) for row in rows]
