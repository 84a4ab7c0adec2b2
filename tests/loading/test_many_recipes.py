"""Exports in which every row has its own parameters, or another spelling of the same ones."""

import json

import asyncpg
import pytest

from service.loading import hashes
from service.loading.files.row import FaultyRow, Row
from service.loading.hashes import HashResolver
from service.loading.identify import report_rows
from service.loading.sources import Source
from service.stored_hashes import HashOpener
from tests.loading.loader import BCRYPT, OTHER_BCRYPT, Loader

DIGEST = "5f4dcc3b5aa765d61d8327deb882cf99"
REMEMBERED = 10
ROWS = [1000 + row % 200 for row in range(500)]
"""Their iterations: some occur again, much later."""


def resolve_all(monkeypatch: pytest.MonkeyPatch) -> tuple[HashResolver, list[int]]:
    monkeypatch.setattr(hashes, "MOST_MET", REMEMBERED)
    resolver = HashResolver(Source("s", format="pbkdf2_md5"), {})
    return resolver, [resolver.resolve({"iterations": str(row), "salt": "ab"}, DIGEST)[0] for row in ROWS]


def test_recipes_that_never_come_again_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver, _ = resolve_all(monkeypatch)
    remembered = (resolver._recipes, resolver._prepared, resolver._shapes, resolver._alike)
    assert all(len(each) <= REMEMBERED for each in remembered)


def test_each_row_keeps_its_own_recipe_when_earlier_ones_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver, numbers = resolve_all(monkeypatch)
    iterations = {each.number: each.parameters["iterations"] for each in resolver.new}
    assert [iterations[number] for number in numbers] == ROWS


SPELLINGS = [
    {"login": "a", "password_hash": BCRYPT},
    {"login": "b", "password_hash": OTHER_BCRYPT, "salt_encoding": ""},
    {"login": "c", "password_hash": OTHER_BCRYPT, "salt_encoding": "text"},
]


async def test_hashes_are_counted_also_where_rows_write_one_recipe_in_two_ways(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await loader.load("\n".join(map(json.dumps, SPELLINGS)), name="export.jsonl")
    assert await pool.fetchval("SELECT hashes_loaded FROM recipes") == len(SPELLINGS)


def test_identify_names_a_recipe_once_that_rows_write_in_two_ways() -> None:
    rows: list[Row | FaultyRow] = [Row(line, dict[str, object](row), "") for line, row in enumerate(SPELLINGS, 1)]
    report = report_rows(iter(rows), HashResolver(Source("s"), {}), HashOpener({}))
    assert [(each.format, each.hashes) for each in report.recipes] == [("bcrypt", len(SPELLINGS))]
