"""The examples of docs/formulas.md are correct."""

import re
from pathlib import Path

import pytest

from service.hashing import registry
from service.hashing.format import Recipe, StoredHash
from service.hashing.formula import formula_check

DOCUMENT = Path(__file__).parents[2] / "docs" / "formulas.md"
EXAMPLES = [
    line.strip("| \n").split(" | ")
    for line in DOCUMENT.read_text("utf-8").partition("## Examples")[2].splitlines()
    if line.startswith("| `")
]


def beside(text: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+) `([^`]*)`", text))


def test_there_are_twenty_examples_at_least() -> None:
    assert len(EXAMPLES) >= 20


@pytest.mark.parametrize("example", EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_an_example_verifies_its_password_and_no_other(example: list[str]) -> None:
    formula, _, stored, *rest = (cell.strip().strip("`") if i != 3 else cell for i, cell in enumerate(example))
    values = beside(rest[0]) if rest else {}
    pepper = values["pepper"].encode() if "pepper" in values else None
    row = StoredHash(stored, Recipe(formula), values.get("salt"), values.get("user"), pepper)
    check = formula_check(row, registry.find)
    assert check.verify(values.get("password", "password"))
    assert not check.verify("Password")
