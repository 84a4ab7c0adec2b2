"""Statements about single accounts use indexes, also where statistics are missing, as after a load."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import pytest

from service.import_events.queries import LOCK_MATCHES, MATCHES
from service.provisioning.queries import CANDIDATES, Choice
from service.signin.queries import FIND, FIND_MANY

ACCOUNTS = 20_000
LOAD = f"""
ALTER TABLE accounts SET (autovacuum_enabled = off);
ALTER TABLE hashes SET (autovacuum_enabled = off);
INSERT INTO accounts (login, login_key, state)
SELECT 'person' || n || '@example.com', 'person' || n || '@example.com', 'waiting'
FROM generate_series(1, {ACCOUNTS}) AS n;
INSERT INTO hashes (account_id, source_id, recipe_id, hash) SELECT id, 1, 1, repeat('x', 60)::bytea FROM accounts;
"""  # noqa: S608 (a constant)
KEYS = [f"person{number}@example.com" for number in range(200)]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
STATEMENTS: dict[str, tuple[str, Sequence[object]]] = {
    "sign-in": (FIND, (KEYS[1], bytes(16))),
    "sign-ins": (FIND_MANY, (json.dumps(KEYS[:32]), bytes(16 * 32))),
    "matches": (MATCHES, (KEYS, KEYS)),
    "matches to lock": (LOCK_MATCHES, (KEYS, KEYS)),
}


async def plan_of(pool: asyncpg.Pool, query: str, arguments: Sequence[object], options: str = "") -> str:
    """Return the plan of a query as text, with ids that are given instead of long lists."""
    return "\n".join(row[0] for row in await pool.fetch(f"EXPLAIN {options} {query}", *arguments))


@pytest.mark.parametrize("name", STATEMENTS)
async def test_accounts_and_hashes_are_not_read_as_a_whole_to_find_a_few(pool: asyncpg.Pool, name: str) -> None:
    await pool.execute(LOAD)
    plan = await plan_of(pool, *STATEMENTS[name])
    assert not re.findall(r"Seq Scan on (?:accounts|hashes)\b", plan)
    assert re.search(r"Index Scan using .* on accounts", plan)


async def test_a_page_of_a_provisioning_does_not_read_the_earlier_ones_again(pool: asyncpg.Pool) -> None:
    await pool.execute(LOAD)
    await pool.execute(
        "INSERT INTO provisionings (account_id, method, outcome) SELECT id, 'hook', 'created' FROM accounts"
    )
    await pool.execute("ANALYZE accounts, provisionings")
    last = await pool.fetchval("SELECT max(id) FROM accounts")
    plan = await plan_of(pool, CANDIDATES, (last - 200, *Choice().arguments, 100), "(ANALYZE, TIMING OFF)")
    read = [int(float(rows)) for rows in re.findall(r"Scan using provisionings_pkey.*actual rows=([\d.]+)", plan)]
    assert sum(read) <= 200, plan
