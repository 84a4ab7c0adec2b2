"""Queries of the operator's commands: lists, details, deletion, counts, progress."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime
from typing import Any

import asyncpg

from service.hashing.limits import MAX_WORK
from service.immutable import immutable
from service.store.accounts import State
from service.store.attributes import DECLARED_PROFILE
from service.store.deleted_logins import DeletedAccount

# Numbers of accounts, hashes and events of each kind. Read only.

ACCOUNTS_BY_STATE = "SELECT state, count(*) AS number FROM accounts GROUP BY state"

HASHES_BY_FORMAT = """
SELECT recipe.format, count(*) AS number FROM hashes JOIN recipes AS recipe ON recipe.id = hashes.recipe_id
GROUP BY recipe.format ORDER BY recipe.format
"""

HASHES_BY_KEY = "SELECT key_id, count(*) AS number FROM hashes GROUP BY key_id ORDER BY key_id"

EVENTS_BY_EFFECT = "SELECT effect, count(*) AS number FROM import_events GROUP BY effect ORDER BY effect"

UNREADABLE_EVENTS = "SELECT count(*) FROM unreadable_events"


async def accounts_by_state(connection: asyncpg.Connection) -> dict[str, int]:
    """Count the accounts of each state."""
    return _counts(await connection.fetch(ACCOUNTS_BY_STATE))


async def hashes_by_format(connection: asyncpg.Connection) -> dict[str, int]:
    """Count the hashes of each format."""
    return _counts(await connection.fetch(HASHES_BY_FORMAT))


async def hashes_by_key(connection: asyncpg.Connection) -> dict[str | None, int]:
    """Count the hashes under each key; the key None stands for unencrypted ones."""
    return _counts(await connection.fetch(HASHES_BY_KEY))


async def events_by_effect(connection: asyncpg.Connection) -> dict[str, int]:
    """Count the import events by their effect."""
    return _counts(await connection.fetch(EVENTS_BY_EFFECT))


async def unreadable_events(connection: asyncpg.Connection) -> int:
    """Count the raw messages that are kept for inspection."""
    number: int = await connection.fetchval(UNREADABLE_EVENTS)
    return number


def _counts(rows: list[asyncpg.Record]) -> dict[Any, int]:
    return {row[0]: row["number"] for row in rows}


# Deletion of accounts with everything that refers to them.

NAMED = """
SELECT id FROM accounts WHERE login_key = $1 OR okta_login_key = $1
UNION SELECT account_id FROM identifiers WHERE identifier_key = $1
ORDER BY 1
"""

# In the order of id, like every transaction that locks accounts.
LOCK = """
SELECT id, login_key, okta_login_key, okta_id, superseded FROM accounts WHERE id = ANY($1::bigint[])
ORDER BY id FOR UPDATE
"""

DELETE_HASHES = "DELETE FROM hashes WHERE account_id = ANY($1::bigint[])"

DELETE_ACCOUNTS = "DELETE FROM accounts WHERE id = ANY($1::bigint[])"

WITH_LOGINS = "SELECT id, login_key FROM accounts WHERE login_key = ANY($1::text[])"


async def ids_named(connection: asyncpg.Connection, key: str) -> list[int]:
    """List the accounts that have a name as login or as another identifier."""
    return [row["id"] for row in await connection.fetch(NAMED, key)]


async def ids_of_logins(connection: asyncpg.Connection, keys: Sequence[str]) -> dict[str, int]:
    """Return the ids of the accounts with exactly these login keys, by key."""
    return {row["login_key"]: row["id"] for row in await connection.fetch(WITH_LOGINS, keys)}


async def delete(connection: asyncpg.Connection, account_ids: Sequence[int]) -> dict[int, DeletedAccount]:
    """Delete accounts in the caller's transaction; return the ids and names of those that existed."""
    found = {row["id"]: _deleted(row) for row in await connection.fetch(LOCK, account_ids)}
    await connection.execute(DELETE_HASHES, list(found))
    await connection.execute(DELETE_ACCOUNTS, list(found))
    return found


def _deleted(row: asyncpg.Record) -> DeletedAccount:
    okta_login_key, superseded = row["okta_login_key"], row["superseded"]
    return DeletedAccount(
        login_key=row["login_key"],
        okta_login_key=None if superseded else okta_login_key,
        is_current=not superseded and okta_login_key is None,
        bound=row["okta_id"] is not None,
    )


