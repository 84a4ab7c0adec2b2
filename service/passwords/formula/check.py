"""Applies a formula to a stored hash. Knows formulas and rows; the notation is the parser's."""

from dataclasses import replace

from service.passwords import limits
from service.passwords.bcrypt import salt_of
from service.passwords.encodings import (
    BCRYPT64,
    require_charset,
    to_base64_alphabet,
    to_bytes,
    unbase64_alphabet,
)
from service.passwords.format import Check, Executor, FindFormat, MalformedHash, NoUsername, StoredHash, find_none
from service.passwords.formula.checks import FormulaCheck, NamedCheck
from service.passwords.formula.columns import joined_again, pepper_value, salt_value, separated
from service.passwords.formula.cost import executor_of, name_of, plan, work
from service.passwords.formula.derived import Bcrypt
from service.passwords.formula.expected import expected_value, marker_of, require_bcrypt
from service.passwords.formula.formula import Formula, parse_formula
from service.passwords.formula.operations import Applied, Checked, Operation
from service.passwords.formula.values import Given
from service.passwords.stand_in import scramble, scramble_match


def formula_check(stored: StoredHash, find: FindFormat = find_none) -> Check:
    """Apply the formula of the recipe to the row. Raises `MalformedHash` (so `MalformedFormula`) and `TooCostly`.

    `find` looks up the named formats that may be around a formula, as in ``argon2(md5($pass))``.
    """
    formula = parse_formula(stored.recipe.format, stored.recipe.iterations, find)
    return check_row(formula, stored)


def check_row(formula: Formula, stored: StoredHash) -> Check:
    """Apply a parsed formula to the row."""
    uses = formula.variables
    parts = separated(stored, uses)
    given = _given(parts, uses)
    root = formula.interpretations[0]
    if isinstance(root, Checked):
        return _named(root, parts, given)
    if isinstance(root, Bcrypt):
        return _bcrypt(formula, parts, given)
    interpretations = tuple(expected_value(interpretation, parts.hash) for interpretation in formula.interpretations)
    found = tuple((interpretation, expected) for interpretation, expected in interpretations if expected is not None)
    if not found:
        raise MalformedHash("the digest does not have the length that the formula gives")
    whole = len(found) == len(formula.interpretations)
    how = formula.plan if whole else plan(tuple(interpretation for interpretation, _ in found))
    return FormulaCheck(found, given, how.executor, how.cost, how.padded)


def formula_dummy_hash(stored: StoredHash, find: FindFormat = find_none) -> StoredHash:
    """A row of nobody's that takes as long: the digest and what stands beside it scrambled."""
    formula = parse_formula(stored.recipe.format, stored.recipe.iterations, find)
    parts = separated(stored, formula.variables)
    salt = None if parts.salt is None else scramble(parts.salt)
    username = None if parts.username is None else scramble(parts.username)
    made = replace(parts, hash=_scrambled(formula.interpretations[0], parts), salt=salt, username=username)
    return joined_again(stored, made)


def _given(parts: StoredHash, uses: frozenset[str]) -> Given:
    if "salt" in uses and parts.salt is None:
        raise MalformedHash("the formula uses $salt, and the row has none")
    if "user" in uses and parts.username is None:
        raise NoUsername("the formula uses $user, and the row has none")
    for text in filter(None, (parts.salt, parts.username)):
        to_bytes(text, parts.recipe.charset)
    return Given(
        password="",
        salt=salt_value(parts) if "salt" in uses else "",
        username=parts.username or "",
        pepper=pepper_value(parts) if "pepper" in uses else "",
        charset=parts.recipe.charset,
    )


def _bcrypt(formula: Formula, parts: StoredHash, given: Given) -> FormulaCheck:
    match = require_bcrypt(parts.hash)
    counted = work(formula.interpretations)
    times = counted.pop("bcrypt")
    limits.check_bcrypt(int(match["cost"]) + times - 1)
    setting = match["prefix"].encode() + salt_of(match)[4:]
    expected = to_base64_alphabet(unbase64_alphabet(match["digest"], BCRYPT64), BCRYPT64).encode()
    prefix = f"bcrypt {int(match['cost'])}" + (f" x{times}" if times > 1 else "")
    interpretations = tuple(
        (Applied("right", interpretation, (len(expected),)), expected) for interpretation in formula.interpretations
    )
    return FormulaCheck(
        interpretations,
        replace(given, setting=setting),
        formula.plan.executor,
        name_of(counted, prefix),
        formula.plan.padded,
    )


def _named(root: Checked, parts: StoredHash, given: Given) -> NamedCheck:
    """The format's own check."""
    require_charset(parts.recipe.charset)
    check = root.format.parse(_as_named(root, parts))
    executor = executor_of((root.operand,))
    cost = name_of(work((root.operand,)), check.cost)
    return NamedCheck(
        root.operand, given, check, executor if check.executor is Executor.INLINE else check.executor, cost
    )


def _scrambled(root: Operation, parts: StoredHash) -> str:
    if isinstance(root, Checked):
        return root.format.dummy_hash(_as_named(root, parts)).hash
    if isinstance(root, Bcrypt):
        return scramble_match(require_bcrypt(parts.hash))
    mark = marker_of(parts.hash)
    return mark + scramble(parts.hash[len(mark) :])


def _as_named(root: Checked, parts: StoredHash) -> StoredHash:
    """The row as the format around the formula reads it."""
    return replace(parts, recipe=replace(parts.recipe, format=root.format.name, iterations=None))
