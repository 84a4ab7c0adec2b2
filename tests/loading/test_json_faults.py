"""JSON that PostgreSQL cannot store, or that would be altered, causes the rejection of its row, never of the load."""

import json

import asyncpg
import pytest

from service.loading.reject import Reason
from tests.loading.loader import BCRYPT, OTHER_BCRYPT, Loader, contents

AFTER = '{"login": "after@example.com"}'


@pytest.mark.parametrize(
    "line",
    [
        '{"login": "a", "n": 1e999}',
        '{"login": "a", "n": [-1e999, "\\u0041"]}',
        '{"login": "a", "n": NaN}',
        '{"login": "a", "n": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"login": "a", "n": ' + "[" * 985 + '"\\u0041"' + "]" * 985 + "}",
        '{"login": "a", "profile": "{\\"n\\": 1e999}"}',
        '{"login": "a", "password_hash": "zz", "options": "{\\"n\\": \\"\\\\u0000\\"}"}',
        f'{{"login": "a", "hash": "{BCRYPT}", "password_hash": "{OTHER_BCRYPT}"}}',
        "[]",
        "[",
    ],
    ids=str.__len__,
)
async def test_a_line_that_cannot_be_kept_is_refused_alone(loader: Loader, pool: asyncpg.Pool, line: str) -> None:
    totals = await loader.load(f'{{"login": "before"}}\n{line}\n{AFTER}\n', name="export.jsonl")
    assert (totals.rows, totals.refused) == (3, 1)
    assert [row["login"] for row in await contents(pool)] == ["after@example.com", "before"]
    again = await loader.load(loader.rejected(), name="again.jsonl")
    assert (again.rows, again.refused) == (1, 1)


@pytest.mark.parametrize("value", ['{"n": "\\u0000"}', '{"n": "\\ud800"}', '{"n": NaN}', '{"n": 1, "n": 2}'])
async def test_a_profile_in_a_csv_cell_is_judged_as_strictly(loader: Loader, pool: asyncpg.Pool, value: str) -> None:
    quoted = value.replace('"', '""')
    totals = await loader.load(f'login,profile\na,"{quoted}"\nb,"{{""n"": 1}}"\n', attributes=frozenset({"n"}))
    assert totals.refusals == {Reason.BAD_COLUMN: 1}
    assert [row["profile"] for row in await contents(pool)] == [{"n": 1}]


@pytest.mark.parametrize("line", ["nope", '{"login": "a", "login": "b"}'])
async def test_what_is_no_object_is_in_the_rejects_file_of_the_rejects_file(loader: Loader, line: str) -> None:
    await loader.load(f"{line}\n", name="export.jsonl")
    for _ in range(2):
        totals = await loader.load(loader.rejected(), name="again.jsonl")
        assert (totals.rows, totals.refused) == (1, 1)
        assert json.loads(loader.rejected())["unreadable"] == line
