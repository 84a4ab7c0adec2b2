"""Costs at the limits: the highest accepted and the first rejected one, also with nested functions."""

import pytest

from service.hashing import registry
from service.hashing.executor import Executor
from service.hashing.format import Recipe, StoredHash, TooCostly
from service.hashing.formula.cost import INLINE_ROUNDS, MAX_ROUNDS, check_cost
from service.hashing.formula.cost import executor_of as rounds_run_in
from service.hashing.formula.operations import Feed, Hashed, Variable
from service.hashing.limits import check_scrypt

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


def rounds(number: int) -> Hashed:
    return Hashed("md5", Variable("pass"), rounds=number, feed=Feed.RAW)


def test_formulas_of_the_most_rounds_together_are_taken_and_of_a_round_more_are_too_costly() -> None:
    check_cost((rounds(MAX_ROUNDS - 1), rounds(1)))
    with pytest.raises(TooCostly):
        check_cost((rounds(MAX_ROUNDS - 1), rounds(2)))


def test_few_rounds_are_computed_in_the_loop_and_a_round_more_in_a_process() -> None:
    assert rounds_run_in((rounds(INLINE_ROUNDS - 1), rounds(1))) is Executor.INLINE
    assert rounds_run_in((rounds(INLINE_ROUNDS - 1), rounds(2))) is Executor.PROCESS


def test_scrypt_that_needs_too_much_memory_is_too_costly_however_quick_it_is() -> None:
    assert 0 < check_scrypt(2**17, 16, 1) < 1
    with pytest.raises(TooCostly, match="MiB"):
        check_scrypt(2**17, 17, 1)
