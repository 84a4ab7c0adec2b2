"""The duration of finding an account in stores of ten thousand, a million, and ten million accounts."""

import asyncio
import random
import time
from collections.abc import Iterator
from statistics import median

import asyncpg

from bench import store
from bench.setting import Setting
from bench.table import Row
from service.signin.queries import find_and_failures
from service.signin.throttling import AttemptsInFlight

FILL = """
INSERT INTO accounts (login, login_key, state)
    SELECT format('person%s@example.com', n), format('person%s@example.com', n), 'waiting'
    FROM generate_series({begin}, {end} - 1) n;
INSERT INTO hashes (account_id, source_id, recipe_id, hash)
    SELECT accounts.id, sources.id, (SELECT min(id) FROM recipes), repeat('x', 60)::bytea
    FROM accounts, sources WHERE accounts.id > (SELECT coalesce(max(account_id), 0) FROM hashes);
"""


def rows(setting: Setting) -> Iterator[Row]:
    """Look up people at random over one connection; the smallest and the larger store are on the same server."""
    sizes = [2_000] if setting.quick else [1_000_000, *([10_000_000] if setting.full else [])]
    small = setting.people("fast")
    one = {store.login(0): store.salted_sha256(0)}
    grown, filled = store.make_store(setting.administrator, "grown", one, setting.folder), 1
    _fill(small, setting.number, 1_000 if setting.quick else 10_000)
    for size in sizes:
        _fill(grown, filled, size)
        filled = size
        ratios = asyncio.run(_compare(small, grown, 10_000, size, rounds=setting.rounds, lookups=500))
        yield Row(f"lookup by login among {size:,} accounts", ratios, "among 10,000, time")


def _fill(url: str, begin: int, end: int) -> None:
    if end > begin:
        store.execute(url, FILL.format(begin=begin, end=end))
        store.execute(url, "VACUUM ANALYZE")


async def _compare(small: str, grown: str, few: int, many: int, *, rounds: int, lookups: int) -> list[float]:
    first, second = await asyncpg.connect(small), await asyncpg.connect(grown)
    ratios = []
    for number in range(rounds + 1):
        rng, base, ours = random.Random(number), [], []
        for _ in range(lookups):  # alternately, so that a temporary slowdown of the machine affects both
            base.append(await _seconds(first, rng.randrange(few)))
            ours.append(await _seconds(second, rng.randrange(many)))
        ratios.append(median(ours) / median(base))
    await first.close()
    await second.close()
    return ratios[1:]


async def _seconds(connection: asyncpg.Connection, number: int) -> float:
    key = store.login(number)
    lookup = AttemptsInFlight(b"bench").lookup(key, "192.0.2.1")
    begun = time.perf_counter()
    await find_and_failures(connection, [lookup])
    return time.perf_counter() - begun
