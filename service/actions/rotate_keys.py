"""Put every stored hash under the active key, while the service runs. Knows store and keys; checks no password.

Batch by batch, each in a transaction of its own: killed anywhere, every hash is under a key that is at hand, and the
next run goes on. Both keys must be at hand in every process that reads hashes until it is done.
"""

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from service.accounts import rekeying
from service.accounts.account import KeptHash
from service.accounts.database import Database
from service.accounts.rekeying import Place, PlacedHash
from service.accounts.sealing import DecryptionFailed, HashKeys, binding

BATCH = 500
"""Hashes in one transaction: some ten milliseconds."""
ROUNDS = 20
"""Passes over the table: the second and later ones find what was locked, or loaded under an old key, meanwhile."""


@dataclass(slots=True)
class Rotated:
    """What a rotation did."""

    encrypted: int = 0
    shut: int = 0
    """Hashes that no key at hand opens; they stay as they are."""
    left: int = 0
    """Hashes that are not under the active key at the end, those among them."""


async def rotate_keys(database: Database, keys: HashKeys, progress: Callable[[int], None] = lambda _: None) -> Rotated:
    """Seal every hash under the active key; without one, open them all. `told` hears how many are done."""
    done = Rotated()
    for _ in range(ROUNDS):
        done.shut = 0
        await _pass(database, keys, done, progress)
        async with database.connection() as connection:
            done.left = await rekeying.count_others(connection, keys.active)
        if done.left <= done.shut:
            break
    return done


async def keys_missing(connection: asyncpg.Connection, keys: HashKeys) -> list[str]:
    """Name the keys that stored hashes are under and that are not at hand, or are other keys than those were."""
    missing = []
    for key_id in await rekeying.keys_in_use(connection):
        if key_id not in keys:
            missing.append(f"the key {key_id} is not in HASH_KEYS, and stored hashes need it")
        elif (kept := await rekeying.sample(connection, key_id)) is not None and not _opens(keys, kept):
            missing.append(f"the key {key_id} in HASH_KEYS does not open the hashes that are kept under this id")
    return missing


async def reencrypt(connection: asyncpg.Connection, account_id: int, keys: HashKeys, old_login_key: str) -> None:
    """Bind an account's hashes to its new login key, in the transaction that gave it one. Raises `DecryptionFailed`."""
    placed = await rekeying.of_account(connection, account_id)
    encrypted = []
    for place, kept in ((each.place, each.kept) for each in placed):
        old, new = (_binding(kept, login_key) for login_key in (old_login_key, kept.login_key))
        if kept.key_id is not None:
            encrypted.append((place, *keys.encrypt(keys.open(kept.hash, kept.key_id, old), new)))
    if encrypted:
        await rekeying.put(connection, encrypted)


async def _pass(database: Database, keys: HashKeys, done: Rotated, progress: Callable[[int], None]) -> None:
    place: Place = (0, 0)
    while True:
        async with database.transaction() as connection:
            batch = await rekeying.under_other_keys(connection, keys.active, place, BATCH)
            if not batch:
                return
            await rekeying.put(connection, _encrypted(batch, keys, done))
        place = batch[-1].place
        progress(done.encrypted)


def _encrypted(batch: list[PlacedHash], keys: HashKeys, done: Rotated) -> list[tuple[Place, bytes, str | None]]:
    encrypted = []
    for each in batch:
        bound_to = _binding(each.kept, each.kept.login_key)
        try:
            text = keys.open(each.kept.hash, each.kept.key_id, bound_to)
        except DecryptionFailed:
            done.shut += 1
            continue
        encrypted.append((each.place, *keys.encrypt(text, bound_to)))
    done.encrypted += len(encrypted)
    return encrypted


def _opens(keys: HashKeys, kept: KeptHash) -> bool:
    try:
        keys.open(kept.hash, kept.key_id, _binding(kept, kept.login_key))
    except DecryptionFailed:
        return False
    return True


def _binding(kept: KeptHash, login_key: str) -> bytes:
    return binding(login_key, kept.source, kept.format, kept.parameters)
