"""Queries of provisioning: accounts to create in Okta, and the outcomes of requests."""

import enum
import json
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from typing import Any

import asyncpg

from service.immutable import immutable
from service.store.accounts import KeptHash, State
from service.store.attributes import DECLARED_PROFILE

# Correction of the login and profile of an account that Okta rejected. The caller holds the binding lock.

HELD = """
SELECT account.login_key FROM accounts AS account JOIN provisionings AS known ON known.account_id = account.id
WHERE account.id = $1 AND known.outcome = 'refused' AND account.okta_id IS NULL FOR UPDATE OF account
"""

TAKEN = "SELECT EXISTS (SELECT FROM accounts WHERE login_key = $1 AND id <> $2)"

CORRECT = """
UPDATE accounts
SET login = $2, login_key = $3, profile = (profile || jsonb_strip_nulls($4::jsonb)) - $5::text[]
WHERE id = $1
"""

KEEP_OLD_NAME = "INSERT INTO identifiers (account_id, identifier_key) VALUES ($1, $2) ON CONFLICT DO NOTHING"

# No request was sent for the corrected account yet.
BEGIN_ANEW = "DELETE FROM provisionings WHERE account_id = $1"


class Corrected(enum.StrEnum):
    """The result of a correction."""

    DONE = "corrected"
    NOT_REFUSED = "Okta did not reject this account, or it has been created since"
    TAKEN = "another account has this login"


@immutable
class Correction:
    """The new values of an account; an empty attribute is removed."""

    account_id: int
    login: str
    login_key: str
    profile: dict[str, str] = field(repr=False)


async def correct(connection: asyncpg.Connection, correction: Correction) -> Corrected:
    """Correct one account in the caller's transaction."""
    own = correction.account_id
    old_key = await connection.fetchval(HELD, own)
    if old_key is None:
        return Corrected.NOT_REFUSED
    if await connection.fetchval(TAKEN, correction.login_key, own):
        return Corrected.TAKEN
    kept = {name: value for name, value in correction.profile.items() if value}
    removed = [name for name in correction.profile if name not in kept]
    await connection.execute(CORRECT, own, correction.login, correction.login_key, json.dumps(kept), removed)
    if old_key != correction.login_key:
        await connection.execute(KEEP_OLD_NAME, own, old_key)
    await connection.execute(BEGIN_ANEW, own)
    return Corrected.DONE


# Rejected accounts are skipped until they are corrected or explicitly selected. Both tables are limited by id: a merge
# join would otherwise read all earlier provisionings again for each page.
CHOSEN = """
FROM accounts AS account
LEFT JOIN provisionings AS provisioning ON provisioning.account_id = account.id AND provisioning.account_id > $1
WHERE account.okta_id IS NULL AND account.id > $1 AND account.state = ANY($2::text[])
  AND (account.state <> 'unarmed' OR account.disabled_reason IS NULL OR $6)
  AND ($3::text[] IS NULL OR EXISTS (
      SELECT FROM hashes JOIN sources ON sources.id = hashes.source_id
      WHERE hashes.account_id = account.id AND sources.name = ANY($3)))
  AND ($4::text[] IS NULL OR EXISTS (
      SELECT FROM hashes JOIN recipes ON recipes.id = hashes.recipe_id
      WHERE hashes.account_id = account.id AND recipes.format = ANY($4)))
  AND (provisioning.outcome IS DISTINCT FROM 'refused' OR $5 OR account.loaded_at > provisioning.ended_at)
"""

CANDIDATES = f"""
SELECT account.id, account.login, account.login_key, {DECLARED_PROFILE} AS profile,
       provisioning.outcome = 'intended' AS tried, provisioning.begun_at, account.state,
       account.groups
{CHOSEN} ORDER BY account.id LIMIT $7
"""

COUNT = f"SELECT count(*) {CHOSEN}"

KEPT = """
SELECT kept.account_id, source.name AS source, recipe.format, recipe.parameters,
       kept.hash, kept.salt, kept.username, kept.key_id, account.login_key
FROM hashes AS kept JOIN accounts AS account ON account.id = kept.account_id
JOIN sources AS source ON source.id = kept.source_id JOIN recipes AS recipe ON recipe.id = kept.recipe_id
WHERE kept.account_id = ANY($1::bigint[])
"""

# A repeated attempt keeps the time of the first: a user that Okta created since then is ours.
INTEND = """
INSERT INTO provisionings AS known (account_id, method, outcome)
SELECT account_id, method, 'intended' FROM unnest($1::bigint[], $2::text[]) AS given (account_id, method)
ON CONFLICT (account_id) DO UPDATE
SET outcome = 'intended', reason = NULL, ended_at = NULL,
    method = CASE WHEN known.outcome = 'intended' THEN known.method ELSE excluded.method END,
    begun_at = CASE WHEN known.outcome = 'intended' THEN known.begun_at ELSE now() END
RETURNING account_id, begun_at
"""

