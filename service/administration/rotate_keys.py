"""Re-encryption of every stored hash under the active key, while the service runs.

Each batch is a transaction of its own: if the process is killed, every hash is under a configured key and the next
run continues. Both keys must be configured in every process that reads hashes until it is done.
"""

from collections.abc import Callable
from dataclasses import dataclass

from service.store import hash_keys
from service.store.database import Database
from service.store.encryption import DecryptionFailed, HashKeys
from service.store.hash_keys import Place, PlacedHash, binding_of

BATCH = 500
"""Hashes in one transaction: some ten milliseconds."""
ROUNDS = 20
"""Passes over the table: later ones process what was locked, or loaded under an old key, during the first."""


@dataclass(slots=True)
class Rotated:
    """The result of a rotation."""

    encrypted: int = 0
    shut: int = 0
    """Hashes that no configured key decrypts; they remain unchanged."""
    left: int = 0
    """Hashes that are not under the active key at the end, including the undecryptable ones."""


async def rotate_keys(
    database: Database,
    keys: HashKeys,
    progress: Callable[[int], None] = lambda _: None,
    *,
    done: Rotated | None = None,
) -> Rotated:
    """Encrypt every hash under the active key, or decrypt all without one. Calls `progress` with the number done.

    `done` holds the counts during the run, for a caller that cancels it.
    """
    done = Rotated() if done is None else done
    for _ in range(ROUNDS):
        done.shut = 0
        await _pass(database, keys, done, progress)
        async with database.connection() as connection:
            done.left = await hash_keys.count_others(connection, keys.active)
        if done.left <= done.shut:
            break
    return done


async def _pass(database: Database, keys: HashKeys, done: Rotated, progress: Callable[[int], None]) -> None:
    place: Place = (0, 0)
    while True:
        async with database.transaction() as connection:
            batch = await hash_keys.under_other_keys(connection, keys.active, place, BATCH)
            if not batch:
                return
            await hash_keys.put(connection, _encrypted(batch, keys, done))
        place = batch[-1].place
        progress(done.encrypted)


def _encrypted(batch: list[PlacedHash], keys: HashKeys, done: Rotated) -> list[tuple[Place, bytes, str | None]]:
    encrypted = []
    for each in batch:
        bound_to = binding_of(each.kept, each.kept.login_key)
        try:
            text = keys.decrypt(each.kept.hash, each.kept.key_id, bound_to)
        except DecryptionFailed:
            done.shut += 1
            continue
        encrypted.append((each.place, *keys.encrypt(text, bound_to)))
    done.encrypted += len(encrypted)
    return encrypted