# The progress of the migration by state, source, format and day, and the stuck accounts. Read only.

# All that is counted of accounts in one scan, and of hashes in another: with a million accounts, ten statements take
# twice as long. Names are joined to the groups, of which there are few.
COUNT_ACCOUNTS = """
SELECT state, (forgotten_at AT TIME ZONE 'UTC')::date AS day,
       CASE WHEN state = 'retired' THEN split_part(proof, ':', 1) END AS proof, count(*) AS number,
       count(*) FILTER (WHERE state = 'verified' AND verified_at < $1) AS verified_long_ago,
       count(*) FILTER (WHERE armed AND okta_id IS NULL) AS unbound
FROM accounts GROUP BY 1, 2, 3
"""

COUNT_HASHES = """
SELECT source.name AS source, recipe.format, grouped.state, grouped.key_id, sum(grouped.number)::bigint AS number
FROM (
    SELECT kept.source_id, kept.recipe_id, kept.key_id, account.state, count(*) AS number
    FROM hashes AS kept JOIN accounts AS account ON account.id = kept.account_id GROUP BY 1, 2, 3, 4
) AS grouped
JOIN sources AS source ON source.id = grouped.source_id JOIN recipes AS recipe ON recipe.id = grouped.recipe_id
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3
"""

PROVISIONED = "SELECT method, outcome, count(*) AS number FROM provisionings GROUP BY 1, 2 ORDER BY 1, 2"

PROOFS = """
SELECT split_part(proof, ':', 1) AS proof, count(*) AS number FROM accounts WHERE state = 'retired'
GROUP BY 1 ORDER BY 1
"""

# The last report of Okta on each account that still has a hash.
FAILURES = """
SELECT reason, count(*) AS number FROM (
    SELECT DISTINCT ON (event.account_id) coalesce(event.reason, event.outcome) AS reason
    FROM import_events AS event JOIN accounts AS account ON account.id = event.account_id AND account.armed
    WHERE event.effect = 'kept' ORDER BY event.account_id, event.published DESC NULLS LAST
) AS last GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20
"""

IS_REFUSED = "EXISTS (SELECT FROM provisionings AS known WHERE known.account_id = id AND known.outcome = 'refused')"

REFUSED = f"SELECT count(*) FROM accounts WHERE armed AND okta_id IS NULL AND {IS_REFUSED}"  # noqa: S608 (constants)

FIRST = 5
"""Number of stuck accounts of each kind that are named."""

VERIFIED_LONG_AGO_NAMES = (
    "SELECT login FROM accounts WHERE state = 'verified' AND verified_at < $1 ORDER BY verified_at"
)

UNBOUND_NAMES = "SELECT login FROM accounts WHERE armed AND okta_id IS NULL"
NOT_CREATED_NAMES = f"{UNBOUND_NAMES} AND NOT {IS_REFUSED} ORDER BY id"

REFUSED_NAMES = f"{UNBOUND_NAMES} AND {IS_REFUSED} ORDER BY id"

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


@immutable
class AccountCounts:
    """The accounts, counted once."""

    states: Counter[str]
    days: Counter[tuple[date, str]]
    """Those that migrated or were retired, by day (UTC) and state."""
    proofs: Counter[str]
    """The retired ones, by the kind of their proof."""
    verified_long_ago: int
    unbound: int
    """Those with a hash and without an Okta id."""


async def count_accounts(connection: asyncpg.Connection, verified_before: datetime) -> AccountCounts:
    """Count the accounts by all that is told of them."""
    states, days, proofs = Counter[str](), Counter[tuple[date, str]](), Counter[str]()
    verified_long_ago = unbound = 0
    for row in await connection.fetch(COUNT_ACCOUNTS, verified_before):
        states[row["state"]] += row["number"]
        if row["day"] is not None:
            days[row["day"], row["state"]] += row["number"]
        if row["proof"] is not None:
            proofs[row["proof"]] += row["number"]
        verified_long_ago += row["verified_long_ago"]
        unbound += row["unbound"]
    return AccountCounts(states, days, proofs, verified_long_ago, unbound)


@immutable
class HashCounts:
    """The kept hashes, counted once."""

    formats: dict[str, int]
    keys: dict[str | None, int]
    """None are those that are kept as they are."""
    sources: list[dict[str, Any]]
    """By source, format and state of the account."""