END = """
UPDATE provisionings AS known
SET outcome = given.outcome, reason = given.reason, method = coalesce(given.method, known.method), ended_at = now()
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS given (account_id, outcome, reason, method)
WHERE known.account_id = given.account_id
"""

REFUSED = f"""
SELECT account.id, account.login, {DECLARED_PROFILE} AS profile, provisioning.reason
FROM provisionings AS provisioning JOIN accounts AS account ON account.id = provisioning.account_id
WHERE provisioning.outcome = 'refused' AND account.okta_id IS NULL AND account.id > $1
  AND provisioning.account_id > $1
ORDER BY account.id LIMIT $2
"""  # noqa: S608 (constants)


@immutable
class Choice:
    """The selection among the accounts that are not in Okta yet."""

    states: Sequence[str] = ("waiting", "verified")
    sources: Sequence[str] | None = None
    formats: Sequence[str] | None = None
    refused_too: bool = False
    """Whether to include accounts that Okta rejected and that were not corrected since."""
    disabled_too: bool = False
    """Whether to include, of those without a hash, the accounts that were disabled in the old system."""

    @property
    def arguments(self) -> tuple[object, ...]:
        """Return the arguments of the queries after the first, the id to start after."""
        sources, formats = _listed(self.sources), _listed(self.formats)
        return list(self.states), sources, formats, self.refused_too, self.disabled_too


@immutable
class Candidate:
    """An account to create in Okta."""

    id: int
    login: str
    login_key: str
    profile: dict[str, Any] = field(repr=False)
    tried: bool
    """Whether a request may have been sent already: look the login up first."""
    has_hash: bool = True
    groups: Sequence[str] = ()
    """The names of its Okta groups."""


@immutable
class RefusedAccount:
    """An account that Okta rejected, and the reason."""

    id: int
    login: str
    profile: dict[str, Any] = field(repr=False)
    reason: str


@immutable
class Ended:
    """The outcome of one request."""

    account_id: int
    outcome: str
    reason: str | None
    method: str | None
    """How the password was sent; None to keep the intended method."""


async def count_candidates(connection: asyncpg.Connection, choice: Choice) -> int:
    """Count the accounts to create."""
    number: int = await connection.fetchval(COUNT, 0, *choice.arguments)
    return number


async def list_candidates(connection: asyncpg.Connection, choice: Choice, after: int, number: int) -> list[Candidate]:
    """List the next accounts, in the order of id."""
    rows = await connection.fetch(CANDIDATES, after, *choice.arguments, number)
    return [
        Candidate(
            row["id"],
            row["login"],
            row["login_key"],
            json.loads(row["profile"]),
            bool(row["tried"]),
            has_hash=row["state"] != State.UNARMED,
            groups=row["groups"],
        )
        for row in rows
    ]


async def kept_hashes(connection: asyncpg.Connection, account_ids: Sequence[int]) -> dict[int, list[KeptHash]]:
    """Return the stored hashes of accounts."""
    found: dict[int, list[KeptHash]] = {}
    for row in await connection.fetch(KEPT, account_ids):
        account_id, source, format_name, parameters, *kept = row
        found.setdefault(account_id, []).append(KeptHash(source, format_name, json.loads(parameters), *kept))
    return found


async def intend(connection: asyncpg.Connection, methods: Sequence[tuple[int, str]]) -> dict[int, datetime]:
    """Store that requests for these accounts are about to be sent; return the time of each first intent."""
    rows = await connection.fetch(INTEND, [own for own, _ in methods], [method for _, method in methods])
    return {row["account_id"]: row["begun_at"] for row in rows}


async def end(connection: asyncpg.Connection, ended: Sequence[Ended]) -> None:
    """Store the outcomes."""
    columns = zip(*((each.account_id, each.outcome, each.reason, each.method) for each in ended), strict=True)
    await connection.execute(END, *map(list, columns))


async def list_refused(connection: asyncpg.Connection, after: int, number: int) -> list[RefusedAccount]:
    """List the next accounts that Okta rejected, in the order of id."""
    return [
        RefusedAccount(row["id"], row["login"], json.loads(row["profile"]), row["reason"] or "")
        for row in await connection.fetch(REFUSED, after, number)
    ]


def _listed(names: Sequence[str] | None) -> list[str] | None:
    return list(names) if names else None
