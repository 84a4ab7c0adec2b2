"""The search for the recipe of a hash whose password is known, the likeliest recipes first.

Each stage yields candidates. A candidate counts only if the code that sign-in uses returns VERIFIED.
"""

from collections.abc import Callable, Iterator
from functools import cached_property

from service.hashing.diagnosis import derivation, enumeration
from service.hashing.diagnosis.arrangements import Arrangement, arrangements
from service.hashing.diagnosis.case import Budget, Candidate, Case, Finding, OutOfTime, confirm
from service.hashing.diagnosis.enumeration import outers, quick, search
from service.hashing.diagnosis.named import named, wrapped
from service.hashing.diagnosis.target import goals_of, hex_part_of, key_of
from service.hashing.diagnosis.terms import (
    BARE,
    FORMS,
    MAIN,
    OTHERS,
    Context,
    Term,
    Terms,
    core,
    digested,
    full,
    unique,
)
from service.hashing.formula.functions import Form

CHARSETS = (
    "cp1252",
    "latin-1",
    "iso-8859-15",
    "iso-8859-2",
    "cp1250",
    "cp1251",
    "koi8-r",
    "cp1253",
    "cp1254",
    "cp437",
    "cp850",
    "mac-roman",
    "gb18030",
    "big5",
    "shift_jis",
    "euc_jp",
    "euc_kr",
    "utf-16-le",
)
"""Charsets of legacy stores, tried besides UTF-8 if the password contains a character that they encode differently."""


class World:
    """An arrangement of the row with one charset and at most one pepper; its computed values are cached."""

    def __init__(self, arrangement: Arrangement, charset: str, pepper_env: str | None) -> None:
        self.case = arrangement.case
        self.notes = arrangement.notes
        self.charset = charset
        self.pepper_env = pepper_env
        pepper = self.case.peppers.get(pepper_env) if pepper_env else None
        self.terms = Terms(self.case, charset, pepper)
        digest = self.case.hash
        if self.case.salt is not None and digest.endswith(f":{self.case.salt}"):
            digest = digest[: -len(self.case.salt) - 1]
        self.digest = digest
        self.goals = goals_of(digest, self.case.salt)
        self.usual = outers(self.goals)
        self.rare = outers(self.goals, rare=True)
        self.core = core(self.terms)

    @cached_property
    def full(self) -> list[Context]:
        """All contexts."""
        return full(self.terms)

    @cached_property
    def nested(self) -> list[Term]:
        """Digests of the password in the usual contexts."""
        return enumeration.inner_digests(self.terms.passwords[:12], self.core)

    @cached_property
    def keys(self) -> list[Term]:
        """The keys to try for HMACs."""
        return enumeration.keys(self.terms)

    @cached_property
    def salts(self) -> list[Term]:
        """The salts to try for derivations."""
        return [
            *self.terms.salts[:5],
            *self.terms.users[:2],
            *self.terms.peppers[:1],
            Term("''", b""),
            *self.terms.pairs,
        ]

    @cached_property
    def secrets(self) -> list[Term]:
        """The passwords to try for derivations: unchanged, hashed, with a pepper."""
        plain = [self.terms.password]
        peppered = [each.around(self.terms.password) for each in self.core if "$pepper" in each.left + each.right]
        keyed = enumeration.keyed_terms(self.terms.peppers[:1], plain, MAIN, (Form.HEX, Form.RAW))
        made = list(digested(plain, MAIN))
        others = digested(plain, MAIN, (Form.RAW, Form.BASE64, Form.UPPER))
        salted = [each.around(self.terms.password) for each in self.core[1:9]]
        variants = self.terms.passwords[1:6]
        return unique([*plain, *made, *peppered[:4], *variants, *keyed, *others, *peppered[4:], *salted])


def diagnose(case: Case, budget: Budget) -> Finding | None:
    """Find a recipe under which the password is VERIFIED.

    None if no candidate matched. Raises `OutOfTime` if the time ran out first.
    """
    row = arrangements(case)
    worlds = _worlds(row, case)
    for name, stage, everywhere in STAGES:
        budget.stage = name
        for world in worlds if everywhere else worlds[: _major(row, case)]:
            if found := _first(world, stage(world, budget)):
                return found
    return None


