"""Application of a formula to a stored hash."""

import hmac
import re
from collections.abc import Iterator
from dataclasses import field, replace

from service.hashing import limits
from service.hashing.columns import salt_value
from service.hashing.encodings import (
    BCRYPT64,
    HEX,
    require_charset,
    to_base64_alphabet,
    to_bytes,
    unbase64,
    unbase64_alphabet,
    unhex,
)
from service.hashing.executor import Executor
from service.hashing.format import Check, FindFormat, Format, MalformedHash, NoUsername, StoredHash, find_none
from service.hashing.formats.argon2 import MIN_SALT
from service.hashing.formats.bcrypt import BCRYPT, TAIL
from service.hashing.formats.bcrypt import salt_of as bcrypt_salt
from service.hashing.formats.multiple import AnyOf
from service.hashing.formula.cost import count_functions, executor_of, name_of, plan, uses_password
from service.hashing.formula.functions import Given, Value
from service.hashing.formula.operations import (
    Applied,
    Argon2,
    Bcrypt,
    Checked,
    Operation,
    length_of,
    walk,
    yields_bytes,
)
from service.hashing.formula.parse import Formula, digest_size, parse_formula, raw
from service.hashing.formula.typed import BYTE_CHARSET, pepper_text, typed_check
from service.hashing.shape import BLANK, scramble, scramble_match
from service.immutable import immutable

# The checks of a formula, and of a named format applied to a formula.


@immutable
class FormulaCheck:
    """A formula with the values of one row. Every interpretation is computed; any that matches verifies."""

    interpretations: tuple[tuple[Operation, bytes], ...] = field(repr=False)
    """Each interpretation with the value that the right password yields."""
    given: Given = field(repr=False)
    executor: Executor
    cost: str
    padded: bool = False
    """True if trailing NULs do not change the result: a password that ends in NUL is then rejected."""
    work: float = 0.0
    """The share of what one sign-in may cost, for all interpretations together."""
    looped: bool = False

    def takes(self, password: str) -> bool:
        """Measure the password in the charset of the source."""
        return limits.is_short(password, self.given.charset, looped=self.looped)

    def verify(self, password: str) -> bool:
        """Return whether any interpretation yields the stored value."""
        if self.padded and password.endswith("\0"):
            return False
        given = replace(self.given, password=password)
        matches = [self._matches(given, root, expected) for root, expected in self.interpretations]
        return any(matches)

    def _matches(self, given: Given, root: Operation, expected: bytes) -> bool:
        try:
            value = given.encode(root.evaluate(given))
        except UnicodeError:
            return False
        return hmac.compare_digest(value, expected)


@immutable
class NamedCheck:
    """A named format that receives the formula's value as the password."""

    operand: Operation = field(repr=False)
    given: Given = field(repr=False)
    check: Check
    executor: Executor
    cost: str
    work: float = 0.0
    """The share of what one sign-in may cost, for the formula and the named format together."""
    looped: bool = False

    def takes(self, password: str) -> bool:
        """Measure the password in the charset of the source."""
        return limits.is_short(password, self.given.charset, looped=self.looped)

    def verify(self, password: str) -> bool:
        """Return whether the named format accepts the operand's value."""
        given = replace(self.given, password=password)
        try:
            value = self.operand.evaluate(given)
            charset = BYTE_CHARSET if yields_bytes(self.operand) else given.charset
            return self.check.verify(value if isinstance(value, str) else value.decode(charset))
        except UnicodeError:
            return False


# Splits a row for a formula into digest, salt and user name, which are often stored in one column.


def separated(stored: StoredHash, uses: frozenset[str]) -> StoredHash:
    """Move the part after the first colon of the hash to the column that the formula needs and the row lacks.

    The first colon, because a salt may contain colons and a digest, in hex or base64, contains none.
    """
    text = stored.hash.strip(BLANK)
    digest, colon, rest = text.partition(":")
    beside = {"salt": stored.salt, "username": stored.username}
    if stored.salt is not None and rest.startswith(f"{stored.salt}:"):
        return replace(stored, hash=digest, salt=rest if "salt2" in uses else stored.salt)
    if uses >= {"salt", "user"} and beside == {"salt": None, "username": None} and ":" in rest:
        salt, _, username = rest.rpartition(":")
        return replace(stored, hash=digest, salt=salt, username=username)
    if not colon or rest in [value for value in beside.values() if value is not None]:
        return replace(stored, hash=digest)
    if "salt" in uses and stored.salt is None:
        return replace(stored, hash=digest, salt=rest)
    if "user" in uses and stored.username is None:
        return replace(stored, hash=digest, username=rest)
    return replace(stored, hash=text)


