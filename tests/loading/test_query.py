"""Rows straight from a legacy PostgreSQL."""

import asyncio
import json
from pathlib import Path

import asyncpg

from tests.loading.loader import BCRYPT, command, contents

QUERY = "SELECT email, pw AS password_hash, active, born, names AS identifiers FROM legacy ORDER BY email"


async def legacy(pool: asyncpg.Pool) -> None:
    await pool.execute("CREATE TABLE legacy (email text, pw text, active boolean, born date, names text[])")
    await pool.execute(
        "INSERT INTO legacy VALUES ('a@example.com', $1, true, '2000-01-02', '{A}'), ('', NULL, false, NULL, NULL)",
        BCRYPT,
    )


async def test_a_query_is_loaded_and_what_is_refused_goes_to_json_lines(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    await legacy(pool)
    rejects = tmp_path / "rejects.jsonl"
    done = await asyncio.to_thread(
        command, "load", "--source", "crm", "--from-dsn", database_url, "--query", QUERY, "--map", "email=login",
        "--rejects", str(rejects), url=database_url,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    (person,) = await contents(pool)
    assert (person["login"], person["state"], person["identifiers"]) == ("a@example.com", "waiting", ["a"])
    assert person["profile"] == {"active": True, "born": "2000-01-02"}
    (line,) = rejects.read_text().splitlines()
    assert json.loads(line)["reason"] == "no login"


async def test_a_query_that_fails_is_named_and_its_database_is_only_read(database_url: str, pool: asyncpg.Pool) -> None:
    await legacy(pool)
    for query, fault in (
        ("SELECT nothing", 'column "nothing" does not exist'),
        ("DELETE FROM legacy RETURNING email AS login", ""),
    ):
        done = await asyncio.to_thread(
            command, "load", "--source", "crm", "--from-dsn", database_url, "--query", query, url=database_url
        )
        assert (done.returncode, fault in done.stderr) == (1, True), done.stderr
    assert await pool.fetchval("SELECT count(*) FROM legacy") == 2
