"""Names that identify no account, although accounts claim them: counted, and listed by remedy.

The rule is that of `service.signin.resolve`, applied to the whole store at once. Only names of accounts with a hash
count.
"""

import enum
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg

from service.immutable import immutable
from service.store.deleted_logins import any_deleted, pads
from service.store.recipes import login_digest_key


class NameProblem(enum.StrEnum):
    """Why a name identifies no account, which determines the remedy."""

    AMBIGUOUS_UNTIL_BOUND = "ambiguous_until_bound"
    """A login of an account without Okta id that another account claims, or one that two users had at once."""
    AMBIGUOUS = "ambiguous"
    """A short name or an identifier that several accounts claim."""
    INERT_WITHOUT_OPT_IN = "inert_without_opt_in"
    """An identifier with `@`, from no source that opts in."""
    INERT_LOGIN_OF_ANOTHER = "inert_login_of_another"
    """An identifier that is, or was, the login of another account, loaded or deleted."""


REMEDIES: Mapping[NameProblem, str] = {
    NameProblem.AMBIGUOUS_UNTIL_BOUND: "reconcile binds them",
    NameProblem.AMBIGUOUS: "type the full login",
    NameProblem.INERT_WITHOUT_OPT_IN: "opt in: email_aliases = true for the source in SOURCES, then load it again",
    NameProblem.INERT_LOGIN_OF_ANOTHER: "type the full login",
}

ACCOUNTS = """
SELECT id, login_key, okta_login_key, okta_id IS NOT NULL AS bound, superseded, armed FROM accounts"""

IDENTIFIERS = """
SELECT account_id, identifier_key, opted_in_source_ids <> '{}' AS opted_in FROM identifiers"""

NOTHING_DELETED = (
    "SELECT ''::text AS name, false AS is_login, false AS bound WHERE $1::bytea IS NULL AND $2::bytea IS NULL"
)

# The two padded keys are for the digests of the names; see `service.store.deleted_logins`.
_DELETED = """
SELECT name, bool_or(is_login) AS is_login, bool_or(bound) AS bound
FROM (
    SELECT name, sha256($1::bytea || sha256($2::bytea || convert_to(name, 'UTF8'))) AS digest
    FROM (
        SELECT split_part(coalesce(okta_login_key, login_key), '@', 1) AS name FROM account
        UNION SELECT identifier_key FROM identifier
    ) AS claimed
) AS claimed
JOIN (
    SELECT digest, true AS is_login, bound FROM deleted_logins
    UNION ALL SELECT okta_login_digest, true, bound FROM deleted_logins
    UNION ALL SELECT local_part_digest, false, bound FROM deleted_logins
) AS known USING (digest)
GROUP BY name"""


def problems(accounts: str = ACCOUNTS, identifiers: str = IDENTIFIERS, *, with_deleted: bool = False) -> str:
    """Return the query that yields each problem with its name, over relations of accounts and of identifiers."""
    return f"""
WITH account AS NOT MATERIALIZED ({accounts}),
identifier AS NOT MATERIALIZED ({identifiers}),
deleted AS MATERIALIZED ({_DELETED if with_deleted else NOTHING_DELETED}),
identifier_and_login AS MATERIALIZED (
    SELECT identifier_key AS name FROM identifier JOIN account ON login_key = identifier_key
    UNION SELECT identifier_key FROM identifier JOIN account ON okta_login_key = identifier_key
    UNION SELECT name FROM deleted WHERE is_login
),
known_identifier AS MATERIALIZED (
    SELECT identifier_key AS name, account.id, account.armed, account.bound, opted_in,
           EXISTS (SELECT FROM identifier_and_login AS known WHERE known.name = identifier_key) AS is_login,
           NOT account.superseded AND coalesce(account.okta_login_key, account.login_key) = identifier_key AS is_own
    FROM identifier JOIN account ON account.id = account_id
),
claim AS NOT MATERIALIZED (
    SELECT split_part(coalesce(okta_login_key, login_key), '@', 1) AS name, id, armed, bound,
           position('@' IN coalesce(okta_login_key, login_key)) = 0 AS is_login
    FROM account WHERE NOT superseded
    UNION ALL
    SELECT name, id, armed, bound, false FROM known_identifier
    WHERE NOT is_login AND (opted_in OR position('@' IN name) = 0)
),
claimed AS (
    SELECT name, min(id) <> max(id) AS is_shared, bool_or(is_login) AS is_login,
           bool_or(is_login AND NOT bound) AS is_unbound_login, bool_or(NOT is_login AND bound) AS is_bound_name
    FROM claim GROUP BY name HAVING bool_or(armed)
)
SELECT 'ambiguous_until_bound' AS problem, name FROM claimed
WHERE is_unbound_login
  AND (is_bound_name OR EXISTS (SELECT FROM deleted WHERE deleted.name = claimed.name AND deleted.bound))
UNION
SELECT 'ambiguous_until_bound', holder.okta_login_key FROM account AS holder
JOIN account AS other ON other.login_key = holder.okta_login_key AND NOT other.bound
WHERE holder.okta_login_key <> holder.login_key AND NOT holder.superseded AND (holder.armed OR other.armed)
UNION
SELECT 'ambiguous_until_bound', okta_login_key FROM account WHERE okta_login_key IS NOT NULL AND NOT superseded
GROUP BY okta_login_key HAVING count(*) > 1 AND bool_or(armed)
UNION ALL
SELECT 'ambiguous', name FROM claimed
WHERE NOT is_login AND (is_shared OR EXISTS (SELECT FROM deleted WHERE deleted.name = claimed.name))
UNION ALL
SELECT 'inert_without_opt_in', name FROM known_identifier
WHERE armed AND NOT is_login AND NOT opted_in AND position('@' IN name) > 0 GROUP BY name
UNION ALL
SELECT 'inert_login_of_another', name FROM known_identifier WHERE armed AND is_login AND NOT is_own GROUP BY name
"""  # noqa: S608 (made of constants)