def _first(world: World, found_by: Iterator[str | Candidate]) -> Finding | None:
    for each in found_by:
        candidate = each if isinstance(each, Candidate) else _of_formula(world, each)
        if found := confirm(world.case, candidate, world.notes):
            return found
    return None


def _of_formula(world: World, formula: str) -> Candidate:
    return Candidate(formula, world.charset, pepper_env=world.pepper_env if "$pepper" in formula else None)


def _charsets(case: Case) -> list[str]:
    """Return the charsets that encode this password differently, starting with that of the source and UTF-8."""
    names = list(dict.fromkeys([case.base.charset, "utf-8"]))
    if case.is_ascii:
        return names[:1] if names[0].lower() in {"utf-8", "latin-1", "cp1252", "ascii"} else names
    known = {_encoded(case, name) for name in names}
    for name in CHARSETS:
        if (made := _encoded(case, name)) not in known:
            known.add(made)
            names.append(name)
    return names


def _encoded(case: Case, charset: str) -> bytes | None:
    try:
        return "\0".join((case.password, case.salt or "", case.username or "")).encode(charset)
    except UnicodeError:
        return None


def _worlds(row: list[Arrangement], case: Case) -> list[World]:
    """Return the worlds, the likeliest charset of every arrangement first."""
    peppers: list[str | None] = [*case.peppers] or [None]
    return [
        World(arrangement, charset, pepper)
        for charset in _charsets(case)
        if _encoded(case, charset) is not None
        for pepper in peppers
        for arrangement in row
    ]


def _major(row: list[Arrangement], case: Case) -> int:
    """Return the number of worlds with the first charset: the long stages run only in these."""
    return len(row) * max(1, len(case.peppers))


def _named(world: World, budget: Budget) -> Iterator[Candidate]:
    for candidate in named(world.case, [world.charset]):
        budget.spend()
        yield candidate


def _named_slow(world: World, budget: Budget) -> Iterator[Candidate]:
    for candidate in named(world.case, [world.charset], slow=True):
        budget.spend()
        yield candidate


def _quick(world: World, budget: Budget) -> Iterator[str]:
    yield from search(world.terms.passwords, world.full, world.usual, budget)
    yield from enumeration.folded([world.terms.password], world.core, world.usual, budget)
    yield from search(world.terms.passwords, world.core, quick(world.rare), budget)
    yield from search(world.terms.wide, world.core, world.usual, budget)
    yield from search(world.terms.passwords[:3], world.core, world.rare, budget)


def _wrapped(world: World, budget: Budget) -> Iterator[str]:
    for formula in wrapped(world.case.hash, world.terms):
        budget.spend()
        yield formula


def _nested(world: World, budget: Budget) -> Iterator[str]:
    once = list(digested(world.terms.passwords[:6], MAIN, FORMS))
    yield from search(once, world.full, world.usual, budget)
    yield from search(world.nested, world.core, world.usual, budget)
    yield from search(world.nested[:2000], world.core, quick(world.rare), budget)


def _windows(world: World, budget: Budget) -> Iterator[str]:
    """Search MD4 in UTF-16 under a second MD4 or another digest, as in Windows's cached credentials."""
    inner = list(digested(world.terms.passwords[:3], ("md4",), (Form.RAW, Form.HEX)))
    yield from search(inner, world.core, [*world.usual, *quick(world.rare)], budget)


def _keyed(world: World, budget: Budget) -> Iterator[str]:
    messages = unique([*enumeration.placed(world.terms.passwords[:6], world.core), *world.terms.columns])
    digests = list(digested([world.terms.password], MAIN, FORMS))
    plain = [world.terms.password]
    yield from enumeration.keyed(world.keys, plain, [*world.usual, *quick(world.rare)], budget)
    inner = list(enumeration.keyed_terms([*world.terms.columns, *world.terms.pairs], plain))
    yield from search(inner, world.core, world.usual, budget)
    yield from enumeration.keyed(world.keys, messages, [*world.usual, *quick(world.rare)], budget)
    yield from enumeration.keyed(world.keys, digests, world.usual, budget)
    yield from enumeration.keyed(world.nested[:2000], world.terms.columns, world.usual, budget)


