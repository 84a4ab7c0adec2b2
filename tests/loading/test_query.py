"""Rows directly from a legacy PostgreSQL."""

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

from service.loading.files.postgres import QueryReader
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
        "--rejects", str(rejects), "--attributes", "active,born", url=database_url,
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


async def test_values_that_json_does_not_know_are_loaded_as_text(database_url: str, pool: asyncpg.Pool) -> None:
    query = """SELECT 'a' AS login, 'NaN'::float8 AS nan, ARRAY['Infinity'::float8, NULL, 1.5] AS numbers,
        ARRAY['2000-01-02'::date] AS days, ARRAY[1.10::numeric] AS prices, '{"a": 1}'::jsonb AS profile"""
    done = await asyncio.to_thread(
        command, "load", "--source", "crm", "--from-dsn", database_url, "--query", query,
        "--attributes", "nan,numbers,days,prices,a", url=database_url,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (person,) = await contents(pool)
    assert person["profile"] == {
        "nan": "nan", "numbers": ["inf", None, 1.5], "days": ["2000-01-02"], "prices": ["1.10"], "a": 1,
    }  # fmt: skip


async def test_a_query_with_two_columns_of_one_name_is_refused(database_url: str, pool: asyncpg.Pool) -> None:
    done = await asyncio.to_thread(
        command, "load", "--source", "crm", "--from-dsn", database_url, "--query",
        "SELECT 'a' AS login, 'b' AS login", url=database_url,
    )  # fmt: skip
    assert (done.returncode, "two columns have the same name" in done.stderr) == (1, True)
    assert await contents(pool) == []


class Counted:
    """A cursor that notes how many rows were asked for."""

    def __init__(self, cursor: object) -> None:
        self.cursor = cast("asyncpg.cursor.Cursor[asyncpg.Record]", cursor)
        self.asked: list[int] = []

    async def fetch(self, number: int) -> list[asyncpg.Record]:
        self.asked.append(number)
        return await self.cursor.fetch(number)


@pytest.mark.parametrize(
    "columns, rows, asked",
    [
        ("g::text AS login", 1200, [20, 80, 320, 500, 500]),
        ("g::text AS login, repeat('x', 1000000) AS note", 60, [20, 16, 16, 16]),
        ("g::text AS login, array_fill(repeat('x', 100000), ARRAY[10]) AS notes", 60, [20, 16, 16, 16]),
        ("g::text AS login, repeat('x', CASE WHEN g > 120 THEN 1000000 ELSE 1 END) AS note", 150, [20, 80, 320]),
    ],
    ids=["small rows", "large rows", "large lists", "large rows after small ones"],
)
def test_as_many_rows_are_fetched_at_once_as_their_size_allows(
    database_url: str, columns: str, rows: int, asked: list[int]
) -> None:
    reader = QueryReader(database_url, f"SELECT {columns} FROM generate_series(1, {rows}) AS g", str)  # noqa: S608
    counted = Counted(reader._cursor)
    reader._cursor = cast("Any", counted)
    try:
        assert sum(1 for _ in reader) == rows
    finally:
        reader.close()
    assert counted.asked[: len(asked)] == asked
