"""Declared attributes: Okta's base profile and the additions of each source. No others leave the store.

The base profile: https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/ (profile).
"""

import asyncpg

BASE_PROFILE = (
    "login", "email", "secondEmail", "firstName", "lastName", "middleName", "honorificPrefix", "honorificSuffix",
    "title", "displayName", "nickName", "profileUrl", "primaryPhone", "mobilePhone", "streetAddress", "city", "state",
    "zipCode", "countryCode", "postalAddress", "preferredLanguage", "locale", "timezone", "userType", "employeeNumber",
    "costCenter", "organization", "division", "department", "managerId", "manager",
)  # fmt: skip

_BASE = ", ".join(f"'{name}'" for name in BASE_PROFILE)

DECLARED_PROFILE = f"""
(SELECT coalesce(jsonb_object_agg(entry.key, entry.value), '{{}}') FROM jsonb_each(account.profile) AS entry
 WHERE account.state <> 'migrated' AND (entry.key IN ({_BASE}) OR entry.key IN (
     SELECT unnest(source.attributes) FROM sources AS source
     WHERE source.id IN (SELECT source_id FROM hashes WHERE account_id = account.id)
        OR NOT EXISTS (SELECT FROM hashes WHERE account_id = account.id))))
"""  # noqa: S608 (constants)
"""SQL for the part of an `account`'s profile that its hashes' sources declare. The source of an account without a hash
is unknown, so it gets the declarations of all sources. A migrated account has none: its profile is Okta's."""

UNDECLARED = """
SELECT count(*) FROM accounts
WHERE profile - $1::text[] <> '{}' OR state = 'migrated' AND profile <> '{}'
"""

ALL_DECLARED = "SELECT coalesce(array_agg(DISTINCT each), '{}') FROM sources, unnest(attributes) AS each"

PURGE = f"""
WITH slice AS (
    SELECT id FROM accounts WHERE id > $1 ORDER BY id LIMIT $2
), purged AS (
    UPDATE accounts AS account SET profile = {DECLARED_PROFILE}
    WHERE id IN (SELECT id FROM accounts WHERE id IN (SELECT id FROM slice) ORDER BY id FOR UPDATE)
      AND profile <> {DECLARED_PROFILE}
    RETURNING id
)
SELECT (SELECT max(id) FROM slice) AS last, (SELECT count(*) FROM purged) AS purged
"""  # noqa: S608 (a constant)


async def count_undeclared(connection: asyncpg.Connection) -> int:
    """Count the accounts with attributes that no source declares, and the migrated ones that still have a profile."""
    names = {*BASE_PROFILE, *await all_declared(connection)}
    number: int = await connection.fetchval(UNDECLARED, sorted(names))
    return number


async def all_declared(connection: asyncpg.Connection) -> frozenset[str]:
    """Return the names of all attributes that any source declares."""
    return frozenset(await connection.fetchval(ALL_DECLARED))


async def purge_slice(connection: asyncpg.Connection, after: int, number: int) -> tuple[int | None, int]:
    """Remove undeclared attributes from the next accounts by id; return the last id, None at the end, and how many."""
    row = await connection.fetchrow(PURGE, after, number)
    assert row is not None  # noqa: S101 (a query without FROM returns one row)
    return row["last"], row["purged"]