def counted(query: str) -> str:
    """Wrap a query of `problems` to count its rows and list the first names; all of them if $3 is null."""
    return f"""
SELECT problem, count(*) AS number,
       (array_agg(name ORDER BY name COLLATE "C"))[1:coalesce($3::int, 2147483647)] AS names
FROM ({query}) AS found GROUP BY problem
"""  # noqa: S608 (made of constants)


REPORT = counted(problems())
REPORT_WITH_DELETED = counted(problems(with_deleted=True))

FIRST = 5
"""Names listed per problem, unless all are requested."""


REPORT_WITHIN = 900.0
"""Seconds: reading a store of fifty million accounts once."""

# The server's default of 4 MB would sort millions of names on disk, and a load's session has planner settings for
# reading single rows, which does not apply here.
SETTINGS = ("SET LOCAL work_mem = '128MB'", "SET LOCAL enable_seqscan = on", "SET LOCAL jit = off")


@immutable
class NameCount:
    """The number of names with a problem, and the names: all, or the first ones."""

    number: int
    names: tuple[str, ...]


NameReport = Mapping[NameProblem, NameCount]


async def report_names(
    connection: asyncpg.Connection,
    first: int | None = FIRST,
    *,
    queries: tuple[str, str] = (REPORT, REPORT_WITH_DELETED),
) -> NameReport:
    """Count the names that identify no account, by problem, and list the `first` of each, or all if it is None.

    `queries`: without and with deleted accounts, which require a digest of each name.
    """
    if await any_deleted(connection):
        query, keys = queries[1], pads(await login_digest_key(connection))
    else:
        query, keys = queries[0], (b"", b"")
    async with connection.transaction():
        for setting in SETTINGS:
            await connection.execute(setting)
        rows = await connection.fetch(query, *keys, first, timeout=REPORT_WITHIN)
    found = {row["problem"]: NameCount(row["number"], tuple(row["names"])) for row in rows}
    return {problem: found.get(problem.value, NameCount(0, ())) for problem in NameProblem}


# The last saved report. Counting reads the whole store, so `status` shows the counts saved by the commands that change
# names: load, migrate, provision and reconcile.

SAVED = "name_report"
"""The row of `installation`: JSON, the counts and the first names; without counts if there is no saved report."""

FIND_SAVED = "SELECT value, now() AS now FROM (SELECT 1) AS one LEFT JOIN installation ON name = $1"

# Only if the value is unchanged: a report that was counted before an account was deleted may name it.
SAVE = """
INSERT INTO installation AS known (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE known.value IS NOT DISTINCT FROM $3
"""

# The row is kept, since the operator's role may not delete it, and its value differs each time, so that `SAVE` notices.
DISCARD = """
UPDATE installation SET value = convert_to(json_build_object('discarded', clock_timestamp())::text, 'UTF8')
WHERE name = $1
"""


@immutable
class CountedNames:
    """The names that identify no account, as of a moment."""

    at: datetime
    report: NameReport


async def saved_names(connection: asyncpg.Connection) -> CountedNames | None:
    """Return the last saved report; None if there is none."""
    row = await connection.fetchrow(FIND_SAVED, SAVED)
    saved: dict[str, Any] = json.loads(row["value"]) if row is not None and row["value"] else {}
    if "problems" not in saved:
        return None
    counts = {NameProblem(problem): NameCount(number, tuple(names)) for problem, number, names in saved["problems"]}
    return CountedNames(datetime.fromisoformat(saved["at"]), counts)


async def count_names(connection: asyncpg.Connection, first: int | None = FIRST) -> CountedNames:
    """Count the names that identify no account, and save the counts and the first of them for `saved_names`."""
    row = await connection.fetchrow(FIND_SAVED, SAVED)
    assert row is not None  # noqa: S101 (an outer join with one row)
    counted_names = CountedNames(row["now"], await report_names(connection, first))
    problems_found = [
        (problem.value, count.number, count.names[:FIRST]) for problem, count in counted_names.report.items()
    ]
    saved = json.dumps({"at": row["now"].isoformat(), "problems": problems_found}).encode()
    await connection.execute(SAVE, SAVED, saved, row["value"])
    return counted_names


async def discard_saved_names(connection: asyncpg.Connection) -> None:
    """Discard the saved report in the caller's transaction, which deletes accounts that the report may name."""
    await connection.execute(DISCARD, SAVED)
