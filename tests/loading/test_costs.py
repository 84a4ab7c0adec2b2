"""Rows with too costly hashes are rejected: alone, together in one row, and together with those of other sources."""

import json

import pytest

from service.loading.reject import Reason
from tests.loading.loader import Loader

BCRYPT = "$2b$%02d$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"


def row(*costs: int) -> str:
    """Return an export of one row with a hash of each cost."""
    hashes = [BCRYPT % cost for cost in costs]
    return json.dumps({"login": "kim@example.com", "password_hash": hashes[0] if len(hashes) == 1 else hashes}) + "\n"


async def refused(loader: Loader, content: str, source: str, *, dry_run: bool = False) -> dict[Reason, int]:
    totals = await loader.load(content, source, name="export.jsonl", dry_run=dry_run)
    return dict(totals.refusals)


async def test_hashes_of_one_row_that_cost_too_much_together_are_refused(loader: Loader) -> None:
    content = json.dumps({"login": "kim@example.com", "password_hash": json.dumps([BCRYPT % 15] * 8)}) + "\n"
    assert await refused(loader, content, "one") == {Reason.TOO_COSTLY: 1}


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_hash_that_costs_too_much_together_with_another_source_s_is_refused(
    loader: Loader, dry_run: bool
) -> None:
    assert await refused(loader, row(14), "one") == {}
    assert await refused(loader, row(14), "two", dry_run=dry_run) == {}
    assert await refused(loader, row(15), "three", dry_run=dry_run) == {Reason.TOO_COSTLY: 1}
    assert "together with the account's hashes of other sources" in loader.rejected()
    assert await refused(loader, row(15), "one", dry_run=dry_run) == ({} if dry_run else {Reason.TOO_COSTLY: 1})


async def test_a_row_that_names_a_pepper_is_refused_with_the_lines_to_write(loader: Loader) -> None:
    content = json.dumps({"login": "kim@example.com", "password_hash": BCRYPT % 4, "pepper_env": "HASH_KEYS"}) + "\n"
    assert await refused(loader, content, "shop") == {Reason.BAD_COLUMN: 1}
    assert "[sources.shop] and under it pepper_env = " in loader.rejected().replace("\\", "")
