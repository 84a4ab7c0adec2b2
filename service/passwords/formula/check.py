"""Applies a formula to a stored hash. Knows formulas and rows; the notation is the parser's."""

import hmac
import re
from dataclasses import field, replace

from service.immutable import immutable
from service.passwords import limits
from service.passwords.bcrypt import TAIL, salt_of
from service.passwords.encodings import BCRYPT64, HEX, to_base64_alphabet, to_bytes, unbase64, unbase64_alphabet, unhex
from service.passwords.format import Check, Lane, MalformedHash, NoUsername, StoredHash
from service.passwords.formula.columns import joined_again, pepper_value, salt_value, separated
from service.passwords.formula.cost import lane_of, name_of, plan, work
from service.passwords.formula.derived import Bcrypt
from service.passwords.formula.formula import Formula, digest_size, parse_formula, raw
from service.passwords.formula.operations import Applied, Checked, Operation
from service.passwords.formula.sizes import length_of
from service.passwords.formula.values import Given
from service.passwords.stand_in import scramble, scramble_match

_BCRYPT = re.compile(r"(?P<prefix>\$2[aby]\$)" + TAIL)

_PREFIXES = ("0x", "0X", "\\x", "$BLAKE2$")
"""What SQL Server, PostgreSQL and hashcat write before hex."""


@immutable
class FormulaCheck:
    """A formula with the values of one row: every reading is computed, and any that gives the stored value verifies."""

    readings: tuple[tuple[Operation, bytes], ...] = field(repr=False)
    """Each reading with the value that the right password gives."""
    given: Given = field(repr=False)
    lane: Lane
    cost: str
    padded: bool = False
    """True where NULs behind the password change nothing: then it may not end in one."""

    def verify(self, password: str) -> bool:
        """Tell whether any reading gives the stored value."""
        if self.padded and password.endswith("\0"):
            return False
        given = replace(self.given, password=password)
        matches = [self._matches(given, root, expected) for root, expected in self.readings]
        return any(matches)

    def _matches(self, given: Given, root: Operation, expected: bytes) -> bool:
        try:
            value = given.encode(root.evaluate(given))
        except UnicodeError:
            return False
        return hmac.compare_digest(value, expected)


@immutable
class NamedCheck:
    """A named format that is given what the formula makes of the password."""

    operand: Operation = field(repr=False)
    given: Given = field(repr=False)
    check: Check
    lane: Lane
    cost: str

    def verify(self, password: str) -> bool:
        """Tell whether the named format accepts the operand's value."""
        given = replace(self.given, password=password)
        try:
            return self.check.verify(given.decode(self.operand.evaluate(given)))
        except UnicodeError:
            return False


def formula_check(stored: StoredHash) -> Check:
    """Apply the formula of the recipe to the row. Raises `MalformedHash` (so `MalformedFormula`) and `TooCostly`."""
    formula = parse_formula(stored.recipe.format, stored.recipe.iterations)
    return check_row(formula, stored)


def check_row(formula: Formula, stored: StoredHash) -> Check:
    """Apply a parsed formula to the row."""
    uses = formula.variables
    parts = separated(stored, uses)
    given = _given(parts, uses)
    root = formula.readings[0]
    if isinstance(root, Checked):
        return _named(root, parts, given)
    if isinstance(root, Bcrypt):
        return _bcrypt(formula, parts, given)
    readings = tuple(_expected(reading, parts.hash) for reading in formula.readings)
    found = tuple((reading, expected) for reading, expected in readings if expected is not None)
    if not found:
        raise MalformedHash("the digest does not have the length that the formula gives")
    whole = len(found) == len(formula.readings)
    how = formula.plan if whole else plan(tuple(reading for reading, _ in found))
    return FormulaCheck(found, given, how.lane, how.cost, how.padded)


def fits(formula: Formula, digest: str) -> bool:
    """Tell whether `digest` has the length and alphabet of the formula's value."""
    return any(_expected(reading, digest)[1] is not None for reading in formula.readings)


def formula_stand_in(stored: StoredHash) -> StoredHash:
    """A row of nobody's that takes as long: the digest and what stands beside it scrambled."""
    formula = parse_formula(stored.recipe.format, stored.recipe.iterations)
    parts = separated(stored, formula.variables)
    salt = None if parts.salt is None else scramble(parts.salt)
    username = None if parts.username is None else scramble(parts.username)
    made = replace(parts, hash=_scrambled(formula.readings[0], parts), salt=salt, username=username)
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


def _expected(root: Operation, text: str) -> tuple[Operation, bytes | None]:
    """The reading and the bytes it must give for the right password, or None where the text cannot be its value."""
    size = digest_size(root)
    if size is not None:
        return raw(root), _read(text, size)
    if length_of(root) not in {None, len(text)}:
        return root, None
    if HEX.fullmatch(text):
        return Applied("strtolower", root), text.lower().encode()
    return root, to_bytes(text, "utf-8")


def _read(text: str, size: int) -> bytes | None:
    """A digest of `size` bytes from hex or base64, told apart by its length."""
    prefix = next((each for each in _PREFIXES if text.startswith(each)), "")
    bare = text[len(prefix) :] if len(text) == 2 * size + len(prefix) else text
    try:
        digest = unhex(bare) if HEX.fullmatch(bare) else unbase64(bare)
    except MalformedHash:
        return None
    return digest if len(digest) == size else None


def _require_bcrypt(text: str) -> re.Match[str]:
    match = _BCRYPT.fullmatch(text)
    if match is None:
        raise MalformedHash("the formula needs a bcrypt hash")
    return match


def _bcrypt(formula: Formula, parts: StoredHash, given: Given) -> FormulaCheck:
    match = _require_bcrypt(parts.hash)
    counted = work(formula.readings)
    times = counted.pop("bcrypt")
    limits.check_bcrypt(int(match["cost"]) + times - 1)
    setting = match["prefix"].encode() + salt_of(match)[4:]
    expected = to_base64_alphabet(unbase64_alphabet(match["digest"], BCRYPT64), BCRYPT64).encode()
    prefix = f"bcrypt {int(match['cost'])}" + (f" x{times}" if times > 1 else "")
    readings = tuple((Applied("right", reading, (len(expected),)), expected) for reading in formula.readings)
    return FormulaCheck(
        readings,
        replace(given, setting=setting),
        formula.plan.lane,
        name_of(counted, prefix),
        formula.plan.padded,
    )


def _named(root: Checked, parts: StoredHash, given: Given) -> NamedCheck:
    """The format's own check; imported late because the registry, in its turn, knows formulas."""
    from service.passwords import registry  # noqa: PLC0415

    check = registry.check(replace(parts, recipe=replace(parts.recipe, format=root.format, iterations=None)))
    lane = lane_of((root.operand,))
    cost = name_of(work((root.operand,)), check.cost)
    return NamedCheck(root.operand, given, check, lane if check.lane is Lane.INLINE else check.lane, cost)


def _scrambled(root: Operation, parts: StoredHash) -> str:
    from service.passwords import registry  # noqa: PLC0415 (as above)

    if isinstance(root, Checked):
        recipe = replace(parts.recipe, format=root.format, iterations=None)
        return registry.by_name(root.format).stand_in(replace(parts, recipe=recipe)).hash
    if isinstance(root, Bcrypt):
        return scramble_match(_require_bcrypt(parts.hash))
    mark = next((each for each in _PREFIXES if parts.hash.startswith(each)), "")
    return mark + scramble(parts.hash[len(mark) :])
