"""Logins of deleted accounts, as keyed digests, so that a load does not restore them.

HMAC-SHA256 (RFC 2104) under the installation's key. PostgreSQL's core has SHA-256 but no HMAC, so it receives the two
padded keys and computes the rest; Python's `hmac` returns the same digest.
"""

from collections.abc import Sequence

import asyncpg

from service.immutable import immutable
from service.store.accounts import name_digest

BLOCK = 64
"""SHA-256's block size in bytes."""

DIGEST = "sha256($2::bytea || sha256($3::bytea || convert_to(login_key, 'UTF8')))"

ANY_DELETED = "SELECT EXISTS (SELECT FROM deleted_logins)"

DELETED = f"SELECT login_key FROM unnest($1::text[]) AS login_key JOIN deleted_logins ON digest = {DIGEST}"  # noqa: S608

REMEMBER = """
INSERT INTO deleted_logins (digest, okta_login_digest, local_part_digest, bound)
SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::boolean[])
ON CONFLICT (digest) DO UPDATE
SET okta_login_digest = excluded.okta_login_digest, local_part_digest = excluded.local_part_digest,
    bound = excluded.bound
"""

FORGIVE = "DELETE FROM deleted_logins WHERE digest = ANY($1::bytea[])"


def pads(key: bytes) -> tuple[bytes, bytes]:
    """Return the outer and the inner padded key."""
    padded = key.ljust(BLOCK, b"\0")
    return bytes(byte ^ 0x5C for byte in padded), bytes(byte ^ 0x36 for byte in padded)


async def any_deleted(connection: asyncpg.Connection) -> bool:
    """Return whether an operator ever deleted an account."""
    return bool(await connection.fetchval(ANY_DELETED))


async def deleted_logins(connection: asyncpg.Connection, keys: Sequence[str], key: bytes) -> frozenset[str]:
    """Return which of the login keys belong to deleted accounts."""
    if not await any_deleted(connection):
        return frozenset()
    return frozenset(row["login_key"] for row in await connection.fetch(DELETED, keys, *pads(key)))


@immutable
class DeletedAccount:
    """The names of an account that an operator deletes; they never identify another account afterwards."""

    login_key: str
    okta_login_key: str | None
    """None if Okta's login is unknown, or belongs to another account by now."""
    is_current: bool
    """Whether the loaded login is the current one."""
    bound: bool

    def digests(self, key: bytes) -> tuple[bytes, bytes | None, bytes | None, bool]:
        """Return the digests of the loaded login, of Okta's, and of the local part of the current one."""
        current = self.login_key if self.is_current else self.okta_login_key
        return (
            name_digest(key, self.login_key),
            name_digest(key, self.okta_login_key) if self.okta_login_key else None,
            name_digest(key, current.partition("@")[0]) if current else None,
            self.bound,
        )


async def remember_deleted(connection: asyncpg.Connection, accounts: Sequence[DeletedAccount], key: bytes) -> None:
    """Record that these accounts were deleted."""
    rows = sorted((account.digests(key) for account in accounts), key=lambda row: row[0])
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 4
    await connection.execute(REMEMBER, *columns)


async def forgive_deleted(connection: asyncpg.Connection, keys: Sequence[str], key: bytes) -> int:
    """Drop the records of these logins, so that a load may restore them; return how many there were."""
    done = await connection.execute(FORGIVE, sorted(name_digest(key, login_key) for login_key in keys))
    return int(done.split()[-1])