def _keys(world: World, budget: Budget) -> Iterator[str]:
    """Search PBKDF2 and scrypt with common parameters."""
    key = key_of(world.digest)
    if key is not None:
        salts, secrets = world.salts, world.secrets
        yield from derivation.chained(secrets[:2], salts[:3], key, 5_000, budget, derivation.PRFS[:3])
        yield from derivation.chained(secrets[:1], salts[:3], key, 20_000, budget, derivation.PRFS)
        yield from derivation.scrypts(secrets[:1], salts[:3], key, budget, derivation.SCRYPT[:2])
        yield from derivation.chained(secrets[:1], salts[:3], key, 100_000, budget, derivation.PRFS[:3])
        yield from derivation.chained(secrets[1:], salts[:4], key, 1_100, budget, derivation.PRFS[:3])
        yield from derivation.scrypts(secrets[1:7], salts[:3], key, budget, derivation.SCRYPT[:1])


def _keys_high(world: World, budget: Budget) -> Iterator[str]:
    """Search PBKDF2 with the iterations that are recommended today."""
    key = key_of(world.digest)
    if key is not None:
        yield from derivation.counted(world.secrets[:1], world.salts[:2], key, derivation.HIGH[:8], budget)


def _repeated(world: World, budget: Budget) -> Iterator[str]:
    values = unique([*enumeration.placed(world.terms.passwords[:4], world.core)])
    braces = [each.around(world.terms.password) for each in world.full if "'{'" in each.left + each.right]
    ordered = unique([*values[:10], *braces, *values[10:]])
    first = 2
    for rounds, number in enumeration.ROUNDS:
        yield from enumeration.repeated(ordered[:number], world.usual, rounds, budget, first=first)


def _folded(world: World, budget: Budget) -> Iterator[str]:
    starts = unique([*world.terms.passwords[:6], *digested([world.terms.password], MAIN, (Form.HEX, Form.RAW))])
    pairs = [*world.core, *[each for each in world.full if "$pass" in each.left + each.right]]
    yield from enumeration.folded(starts, pairs, world.usual, budget)


def _wide(world: World, budget: Budget) -> Iterator[str]:
    yield from search(world.terms.wide, world.full, world.usual, budget)
    once = list(digested(world.terms.wide, MAIN, FORMS))
    yield from search(once, world.core, world.usual, budget)


def _nested_wide(world: World, budget: Budget) -> Iterator[str]:
    """Search two digests with every possible context around either of them."""
    yield from search(world.nested, world.full, world.usual, budget)
    inner = enumeration.inner_digests(world.terms.passwords[:3], world.full)
    yield from search(inner, world.core, world.usual, budget)
    others = enumeration.inner_digests(world.terms.passwords[:3], world.core, OTHERS)
    yield from search(others, world.core, [*world.usual, *quick(world.rare)], budget)


def _keyed_wide(world: World, budget: Budget) -> Iterator[str]:
    """Search digests of HMACs and HMACs of digests."""
    messages = list(enumeration.placed(world.terms.passwords[:3], world.core))
    inner = list(enumeration.keyed_terms(world.keys, messages))
    yield from search(inner, world.core, world.usual, budget)
    yield from enumeration.keyed(world.keys, world.nested, world.usual, budget)
    yield from enumeration.keyed(world.keys, inner[:20_000], world.usual, budget)
    everything = list(enumeration.placed([world.terms.password], world.full))
    yield from enumeration.keyed(world.keys, everything, world.usual, budget)


def _thrice(world: World, budget: Budget) -> Iterator[str]:
    """Search three digests."""
    once = enumeration.inner_digests([world.terms.password], world.core)
    twice = enumeration.inner_digests(once[:600], [BARE, *world.core[1:9]], MAIN, (Form.HEX, Form.RAW, Form.UPPER))
    yield from search(twice, world.core, world.usual, budget)


