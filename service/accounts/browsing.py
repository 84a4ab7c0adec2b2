"""Accounts as an operator looks at them: filters, pages, one account whole. Gives no hash, only that there is one."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any

import asyncpg

from service.accounts.account import State
from service.immutable import immutable

PAGE = 1000
"""Accounts fetched at once."""

LIST = """
SELECT account.id, account.login, account.state, account.okta_id, account.loaded_at, account.verified_at,
       account.forgotten_at, account.proof,
       ARRAY(SELECT sources.name FROM hashes JOIN sources ON sources.id = hashes.source_id
             WHERE hashes.account_id = account.id ORDER BY 1) AS sources,
       ARRAY(SELECT DISTINCT recipes.format FROM hashes JOIN recipes ON recipes.id = hashes.recipe_id
             WHERE hashes.account_id = account.id ORDER BY 1) AS formats
FROM accounts AS account
WHERE account.id > $1
  AND ($2::text[] IS NULL OR account.state = ANY ($2))
  AND ($3::text IS NULL OR EXISTS (
      SELECT FROM hashes JOIN sources ON sources.id = hashes.source_id
      WHERE hashes.account_id = account.id AND sources.name = $3))
  AND ($4::text IS NULL OR EXISTS (
      SELECT FROM hashes JOIN recipes ON recipes.id = hashes.recipe_id
      WHERE hashes.account_id = account.id AND recipes.format = $4))
  AND ($5::bigint[] IS NULL OR account.id = ANY ($5))
ORDER BY account.id LIMIT $6
"""

DETAILS = """
SELECT login_key, profile,
       ARRAY(SELECT identifier_key FROM identifiers WHERE account_id = accounts.id ORDER BY 1) AS identifiers
FROM accounts WHERE id = $1
"""

RECIPES = """
SELECT sources.name AS source, recipes.format, recipes.cost, hashes.key_id
FROM hashes JOIN sources ON sources.id = hashes.source_id JOIN recipes ON recipes.id = hashes.recipe_id
WHERE hashes.account_id = $1 ORDER BY sources.name
"""

EVENTS = """
SELECT uuid, outcome, reason, published, received_at, channel, effect FROM import_events
WHERE account_id = $1 ORDER BY received_at, uuid
"""


HASHES_BY_RECIPE = "SELECT recipe_id, count(*) AS number FROM hashes GROUP BY recipe_id"

UNARMED = "SELECT count(*) FROM accounts WHERE state = 'unarmed'"


@immutable
class Filters:
    """Which accounts are meant; what is None or empty says nothing."""

    states: Sequence[State] = ()
    source: str | None = None
    """Has a hash of this source."""
    format: str | None = None
    """Has a hash of this format."""
    ids: Sequence[int] | None = None

    @property
    def says_nothing(self) -> bool:
        """Tell whether every account is meant."""
        return not self.states and self.source is None and self.format is None and self.ids is None


@immutable
class ListedAccount:
    """An account in a list."""

    id: int
    login: str
    state: str
    okta_id: str | None
    loaded_at: datetime
    verified_at: datetime | None
    forgotten_at: datetime | None
    proof: str | None
    sources: list[str]
    formats: list[str]


@immutable
class AccountDetails:
    """What a list does not say of an account."""

    login_key: str
    profile: dict[str, Any] = field(repr=False)
    identifiers: list[str] = field(repr=False)
    hashes: list[dict[str, Any]]
    """Source, format, cost and key of each; never the hash."""
    events: list[dict[str, Any]]


async def list_accounts(
    connection: asyncpg.Connection, filters: Filters, *, after: int = 0, number: int = PAGE
) -> list[ListedAccount]:
    """List the next accounts that are meant, in the order of id."""
    states = [state.value for state in filters.states] or None
    rows = await connection.fetch(LIST, after, states, filters.source, filters.format, filters.ids, number)
    return [ListedAccount(*row) for row in rows]


async def all_accounts(connection: asyncpg.Connection, filters: Filters) -> AsyncIterator[ListedAccount]:
    """Give all accounts that are meant, a page at a time."""
    last = 0
    while page := await list_accounts(connection, filters, after=last):
        for account in page:
            yield account
        last = page[-1].id


async def account_details(connection: asyncpg.Connection, account_id: int) -> AccountDetails:
    """Give the rest of what is known of an account."""
    row = await connection.fetchrow(DETAILS, account_id)
    if row is None:
        raise LookupError
    return AccountDetails(
        row["login_key"],
        json.loads(row["profile"]),
        row["identifiers"],
        [dict(each) for each in await connection.fetch(RECIPES, account_id)],
        [dict(each) for each in await connection.fetch(EVENTS, account_id)],
    )


async def hashes_by_recipe(connection: asyncpg.Connection) -> dict[int, int]:
    """Count the hashes of each recipe."""
    return {row["recipe_id"]: row["number"] for row in await connection.fetch(HASHES_BY_RECIPE)}


async def count_unarmed(connection: asyncpg.Connection) -> int:
    """Count the accounts that were loaded without a hash."""
    number: int = await connection.fetchval(UNARMED)
    return number