def joined_again(stored: StoredHash, parts: StoredHash) -> StoredHash:
    """Reverse `separated` for a dummy hash: return `parts` in the columns that `stored` has."""
    rest = [
        made
        for made, had in ((parts.salt, stored.salt), (parts.username, stored.username))
        if made is not None and had is None
    ]
    return replace(
        stored,
        hash=":".join([parts.hash, *rest]),
        salt=None if stored.salt is None else parts.salt,
        username=None if stored.username is None else parts.username,
    )


def pepper_value(stored: StoredHash) -> Value:
    """Return the pepper, as text if it is UTF-8."""
    if stored.pepper is None:
        raise MalformedHash("the formula uses $pepper, and the source names no variable with a pepper")
    return pepper_text(stored.pepper)


# Reads the stored text as a formula's value, which the right password must yield.

_BCRYPT = re.compile(r"(?P<prefix>\$2[aby]\$)" + TAIL)
_PREFIXES = ("0x", "0X", "\\x", "$BLAKE2$")
"""The prefixes that SQL Server, PostgreSQL and hashcat write before hex."""


def fits(formula: Formula, digest: str) -> bool:
    """Return whether `digest` has the length and alphabet of the formula's value."""
    if isinstance(formula.interpretations[0], Bcrypt):
        return _BCRYPT.fullmatch(digest) is not None
    return any(expected_value(interpretation, digest)[1] is not None for interpretation in formula.interpretations)


def expected_value(root: Operation, text: str) -> tuple[Operation, bytes | None]:
    """Return the interpretation and the bytes that the right password yields; None if the text does not fit."""
    size = digest_size(root)
    if size is not None:
        return raw(root), _read(text, size)
    if length_of(root) not in {None, len(text)}:
        return root, None
    if HEX.fullmatch(text):
        return Applied("strtolower", root), text.lower().encode()
    return root, to_bytes(text, "utf-8")


def _read(text: str, size: int) -> bytes | None:
    """Decode a digest of `size` bytes from hex or base64, distinguished by length."""
    prefix = hex_prefix(text)
    bare = text[len(prefix) :] if len(text) == 2 * size + len(prefix) else text
    try:
        digest = unhex(bare) if HEX.fullmatch(bare) else unbase64(bare)
    except MalformedHash:
        return None
    return digest if len(digest) == size else None


def require_bcrypt(text: str) -> re.Match[str]:
    """Match a bcrypt hash, from which `bcrypt(…)` takes cost and salt. Raises `MalformedHash`."""
    match = _BCRYPT.fullmatch(text)
    if match is None:
        raise MalformedHash("the formula needs a bcrypt hash")
    return match


def hex_prefix(text: str) -> str:
    """Return the prefix before hex, or an empty string."""
    return next((each for each in _PREFIXES if text.startswith(each)), "")


def formula_check(stored: StoredHash, find: FindFormat = find_none) -> Check:
    """Apply the formula of the recipe to the row. Raises `MalformedHash` (so `MalformedFormula`) and `TooCostly`.

    `find` looks up the named formats that may enclose a formula, as in ``argon2(md5($pass))``.
    """
    formula = parse_formula(stored.recipe.format, stored.recipe.iterations, find)
    return check_row(formula, stored)


def check_row(formula: Formula, stored: StoredHash) -> Check:
    """Apply a parsed formula to the row."""
    parts = separated(stored, formula.variables)
    given = _given(parts, formula.variables)
    checks = _outer_checks(formula, parts, given)
    digests = tuple(each for each in formula.interpretations if not isinstance(each, Bcrypt | Checked))
    if digests and (digest := _digest_check(formula, digests, parts, given)) is not None:
        checks.append(digest)
    if not checks:
        raise MalformedHash("the hash does not have the shape or the length that the formula gives")
    return checks[0] if len(checks) == 1 else AnyOf(tuple(checks))


def _digest_check(
    formula: Formula, interpretations: tuple[Operation, ...], parts: StoredHash, given: Given
) -> FormulaCheck | None:
    """Return the check of the interpretations that yield a digest, or None if none has the hash's length."""
    read = tuple(expected_value(interpretation, parts.hash) for interpretation in interpretations)
    found = tuple((interpretation, expected) for interpretation, expected in read if expected is not None)
    if not found:
        return None
    for interpretation, _ in found:
        _require_salts(interpretation, given)
    whole = len(found) == len(formula.interpretations)
    how = formula.plan if whole else plan(tuple(interpretation for interpretation, _ in found))
    return FormulaCheck(found, given, how.executor, how.cost, how.padded, how.work, how.looped)


