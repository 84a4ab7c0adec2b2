"""The column `groups`: names of Okta groups, stored for provisioning; a row with more than Okta allows is rejected."""

import asyncpg
import pytest

from service.loading.queries import RowOutcome
from service.loading.reject import RejectedRow
from service.loading.rows import _groups
from tests.loading.loader import Loader


@pytest.mark.parametrize(
    "given, names",
    [
        ("", []),
        (None, []),
        ("Staff", ["Staff"]),
        (" Staff ; Sales;;Staff", ["Sales", "Staff"]),
        (["Staff", "A; B"], ["A; B", "Staff"]),
        (";".join(f"g{number:02}" for number in range(20)), [f"g{number:02}" for number in range(20)]),
    ],
)
def test_the_names_of_groups_are_read_each_once(given: object, names: list[str]) -> None:
    assert _groups(given) == names


@pytest.mark.parametrize(
    "given, fault",
    [
        (";".join(f"g{number}" for number in range(21)), "there are 21 groups, but Okta allows 20"),
        ({"name": "Staff"}, "not a list of texts"),
        ([1], "not a list of texts"),
        ("x" * 256, "longer than 255"),
    ],
)
def test_groups_that_okta_would_refuse_are_refused_at_load(given: object, fault: str) -> None:
    with pytest.raises(RejectedRow, match=fault):
        _groups(given)


async def test_a_later_export_changes_the_groups_it_names_and_leaves_those_it_does_not_speak_of(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    async def groups() -> object:
        return await pool.fetchval("SELECT groups FROM accounts")

    await loader.load("login,groups\na@example.com,Staff;Sales\n")
    assert await groups() == ["Sales", "Staff"]
    await loader.load("login,firstName\na@example.com,Ann\n")
    assert await groups() == ["Sales", "Staff"]
    again = await loader.load("login,groups\na@example.com,Sales;Staff\n")
    assert again.row_outcomes == {RowOutcome.UNCHANGED: 1}
    await loader.load("login,groups\na@example.com,\n")
    assert await groups() == []