async def count_hashes(connection: asyncpg.Connection) -> HashCounts:
    """Count the kept hashes by all that is told of them."""
    formats, keys = Counter[str](), Counter[str | None]()
    sources = Counter[tuple[str, str, str]]()
    for row in await connection.fetch(COUNT_HASHES):
        formats[row["format"]] += row["number"]
        keys[row["key_id"]] += row["number"]
        sources[row["source"], row["format"], row["state"]] += row["number"]
    names = ("source", "format", "state", "number")
    return HashCounts(
        dict(sorted(formats.items())),
        dict(sorted(keys.items(), key=lambda item: (item[0] is None, item[0] or ""))),
        [dict(zip(names, (*group, number), strict=True)) for group, number in sources.items()],
    )


async def provisioned(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    """Count the accounts to be created by their outcome."""
    return [dict(row) for row in await connection.fetch(PROVISIONED)]


async def proofs(connection: asyncpg.Connection) -> dict[str, int]:
    """Count the retired accounts by their proof."""
    return {row["proof"]: row["number"] for row in await connection.fetch(PROOFS)}


async def failures(connection: asyncpg.Connection) -> dict[str, int]:
    """Count the accounts that have a hash by the last reason why Okta did not store their password."""
    return {row["reason"]: row["number"] for row in await connection.fetch(FAILURES)}


TOO_COSTLY = """
SELECT account_id FROM hashes JOIN unnest($1::integer[], $2::float8[]) AS known (recipe_id, work) USING (recipe_id)
GROUP BY account_id HAVING sum(known.work) > $3
"""

COUNT_TOO_COSTLY = f"SELECT count(*) FROM ({TOO_COSTLY}) AS found"  # noqa: S608 (made of constants)

TOO_COSTLY_NAMES = f"""
SELECT login FROM accounts JOIN ({TOO_COSTLY}) AS found ON id = account_id ORDER BY login LIMIT {FIRST}
"""  # noqa: S608 (made of constants)

COUNT_SOURCES = "SELECT count(*) FROM sources"


async def too_costly(connection: asyncpg.Connection, work: Mapping[int, float]) -> tuple[int, list[str]]:
    """Count and name the accounts whose hashes together exceed the cost limit of a sign-in.

    `work` maps each recipe to the work of one hash. Reads all hashes, unless no account can have so many.
    """
    sources: int = await connection.fetchval(COUNT_SOURCES)
    if sources * max(work.values(), default=0.0) <= MAX_WORK:  # an account has at most one hash of each source
        return 0, []
    values = list(work), list(work.values()), MAX_WORK
    count: int = await connection.fetchval(COUNT_TOO_COSTLY, *values)
    return count, [row["login"] for row in await connection.fetch(TOO_COSTLY_NAMES, *values)] if count else []


async def stuck(connection: asyncpg.Connection, counts: AccountCounts) -> dict[str, int]:
    """Count the accounts that need attention."""
    refused: int = await connection.fetchval(REFUSED)
    return {
        "verified_without_success": counts.verified_long_ago,
        "not_in_okta": max(0, counts.unbound - refused),
        "refused_by_okta": refused,
    }


async def names_of_stuck(connection: asyncpg.Connection, verified_before: datetime) -> dict[str, list[str]]:
    """Return the logins of the first few accounts that `stuck` counts."""
    asked: dict[str, tuple[str, tuple[object, ...]]] = {
        "verified_without_success": (VERIFIED_LONG_AGO_NAMES, (verified_before,)),
        "not_in_okta": (NOT_CREATED_NAMES, ()),
        "refused_by_okta": (REFUSED_NAMES, ()),
    }
    return {
        kind: [row[0] for row in await connection.fetch(f"{query} LIMIT {FIRST}", *values)]
        for kind, (query, values) in asked.items()
    }


# Of the org whose log was read last: logs of earlier orgs, such as a rehearsal's, are no longer read.
RECONCILED = "SELECT max(saved_at) AS log, max(users_compared_at) AS users FROM log_cursors"

OKTA_CALL_COUNTS = "SELECT event, outcome, verdict, number FROM okta_call_counts ORDER BY 1, 2, 3"

RECENT_OKTA_CALLS = """
SELECT event, outcome, coalesce(verdict, 'none') AS verdict, coalesce(reason ~* 'timed? ?out', false) AS timed_out,
       count(*) AS number, max(published) AS last
FROM okta_calls
WHERE received_at >= $1 AND published >= $1 AND NOT (event = 'inline_hook.response.processed' AND outcome = 'SUCCESS')
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


async def okta_call_counts(connection: asyncpg.Connection) -> list[tuple[str, str, str, int]]:
    """Count the hook calls that Okta's log reported, by event, outcome and our verdict."""
    return [tuple(row) for row in await connection.fetch(OKTA_CALL_COUNTS)]


async def recent_okta_calls(connection: asyncpg.Connection, since: datetime) -> list[dict[str, Any]]:
    """Count the calls since a moment that failed for Okta, by our verdict."""
    rows = [dict(row) for row in await connection.fetch(RECENT_OKTA_CALLS, since)]
    return [row | {"last": row["last"].isoformat(timespec="seconds") if row["last"] else None} for row in rows]


async def last_reconciled(connection: asyncpg.Connection) -> dict[str, datetime | None]:
    """Return up to when Okta's log was read and when the users were compared; None if never."""
    row = await connection.fetchrow(RECONCILED)
    return dict(row or {})


async def logs_read(connection: asyncpg.Connection) -> list[tuple[str, datetime, datetime | None]]:
    """Return up to when each org's log was read, and when its users were compared."""
    rows = await connection.fetch(CURSORS)
    return [(row["org"], row["saved_at"], row["users_compared_at"]) for row in rows]


async def list_stragglers(connection: asyncpg.Connection, after: int, number: int) -> Sequence[Straggler]:
    """List the next remaining accounts, in the order of id."""
    rows = await connection.fetch(STRAGGLERS, after, number)
    return [Straggler(**{**row, "profile": json.loads(row["profile"])}) for row in rows]


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

DETAILS = f"""
SELECT login_key, okta_login, superseded, {DECLARED_PROFILE} AS profile, disabled_reason,
       ARRAY(SELECT identifier_key FROM identifiers WHERE account_id = account.id ORDER BY 1) AS identifiers
FROM accounts AS account WHERE id = $1
"""  # noqa: S608 (constants)

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
    """The selection of accounts; a filter that is None or empty selects all."""

    states: Sequence[State] = ()
    source: str | None = None
    """Has a hash of this source."""
    format: str | None = None
    """Has a hash of this format."""
    ids: Sequence[int] | None = None

    @property
    def says_nothing(self) -> bool:
        """Return whether every account is selected."""
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
    """What a list omits about an account."""

    login_key: str
    profile: dict[str, Any] = field(repr=False)
    identifiers: list[str] = field(repr=False)
    hashes: list[dict[str, Any]]
    """Source, format, cost and key of each; never the hash."""
    events: list[dict[str, Any]]
    disabled_reason: str | None
    """Why the account was loaded without a hash although the export has a value for it."""
    okta_login: str | None
    """The name under which Okta has the account, if its user was read."""
    superseded: bool
    """Whether another account has this login now."""


async def list_accounts(
    connection: asyncpg.Connection, filters: Filters, *, after: int = 0, number: int = PAGE
) -> list[ListedAccount]:
    """List the next selected accounts, in the order of id."""
    states = [state.value for state in filters.states] or None
    rows = await connection.fetch(LIST, after, states, filters.source, filters.format, filters.ids, number)
    return [ListedAccount(*row) for row in rows]


async def all_accounts(connection: asyncpg.Connection, filters: Filters) -> AsyncIterator[ListedAccount]:
    """Yield all selected accounts, a page at a time."""
    last = 0
    while page := await list_accounts(connection, filters, after=last):
        for account in page:
            yield account
        last = page[-1].id


async def account_details(connection: asyncpg.Connection, account_id: int) -> AccountDetails:
    """Return the remaining details of an account."""
    row = await connection.fetchrow(DETAILS, account_id)
    if row is None:
        raise LookupError
    return AccountDetails(
        row["login_key"],
        json.loads(row["profile"]),
        row["identifiers"],
        [dict(each) for each in await connection.fetch(RECIPES, account_id)],
        [dict(each) for each in await connection.fetch(EVENTS, account_id)],
        row["disabled_reason"],
        row["okta_login"],
        row["superseded"],
    )


async def hashes_by_recipe(connection: asyncpg.Connection) -> dict[int, int]:
    """Count the hashes of each recipe."""
    return {row["recipe_id"]: row["number"] for row in await connection.fetch(HASHES_BY_RECIPE)}


async def count_unarmed(connection: asyncpg.Connection) -> int:
    """Count the accounts that were loaded without a hash."""
    number: int = await connection.fetchval(UNARMED)
    return number
