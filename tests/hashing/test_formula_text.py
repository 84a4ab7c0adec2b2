"""The interpretation that is shown to an operator whose password was VERIFIED."""

import hashlib

import pytest

from service.hashing import registry
from service.hashing.format import Recipe, StoredHash
from service.hashing.formula import text
from service.hashing.formula.text import matching_interpretation
from service.hashing.formula.typed import interpretations_of

SLASHED = hashlib.md5(b"O\\'Neil").hexdigest()  # noqa: S324 (what old stores hold)


def shown(format_name: str, stored: str, password: str, salt: str | None = None) -> str | None:
    return matching_interpretation(registry.check(StoredHash(stored, Recipe(format_name), salt)), password)


def test_the_interpretation_that_gives_the_hash_is_shown() -> None:
    assert shown("phpbb2", SLASHED, "O'Neil") == "addslashes($pass)"
    assert shown("phpbb2", SLASHED, "O\\'Neil") == "$pass"


def test_the_interpretation_of_a_formula_with_alternatives_is_shown() -> None:
    both = "md5(addslashes($pass)) | md5($pass)"
    assert shown(both, SLASHED, "O'Neil") == "md5(addslashes($pass))"


@pytest.mark.parametrize("format_name, password", [("md5", "O\\'Neil"), ("phpbb2", "wrong")])
def test_nothing_is_shown_of_one_interpretation_or_a_wrong_password(format_name: str, password: str) -> None:
    assert shown(format_name, SLASHED, password) is None


@pytest.mark.parametrize(
    "formula",
    [
        "trim(addslashes($pass))",
        "hmac_sha512_base64($pepper, nfkd($pass))",
        "$pass.$pepper",
        "left($pass, 8)",
        "sha384_base64(md5(trim($pass)))",
    ],
)
def test_an_operation_is_written_as_its_formula(formula: str) -> None:
    (operation,) = interpretations_of(formula)
    assert text.text_of(operation) == formula


def test_a_text_in_a_formula_is_not_shown() -> None:
    (operation,) = interpretations_of("md5($pass.'secret')")
    assert text.text_of(operation) == "md5($pass.'…')"
