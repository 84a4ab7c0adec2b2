"""A killed load leaves complete batches, and running it again has the result of one uninterrupted run."""

import asyncio
import random
import sys
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from service.store.encryption import NO_KEYS, HashKeys
from service.store.migrations import ROOT
from tests.loading.loader import BCRYPT, OTHER_BCRYPT, SEALING, Loader, contents

PEOPLE = 3000


def export(*, newer: bool = False) -> str:
    """Return people with and without hashes, some with an Okta id, a few faulty; every third differs if newer."""
    rows = ["login,password_hash,okta_id,identifiers,note"]
    for number in range(PEOPLE):
        text = "" if number % 7 == 0 else OTHER_BCRYPT if newer and number % 3 == 0 else BCRYPT
        okta_id = f"00u{number}" if number % 5 == 0 else ""
        rows.append(f"p{number}@example.com,{text},{okta_id},n{number};m{number},{'new' if newer else 'old'}")
        if number % 500 == 0:
            rows.append(f"P{number}@EXAMPLE.com,{BCRYPT},,,same login")
    return "\n".join(rows) + "\n"


async def start(loader: Loader, path: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.loading.killed_load",
        loader.url, str(loader.folder), str(path), "sealed" if loader.keys.active else "as it is",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def end(pool: asyncpg.Pool) -> tuple[list[dict[str, object]], list[tuple[object, ...]], int]:
    recipes = await pool.fetch("SELECT format, cost, hashes_loaded FROM recipes ORDER BY 1, 2")
    torn = await pool.fetchval(
        "SELECT count(*) FROM accounts WHERE armed <> EXISTS (SELECT FROM hashes WHERE account_id = accounts.id)"
    )
    return await contents(pool), [tuple(row) for row in recipes], torn


@pytest.mark.parametrize(
    "keys, kills", [(NO_KEYS, 20), (HashKeys({"key": SEALING}), 4)], ids=["as they are", "encrypted hashes"]
)
async def test_a_load_killed_at_random_moments_ends_like_a_clean_one(
    loader: Loader, pool: asyncpg.Pool, tmp_path: Path, keys: HashKeys, kills: int
) -> None:
    loader.keys = keys
    await loader.load(export())
    await loader.load(export(newer=True))
    clean = await end(pool)
    await pool.execute("DELETE FROM hashes")
    await pool.execute("DELETE FROM accounts")
    await pool.execute("UPDATE recipes SET hashes_loaded = 0")
    rng = random.Random(4)  # noqa: S311 (moments, no secrets)
    for kind in (False, True):
        path = tmp_path / f"{kind}.csv"
        path.write_text(export(newer=kind))
        for _ in range(kills // 2):
            process = await start(loader, path)
            assert process.stdout is not None
            await process.stdout.readline()
            try:
                await asyncio.wait_for(process.wait(), rng.uniform(0.05, 1.5))
            except TimeoutError:
                with suppress(ProcessLookupError):  # it may have ended at this moment
                    process.kill()
                await process.wait()
            assert (await end(pool))[2] == 0
        await loader.load(path.read_bytes())
    assert await end(pool) == clean
