"""Logins of deleted accounts, as keyed digests, so that a load does not bring them back.

HMAC-SHA256 (RFC 2104) under the installation's key. PostgreSQL's core computes SHA-256 but no HMAC, so it is given the
two padded keys and does the rest; Python's `hmac` makes the same digest.
"""

import hashlib
import hmac
from collections.abc import Sequence

import asyncpg

BLOCK = 64
"""Bytes that SHA-256 takes at once."""

DIGEST = "sha256($2::bytea || sha256($3::bytea || convert_to(login_key, 'UTF8')))"

ANY_DELETED = "SELECT EXISTS (SELECT FROM deleted_logins)"

DELETED = f"SELECT login_key FROM unnest($1::text[]) AS login_key JOIN deleted_logins ON digest = {DIGEST}"  # noqa: S608

REMEMBER = "INSERT INTO deleted_logins (digest) SELECT unnest($1::bytea[]) ON CONFLICT DO NOTHING"

FORGIVE = "DELETE FROM deleted_logins WHERE digest = ANY($1::bytea[])"


def digest(key: bytes, login_key: str) -> bytes:
    """Make the digest that is kept of a login."""
    return hmac.digest(key, login_key.encode(), hashlib.sha256)


def pads(key: bytes) -> tuple[bytes, bytes]:
    """Make the outer and the inner padded key."""
    padded = key.ljust(BLOCK, b"\0")
    return bytes(byte ^ 0x5C for byte in padded), bytes(byte ^ 0x36 for byte in padded)


async def deleted_logins(connection: asyncpg.Connection, keys: Sequence[str], key: bytes) -> frozenset[str]:
    """Tell which login keys an operator deleted."""
    if not await connection.fetchval(ANY_DELETED):
        return frozenset()
    return frozenset(row["login_key"] for row in await connection.fetch(DELETED, keys, *pads(key)))


async def remember_deleted(connection: asyncpg.Connection, keys: Sequence[str], key: bytes) -> None:
    """Note that these logins were deleted."""
    await connection.execute(REMEMBER, sorted(digest(key, login_key) for login_key in keys))


async def forgive_deleted(connection: asyncpg.Connection, keys: Sequence[str], key: bytes) -> int:
    """Forget that these logins were deleted, so that a load may bring them back; give how many had been."""
    done = await connection.execute(FORGIVE, sorted(digest(key, login_key) for login_key in keys))
    return int(done.split()[-1])
