"""The kind of a file whose name does not show it."""

import gzip
from pathlib import Path

import pytest

from service.loading.files.open import open_export
from service.loading.files.row import FaultyRow, UnreadableFile

NOTICE = "# " + "a long notice " * 30 + "\n"
ENTRY = "dn: uid=a\nuid: a\n"


def kind_of(tmp_path: Path, content: bytes, name: str = "export", kind: str | None = None) -> tuple[str, int]:
    """Return the kind, and the number of rows without a fault."""
    path = tmp_path / name
    path.write_bytes(content)
    reader = open_export(path, kind=kind)
    try:
        return reader.kind, len([row for row in reader if not isinstance(row, FaultyRow)])
    finally:
        reader.close()


@pytest.mark.parametrize(
    "head",
    [
        "",
        "version: 1\n",
        "version: 1\n\n",
        "\r\n\r\n",
        "#\n# extended LDIF\n#\n\n",
        NOTICE * 100,
        "#notice\n more of it\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_ldif_is_known_by_its_first_entry_whatever_stands_above_it(tmp_path: Path, head: str, encoding: str) -> None:
    assert kind_of(tmp_path, (head + ENTRY).encode(encoding)) == ("ldif", 1)


def test_a_distinguished_name_in_base64_is_one(tmp_path: Path) -> None:
    assert kind_of(tmp_path, b"DN:: dWlkPWE=\nuid: a\n") == ("ldif", 1)


@pytest.mark.parametrize(
    "content, kind",
    [
        ("\n\r\nlogin,firstName\na,Kim\n", "csv"),
        ("#login,firstName\na,Kim\n", "csv"),
        ("login\na\n", "csv"),
        ('\n{"login": "a"}\n', "jsonl"),
    ],
)
def test_csv_and_json_lines_are_known_by_their_first_line(tmp_path: Path, content: str, kind: str) -> None:
    assert kind_of(tmp_path, gzip.compress(content.encode())) == (kind, 1)


@pytest.mark.parametrize(
    "content",
    [
        "version: 1\nservices:\n",
        "# Read me\n\nIt says something.\n",
        "## a\n",
        "#\n\n",
        "version: 1\n",
        '#!/bin/sh\n{"login": "a"}\n',
    ],
)
def test_a_text_that_begins_like_ldif_and_is_no_export_is_refused_by_name(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile, match=r"README\.md: neither CSV, JSON Lines nor LDIF"):
        kind_of(tmp_path, content.encode(), "README.md")


def test_what_an_operator_says_it_is_counts(tmp_path: Path) -> None:
    assert kind_of(tmp_path, b"# login,firstName\na,Kim\n", kind="csv") == ("csv", 1)