def _require_salts(root: Operation, given: Given) -> None:
    """Reject a salt that libargon2 would reject at sign-in."""
    for each in walk(root):
        if not isinstance(each, Argon2) or uses_password(each.salt):
            continue
        if len(given.encode(each.salt.evaluate(given))) < MIN_SALT:
            raise MalformedHash(f"argon2 needs a salt of {MIN_SALT} bytes")


def _outer_checks(formula: Formula, parts: StoredHash, given: Given) -> list[Check]:
    """Return the checks of bcrypt and named formats that enclose a formula, for those whose shape the hash has.

    If the formula has only one such format, its errors are raised.
    """
    outer = [each for each in formula.interpretations if isinstance(each, Bcrypt | Checked)]
    readers: dict[str, tuple[Format, list[Operation]]] = {}
    for each in outer:
        reader = each.format if isinstance(each, Checked) else BCRYPT
        readers.setdefault(reader.name, (reader, []))[1].append(each)
    alone = len(readers) == 1 and len(outer) == len(formula.interpretations)
    fitting = [(reader, roots) for reader, roots in readers.values() if alone or reader.recognises(parts.hash)]
    return [check for reader, roots in fitting for check in _around(formula, reader, tuple(roots), parts, given)]


def _around(
    formula: Formula, reader: Format, roots: tuple[Operation, ...], parts: StoredHash, given: Given
) -> Iterator[Check]:
    """Yield the checks of one format over its operands: a single check if the operands are cheap, else one for each."""
    if isinstance(roots[0], Bcrypt) and len(roots) == 1:
        yield _bcrypt(formula, parts, given)
        return
    row = _as_named(reader, parts)
    if isinstance(roots[0], Bcrypt):
        limits.check_bcrypt(int(require_bcrypt(parts.hash)["cost"]) + (len(roots) - 1).bit_length())
        row = replace(row, pepper=None)
    operands = tuple(root.operand for root in roots if isinstance(root, Bcrypt | Checked))
    require_charset(row.recipe.charset)
    if executor_of(operands) is Executor.INLINE:
        yield typed_check(row, reader, operands, given)
        return
    for operand in operands:
        yield _named(reader, operand, row, given)


def formula_dummy_hash(stored: StoredHash, find: FindFormat = find_none) -> StoredHash:
    """Return a dummy row of the same cost, with the digest and the other columns scrambled."""
    formula = parse_formula(stored.recipe.format, stored.recipe.iterations, find)
    parts = separated(stored, formula.variables)
    salt = None if parts.salt is None else scramble(parts.salt)
    username = None if parts.username is None else scramble(parts.username)
    made = replace(parts, hash=_scrambled(formula, parts), salt=salt, username=username)
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
    counted = count_functions(formula.interpretations)
    times = counted.pop("bcrypt")
    work = limits.check_bcrypt(int(match["cost"]), times) + formula.plan.work
    limits.require_affordable(work)
    setting = match["prefix"].encode() + bcrypt_salt(match)[4:]
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
        work,
        formula.plan.looped,
    )


def _named(reader: Format, operand: Operation, row: StoredHash, given: Given) -> NamedCheck:
    """Return the format's check of an operand that is expensive to compute."""
    charset = BYTE_CHARSET if yields_bytes(operand) else row.recipe.charset
    check = reader.parse(replace(row, recipe=replace(row.recipe, charset=charset)))
    how = plan((operand,))
    limits.require_affordable(check.work + how.work)
    return NamedCheck(
        operand,
        given,
        check,
        how.executor if check.executor is Executor.INLINE else check.executor,
        name_of(count_functions((operand,)), check.cost),
        check.work + how.work,
        # An intermediate digest has the same length for every password.
        how.looped or (check.looped and length_of(operand) is None),
    )


def _scrambled(formula: Formula, parts: StoredHash) -> str:
    """Return a dummy hash, scrambled by the first interpretation that parses it."""
    for root in formula.interpretations:
        if isinstance(root, Checked) and (len(formula.interpretations) == 1 or root.format.recognises(parts.hash)):
            return root.format.dummy_hash(_as_named(root.format, parts)).hash
        if isinstance(root, Bcrypt) and (len(formula.interpretations) == 1 or _BCRYPT.fullmatch(parts.hash)):
            return scramble_match(require_bcrypt(parts.hash))
    mark = hex_prefix(parts.hash)
    return mark + scramble(parts.hash[len(mark) :])


def _as_named(reader: Format, parts: StoredHash) -> StoredHash:
    """Return the row as the format that encloses the formula parses it."""
    return replace(parts, recipe=replace(parts.recipe, format=reader.name, iterations=None))
