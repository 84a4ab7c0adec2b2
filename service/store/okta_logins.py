"""The logins of bound accounts in Okta, updated whenever Okta's users are read.

A read that is older than another one of the same user changes nothing. If two accounts have the same current login, the
one whose user was updated later keeps it. The other one has no current login until its user is read again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import asyncpg

from service.immutable import immutable
from service.store.accounts import is_too_long, login_key

# For a user that was renamed and read again within the same millisecond, the later read counts.
CHANGES = """
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS read (okta_id, login, login_key, updated_at)
JOIN accounts AS account USING (okta_id)
WHERE account.okta_updated_at IS NULL
      AND (account.okta_login IS DISTINCT FROM read.login OR read.updated_at IS NOT NULL OR account.superseded)
   OR read.updated_at > account.okta_updated_at
   OR read.updated_at = account.okta_updated_at AND read.login <> account.okta_login
"""

ANY_CHANGE = f"SELECT EXISTS (SELECT {CHANGES})"

# In the order of id, like all statements that lock accounts.
LOCK_CHANGES = (
    f"SELECT account.id, read.login, read.login_key, read.updated_at {CHANGES} ORDER BY id FOR UPDATE OF account"
)

CHANGE = """
UPDATE accounts AS account
SET okta_login = read.login, okta_login_key = read.login_key, okta_updated_at = read.updated_at, superseded = false
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[]) AS read (id, login, login_key, updated_at)
WHERE account.id = read.id
"""

# Loaded logins are unique, so of two accounts with one current login at least one was read. Each login is looked up on
# its own (LATERAL, OFFSET 0): a plan that joins may read the whole table where statistics are missing.
HOLDERS = """
SELECT key, holder.id, holder.okta_updated_at
FROM unnest($1::text[]) AS key,
LATERAL (
    SELECT id, okta_updated_at FROM accounts WHERE okta_login_key = key AND NOT superseded
    UNION ALL
    SELECT id, okta_updated_at FROM accounts
    WHERE login_key = key AND okta_id IS NOT NULL AND okta_login_key IS NULL AND NOT superseded
    OFFSET 0
) AS holder
"""

# In the order of id, like all statements that lock accounts.
LOCK = "SELECT 1 FROM accounts WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"

SUPERSEDE = "UPDATE accounts SET superseded = true WHERE id = ANY($1::bigint[])"

KEYS_OF = "SELECT coalesce(okta_login_key, login_key) AS key FROM accounts WHERE id = ANY($1::bigint[])"


@immutable
class ReadLogin:
    """A user as read from Okta."""

    okta_id: str
    login: str
    updated_at: datetime | None
    """The user's `lastUpdated`."""


async def has_changes(connection: asyncpg.Connection, read: Sequence[ReadLogin]) -> bool:
    """Return whether `keep_okta_logins` would change anything; takes no lock."""
    return bool(await connection.fetchval(ANY_CHANGE, *_columns(read)))


async def keep_okta_logins(connection: asyncpg.Connection, read: Sequence[ReadLogin]) -> None:
    """Store the logins of the accounts with these Okta ids, all at once, and determine the holder of each login.

    The caller's transaction holds the binding lock, so that no other one binds, loads or renames accounts meanwhile.
    """
    rows = await connection.fetch(LOCK_CHANGES, *_columns(read))
    if rows:
        await connection.execute(CHANGE, *map(list, zip(*rows, strict=True)))
        await _supersede(connection, [row["login_key"] for row in rows])


async def settle_logins(connection: asyncpg.Connection, account_ids: Sequence[int]) -> None:
    """Determine the holder of each current login of accounts that were bound in the caller's transaction."""
    if account_ids:
        await _supersede(connection, [row["key"] for row in await connection.fetch(KEYS_OF, account_ids)])


async def _supersede(connection: asyncpg.Connection, keys: Sequence[str]) -> None:
    losers = _overtaken(map(tuple, await connection.fetch(HOLDERS, list(set(keys)))))
    if losers:
        await connection.execute(LOCK, losers)
        await connection.execute(SUPERSEDE, losers)


def _overtaken(holders: Iterable[tuple[str, int, datetime | None]]) -> list[int]:
    """Return the accounts that lose their current login to one whose user was updated later.

    Each holder is a login key, an account and the time at which its user was updated, None if it was never read.
    """
    by_key: defaultdict[str, list[tuple[int, datetime | None]]] = defaultdict(list)
    for key, account_id, updated_at in holders:
        by_key[key].append((account_id, updated_at))
    return [account_id for each in by_key.values() for account_id in _all_but_the_latest(each)]


def _all_but_the_latest(holders: Sequence[tuple[int, datetime | None]]) -> Iterator[int]:
    latest = max((updated_at for _, updated_at in holders if updated_at), default=None)
    if latest:
        yield from (number for number, updated_at in holders if updated_at is None or updated_at < latest)


def _columns(read: Sequence[ReadLogin]) -> tuple[list[object], ...]:
    # The last of several reads of one user counts. A login that does not fit an index cannot be one of Okta's.
    latest = {each.okta_id: each for each in sorted(read, key=_updated) if not is_too_long(each.login)}
    kept = list(latest.values())
    return (
        [each.okta_id for each in kept],
        [each.login for each in kept],
        [login_key(each.login) for each in kept],
        [each.updated_at for each in kept],
    )


def _updated(read: ReadLogin) -> float:
    return read.updated_at.timestamp() if read.updated_at else float("-inf")