def _thrice_in_hex(world: World, budget: Budget) -> Iterator[str]:
    """Search three digests in hex with the usual contexts; these are few enough to try early."""
    once = enumeration.inner_digests([world.terms.password], world.core, MAIN, (Form.HEX,))
    twice = enumeration.inner_digests(once, world.core[:9], MAIN, (Form.HEX,))
    yield from search(twice, world.core[:15], world.usual, budget)


def _pieces(world: World, budget: Budget) -> Iterator[str]:
    """Search a substring of a longer digest."""
    part = hex_part_of(world.digest)
    if part is not None:
        yield from enumeration.truncated(world.terms.passwords, world.core, part, budget)


def _pieces_wide(world: World, budget: Budget) -> Iterator[str]:
    """Search a substring of a longer digest over a digest."""
    part = hex_part_of(world.digest)
    if part is not None:
        yield from enumeration.truncated(world.nested, world.core[:7], part, budget)


def _keys_wide(world: World, budget: Budget) -> Iterator[str]:
    """Search PBKDF2 and scrypt over digests, with many iterations."""
    key = key_of(world.digest)
    if key is not None:
        salts, secrets = world.salts, world.secrets
        yield from derivation.scrypts(secrets[1:8], salts[:2], key, budget, derivation.SCRYPT[:3])
        yield from derivation.scrypts(secrets[:1], salts[:3], key, budget, derivation.SCRYPT[2:])
        yield from derivation.chained(secrets[:30], salts[:12], key, 10_000, budget, derivation.PRFS[:3])
        yield from derivation.counted(secrets[:2], salts[:3], key, derivation.HIGH, budget)
        yield from derivation.chained(secrets[:8], salts[:4], key, 110_000, budget, derivation.PRFS[:3])


def _argon2(world: World, budget: Budget) -> Iterator[str]:
    """Search argon2 whose salt and parameters are not in the hash."""
    key = key_of(world.digest)
    if key is not None:
        yield from derivation.argon2s(world.secrets[:1], world.salts[:3], key, budget, derivation.ARGON2)
        yield from derivation.argon2s(world.secrets[1:9], world.salts[:3], key, budget, derivation.ARGON2[:3])


def _nested_all(world: World, budget: Budget) -> Iterator[str]:
    """Search two digests over every variant of the password."""
    inner = enumeration.inner_digests([*world.terms.passwords, *world.terms.wide], world.core)
    yield from search(inner, world.core, [*world.usual, *quick(world.rare)], budget)
    every = enumeration.inner_digests(world.terms.passwords[:4], world.full)
    yield from search(every, world.full, world.usual, budget)


STAGES: tuple[tuple[str, Callable[[World, Budget], Iterator[str | Candidate]], bool], ...] = (
    ("named formats", _named, True),
    ("common formulas", _quick, True),
    ("a slow function over a digest", _wrapped, True),
    ("MD4", _windows, False),
    ("two digests", _nested, True),
    ("pieces of a digest", _pieces, False),
    ("HMAC", _keyed, True),
    ("three digests in hex", _thrice_in_hex, False),
    ("variants of the password", _wide, True),
    ("named formats that are slow", _named_slow, True),
    ("rounds that add the salt again", _folded, True),
    ("repeated digests", _repeated, False),
    ("PBKDF2 and scrypt", _keys, False),
    ("two digests, all contexts", _nested_wide, False),
    ("three digests", _thrice, False),
    ("argon2", _argon2, False),
    ("PBKDF2 with many iterations", _keys_high, False),
    ("HMAC with digests", _keyed_wide, False),
    ("pieces of a digest over a digest", _pieces_wide, False),
    ("PBKDF2 and scrypt over digests", _keys_wide, False),
    ("two digests, all variants", _nested_all, False),
)
"""From likely and cheap to the rest; the third item says whether a stage also runs with charsets after the first."""

__all__ = ["STAGES", "OutOfTime", "World", "diagnose"]
