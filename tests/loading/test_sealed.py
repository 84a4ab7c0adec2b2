"""Loading with encrypted hashes: comparisons, changes and unchanged rows are the same."""

import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.administration.rotate_keys import rotate_keys
from service.loading import queries
from service.loading.queries import RowOutcome
from service.store.database import Database
from service.store.encryption import NO_KEYS, HashKeys, binding
from tests.loading.loader import BCRYPT, OTHER_BCRYPT, SEALING, Loader
from tests.loading.test_repeating import PEOPLE, versions

NEWER = HashKeys({"newer": bytes(range(1, 33)), "key": SEALING})


@pytest.fixture
def sealing(database_url: str, tmp_path: Path) -> Loader:
    return Loader(database_url, tmp_path, keys=HashKeys({"key": SEALING}))


async def opened(pool: asyncpg.Pool, keys: HashKeys) -> dict[str, tuple[str, str | None]]:
    """Return each login's decrypted hash, and its key."""
    rows = await pool.fetch("""
        SELECT login_key, hash, key_id, sources.name, format, parameters
        FROM hashes JOIN accounts ON id = account_id JOIN sources ON sources.id = source_id
        JOIN recipes ON recipes.id = recipe_id
    """)
    return {
        row["login_key"]: (keys.decrypt(row["hash"], row["key_id"], _binding(row)).decode(), row["key_id"])
        for row in rows
    }


def _binding(row: asyncpg.Record) -> bytes:
    return binding(row["login_key"], row["name"], row["format"], json.loads(row["parameters"]))


async def test_the_same_file_twice_writes_no_row(sealing: Loader, pool: asyncpg.Pool) -> None:
    assert (await sealing.load(PEOPLE)).row_outcomes == {RowOutcome.NEW: 2}
    before = await versions(pool)
    assert (await sealing.load(PEOPLE)).row_outcomes == {RowOutcome.UNCHANGED: 2}
    assert (await sealing.load(PEOPLE, dry_run=True)).row_outcomes == {RowOutcome.UNCHANGED: 2}
    assert await versions(pool) == before
    assert await opened(pool, sealing.keys) == {"jessie@example.com": (BCRYPT, "key")}


async def test_a_changed_hash_is_encrypted_and_makes_the_account_wait_again(
    sealing: Loader, pool: asyncpg.Pool
) -> None:
    await sealing.load(PEOPLE)
    await pool.execute("UPDATE accounts SET state = 'verified', verified_at = now() WHERE armed")
    totals = await sealing.load(PEOPLE.replace(BCRYPT, OTHER_BCRYPT))
    assert totals.row_outcomes == {RowOutcome.CHANGED: 1, RowOutcome.UNCHANGED: 1}
    assert await opened(pool, sealing.keys) == {"jessie@example.com": (OTHER_BCRYPT, "key")}
    assert await pool.fetchval("SELECT state FROM accounts WHERE armed") == "waiting"


@pytest.mark.parametrize("before", [NO_KEYS, HashKeys({"key": SEALING})], ids=["as it is", "under the older key"])
async def test_the_same_hash_kept_otherwise_is_unchanged_and_another_one_goes_under_the_new_key(
    sealing: Loader, pool: asyncpg.Pool, before: HashKeys
) -> None:
    sealing.keys = before
    await sealing.load(PEOPLE)
    sealing.keys = NEWER
    written = await versions(pool)
    assert (await sealing.load(PEOPLE)).row_outcomes == {RowOutcome.UNCHANGED: 2}
    assert await versions(pool) == written
    assert (await sealing.load(PEOPLE.replace(BCRYPT, OTHER_BCRYPT))).row_outcomes == {
        RowOutcome.CHANGED: 1,
        RowOutcome.UNCHANGED: 1,
    }
    assert await opened(pool, NEWER) == {"jessie@example.com": (OTHER_BCRYPT, "newer")}


async def test_a_hash_that_is_reencrypted_while_it_is_compared_is_unchanged_and_stays_under_the_new_key(
    sealing: Loader, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sealing.load(PEOPLE)
    sealing.keys = NEWER
    database, find_fates = Database(sealing.url), queries.match
    await database.open()

    async def rotate_before(*arguments: Any, **options: Any) -> int:
        await rotate_keys(database, NEWER)
        return await find_fates(*arguments, **options)

    monkeypatch.setattr(queries, "match", rotate_before)
    assert (await sealing.load(PEOPLE)).row_outcomes == {RowOutcome.UNCHANGED: 2}
    await database.close()
    assert await opened(pool, NEWER) == {"jessie@example.com": (BCRYPT, "newer")}


async def test_a_hash_under_a_key_that_is_gone_is_replaced_by_the_one_of_the_row(
    sealing: Loader, pool: asyncpg.Pool
) -> None:
    await sealing.load(PEOPLE)
    sealing.keys = HashKeys({"newer": bytes(range(1, 33))})
    assert (await sealing.load(PEOPLE)).row_outcomes == {RowOutcome.CHANGED: 1, RowOutcome.UNCHANGED: 1}
    assert await opened(pool, sealing.keys) == {"jessie@example.com": (BCRYPT, "newer")}
