"""The number of rows in a batch."""

from collections.abc import Iterator

import pytest

from service.loading import load
from service.loading.files.row import Row
from service.loading.hashes import HashResolver
from service.loading.load import BATCH, BATCH_CHARACTERS, PIECE, BatchReader
from service.loading.sources import Source
from service.loading.staging import HashEncrypter
from service.store.encryption import NO_KEYS
from tests.loading.loader import BCRYPT


class Rows:
    """Rows of one size."""

    def __init__(self, number: int, size: int) -> None:
        self.number, self.size, self.read = number, size, 0

    def __iter__(self) -> Iterator[Row]:
        for line in range(1, self.number + 1):
            self.read += self.size
            yield Row(line, {"login": f"person{line}"}, "")


def batches_of(rows: Rows) -> list[int]:
    reader = BatchReader(
        iter(rows), HashResolver(Source("legacy"), {}), HashEncrypter(NO_KEYS, "legacy"), lambda: rows.read
    )
    return [len(batch.rows) for batch in iter(reader.next, None)]


def test_a_batch_has_so_many_rows() -> None:
    assert batches_of(Rows(BATCH + 1, size=100)) == [BATCH, 1]


def test_a_batch_of_rows_with_photographs_ends_early() -> None:
    assert batches_of(Rows(2 * PIECE + 1, size=BATCH_CHARACTERS // PIECE + 1)) == [PIECE, PIECE, 1]


def test_a_batch_tells_only_the_recipes_that_no_earlier_one_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "BATCH", 1)
    hashes = [BCRYPT, BCRYPT, BCRYPT.replace("$04$", "$05$")]
    rows = (Row(line, {"login": f"p{line}", "password_hash": text}, "") for line, text in enumerate(hashes, 1))
    reader = BatchReader(rows, HashResolver(Source("legacy"), {}), HashEncrypter(NO_KEYS, "legacy"))
    batches = list(iter(reader.next, None))
    assert [[each.cost for each in batch.recipes] for batch in batches] == [
        ["bcrypt 4"],
        [],
        ["bcrypt 5"],
    ]
