"""Costs at the bounds: the highest that is taken, and the first that is not, also where functions are nested."""

import pytest

from service.hashing import registry
from service.hashing.format import Executor, Recipe, StoredHash, TooCostly

SALT_AND_DIGEST = "abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"
SHA256 = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"


def cost_of(text: str, name: str, **more: object) -> str:
    return registry.check(StoredHash(text, Recipe(name, **more), salt="salt")).cost  # type: ignore[arg-type]


def executor_of(formula: str, text: str) -> Executor:
    return registry.check(StoredHash(text, Recipe(formula), salt="salt")).executor


def bcrypt(cost: int, mark: str = "") -> str:
    return f"{mark}$2a${cost:02}${SALT_AND_DIGEST}"


def test_the_highest_bcrypt_is_taken_and_the_next_is_too_costly() -> None:
    assert cost_of(bcrypt(15), "bcrypt") == "bcrypt 15"
    with pytest.raises(TooCostly):
        cost_of(bcrypt(16), "bcrypt")


@pytest.mark.parametrize("name, mark", [("woltlab_bcrypt", ""), ("woltlab_double_bcrypt", "DoubleBcrypt:")])
def test_bcrypt_of_bcrypt_counts_as_one_step_more(name: str, mark: str) -> None:
    assert cost_of(bcrypt(14, mark), name) == "bcrypt 14 x2"
    with pytest.raises(TooCostly):
        cost_of(bcrypt(15, mark), name)


@pytest.mark.parametrize(
    "formula, highest",
    [("bcrypt($pass)", 15), ("bcrypt(bcrypt($pass))", 14), ("bcrypt(bcrypt(bcrypt($pass)))", 13)],
)
def test_each_bcrypt_inside_another_of_a_formula_counts_as_one_step_more(formula: str, highest: int) -> None:
    assert cost_of(bcrypt(highest), formula).startswith(f"bcrypt {highest}")
    with pytest.raises(TooCostly):
        cost_of(bcrypt(highest + 1), formula)
