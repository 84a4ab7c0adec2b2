"""The parts of a formula with their bytes: variants of password, salt, user name and pepper, and contexts around them.

Values are computed once. A variant with the same bytes as a simpler one is dropped, so the simplest formula wins.
"""

from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import NamedTuple

from service.hashing.diagnosis.case import Case
from service.hashing.digests import digest
from service.hashing.formula.functions import FUNCTIONS, Form, Given, Value

LETTERS = (
    "trim",
    "strtolower",
    "strtoupper",
    "lower",
    "upper",
    "addslashes",
    "stripslashes",
    "htmlspecialchars_quotes",
    "htmlspecialchars_compat",
    "htmlspecialchars_decode",
    "unescape_html",
    "nfc",
    "nfkc",
    "nfd",
    "nfkd",
    "strip",
    "collapse_spaces",
    "strip_controls",
    "ascii_ignore",
    "underscore_angles",
    "unix_newlines",
    "numeric_entities",
    "invision",
    "ucfirst",
    "strrev",
)
"""Functions that products apply to a typed password.

Any two of them are combined, except the last two, which only custom recipes use.
"""
CHARSETS = ("utf16le", "latin1", "cp1252", "cesu8", "utf16be", "latin1_or_utf8", "cp1252_or_utf8")
ENCODINGS = ("base64", "hex", "hexupper", "base64url")
CUTS = (8, 10, 12, 14, 15, 16, 20, 30, 32, 40, 50, 64, 72)
"""Lengths to which stores have truncated passwords."""
COLUMN = ("unhex", "unbase64", "strtolower", "strtoupper", "lower", "upper", "trim", "utf16le", "hex", "base64")
"""Functions tried on a salt, a user name and a pepper."""
MIN_ENCODED = 4
"""Minimum characters of a salt for trying hex and base64."""


class Term(NamedTuple):
    """A part of a formula and its bytes."""

    formula: str
    value: bytes

    def __repr__(self) -> str:
        """Show the formula without the value."""
        return f"Term({self.formula!r})"


def unique(terms: Iterable[Term], known: Iterable[Term] = ()) -> list[Term]:
    """Drop terms with the same bytes as an earlier one, or as one of `known`."""
    seen = {term.value for term in known}
    kept = []
    for term in terms:
        if term.value not in seen:
            seen.add(term.value)
            kept.append(term)
    return kept


class Terms:
    """The terms of one case, under one charset."""

    def __init__(self, case: Case, charset: str, pepper: bytes | None) -> None:
        self._given = Given(
            password=case.password,
            salt=case.salt or "",
            username=case.username or "",
            pepper=_text_of(pepper or b""),
            charset=charset,
        )
        letters = self._passwords()
        self.password = letters[0]
        self.passwords = self._encoded(letters[: 1 + len(LETTERS)])
        """The likely variants: one change of case, then a charset."""
        everything = self._encoded([*letters, *self._cut(letters[0])])
        self.wide = unique([*everything, *self._written(everything[:8])], self.passwords)
        """The remaining variants."""
        salts = self._column("$salt", case.salt)
        self.salts = unique([*salts[:1], *self._halves(case.salt or ""), *salts[1:]])
        self.users = self._column("$user", case.username)
        self.peppers = self._column("$pepper", self._given.pepper if pepper else None)

    @property
    def columns(self) -> list[Term]:
        """All variants of salt, user name and pepper."""
        return unique([*self.salts, *self.users, *self.peppers])

    @property
    def plain(self) -> list[Term]:
        """Salt, user name, pepper and password, unchanged."""
        return unique([*self.salts[:1], *self.users[:2], *self.peppers[:1], self.password])

    @property
    def pairs(self) -> list[Term]:
        """Pairs of salt, user name and pepper, in both orders."""
        plain = unique([*self.salts[:1], *self.users[:2], *self.peppers[:1]])
        return [Term(f"{one.formula}.{two.formula}", one.value + two.value) for one, two in permutations(plain, 2)]

    def _passwords(self) -> list[Term]:
        """Return the password under at most two transformations, as texts."""
        found = [("$pass", self._given.password)]
        singles = [*found, *self._applied(found, LETTERS)]
        doubles = [*singles, *self._applied(singles[1:], LETTERS[:-2])]
        known: set[str] = set()
        terms = []
        for formula, text in doubles:
            if text not in known and (value := self._bytes(text)) is not None:
                known.add(text)
                terms.append(Term(formula, value))
        return terms or [Term("$pass", self._given.password.encode("utf-8", "surrogatepass"))]

    def _applied(self, found: list[tuple[str, str]], names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for name in names:
            for formula, text in found:
                value = self._apply(name, text)
                if isinstance(value, str):
                    yield f"{name}({formula})", value

    def _apply(self, name: str, value: Value, *numbers: int) -> Value | None:
        try:
            return FUNCTIONS[name].apply(self._given, value, *numbers)
        except UnicodeError:
            return None

    def _bytes(self, value: Value | None) -> bytes | None:
        try:
            return None if value is None else self._given.encode(value)
        except UnicodeError:
            return None

    def _encoded(self, letters: list[Term]) -> list[Term]:
        made = [
            Term(f"{name}({term.formula})", value)
            for term in letters
            for name in CHARSETS
            if (value := self._bytes(self._apply(name, term.value))) is not None
        ]
        first = [term for term in made if term.formula.endswith(f"({letters[0].formula})")]
        return unique([letters[0], *first, *letters, *made])

    def _written(self, terms: list[Term]) -> Iterator[Term]:
        for name in ENCODINGS:
            for term in terms:
                value = self._bytes(self._apply(name, term.value))
                if value is not None:
                    yield Term(f"{name}({term.formula})", value)

    def _cut(self, term: Term) -> Iterator[Term]:
        for length in CUTS:
            value = self._bytes(self._given.password[:length])
            if value is not None:
                yield Term(f"left({term.formula}, {length})", value)

    def _halves(self, salt: str) -> Iterator[Term]:
        """Return two salts that are in one column, separated by a colon."""
        first, colon, second = salt.partition(":")
        for name, text in (("$salt1", first), ("$salt2", second)):
            if colon and text:
                yield from self._column(name, text)[:1]

    def _column(self, name: str, text: Value | None) -> list[Term]:
        """Return a column unchanged, in other cases, and decoded."""
        whole = self._bytes(text)
        if not whole or text is None:
            return []
        made = [Term(name, whole)]
        for function in COLUMN:
            if function in {"unhex", "unbase64"} and (name == "$user" or len(text) < MIN_ENCODED):
                continue
            value = self._bytes(self._apply(function, text))
            if value:
                made.append(Term(f"{function}({name})", value))
        if name == "$user":  # as Windows and Oracle write it
            for case in ("strtolower", "strtoupper"):
                value = self._bytes(self._apply("utf16le", self._apply(case, text) or text))
                made.append(Term(f"utf16le({case}($user))", value or b""))
        return unique(made)


def digested(terms: Iterable[Term], algorithms: Iterable[str], forms: Iterable[Form] = (Form.HEX,)) -> Iterator[Term]:
    """Yield the digest of each term in each form."""
    chosen = tuple(forms)
    for algorithm in algorithms:
        for term in terms:
            made = digest(algorithm, term.value)
            for form in chosen:
                yield written(f"{algorithm}{SUFFIX[form]}({term.formula})", made, form)


def written(formula: str, made: bytes, form: Form) -> Term:
    """Return a digest as a term in one form."""
    value = form.write(made)
    return Term(formula, value.encode("ascii") if isinstance(value, str) else value)


SUFFIX = {Form.HEX: "", Form.RAW: "_bin", Form.UPPER: "_hexupper", Form.BASE64: "_base64"}
FORMS = tuple(SUFFIX)
MAIN = ("md5", "sha1", "sha256", "sha512")
"""The digests that nearly all stores use."""
OTHERS = ("sha384", "sha224", "md4", "sha3_256", "sha3_512", "ripemd160", "blake2b")
"""Other digests that may be nested."""


def _text_of(pepper: bytes) -> Value:
    try:
        return pepper.decode("utf-8")
    except UnicodeDecodeError:
        return pepper


# The values that may precede and follow a value inside a digest.

SEPARATORS = (":", "-", "_", ".", "$", "|", " ", "@", "#", "+", "/", ",", ";", "--", "::", "*", "&", "=", "\n", "\0")
BRACES = (("{", "}"), ("[", "]"), ("(", ")"), ("<", ">"))


class Context(NamedTuple):
    """Bytes before and after a value, and the formula of each."""

    before: bytes
    after: bytes
    left: str = ""
    right: str = ""

    def around(self, term: Term) -> Term:
        """Return the value in this context."""
        return Term(f"{self.left}{term.formula}{self.right}", self.before + term.value + self.after)

    def __repr__(self) -> str:
        """Show the formula without the values."""
        return f"Context({self.left!r}, {self.right!r})"


BARE = Context(b"", b"")


def core(terms: Terms) -> list[Context]:
    """Return each column, unchanged or decoded, before, after and on both sides; and the password again."""
    companions = [*terms.columns, terms.password]
    return _distinct([BARE, *_single(companions)])


def full(terms: Terms) -> list[Context]:
    """Return all contexts: `core`, digests of columns, separators, braces, and two columns in each order."""
    digests = digested(terms.plain, MAIN)
    more = [*terms.columns, *terms.passwords[:4], *digests]
    contexts = [BARE, *_single(unique(more))]
    contexts += _separated(terms.plain)
    contexts += _pairs(terms.plain)
    contexts += _pairs(unique([*terms.salts[:4], *terms.users[:3], *terms.peppers[:3]]))
    return _distinct(contexts)


def _distinct(contexts: Iterable[Context]) -> list[Context]:
    found: dict[tuple[bytes, bytes], Context] = {}
    for each in contexts:
        found.setdefault((each.before, each.after), each)
    return list(found.values())


def _single(companions: Iterable[Term]) -> Iterator[Context]:
    chosen = list(companions)
    for term in chosen:
        yield Context(term.value, b"", f"{term.formula}.", "")
        yield Context(b"", term.value, "", f".{term.formula}")
    for term in chosen:
        yield Context(term.value, term.value, f"{term.formula}.", f".{term.formula}")


def _separated(companions: list[Term]) -> Iterator[Context]:
    for sign in SEPARATORS:
        value, text = sign.encode(), quoted(sign)
        for term in companions:
            yield Context(term.value + value, b"", f"{term.formula}.{text}.", "")
            yield Context(b"", value + term.value, "", f".{text}.{term.formula}")
    for opening, closing in BRACES:
        for term in companions:
            value = opening.encode() + term.value + closing.encode()
            formula = f"{quoted(opening)}.{term.formula}.{quoted(closing)}"
            yield Context(b"", value, "", f".{formula}")
            yield Context(value, b"", f"{formula}.", "")


def _pairs(companions: list[Term]) -> Iterator[Context]:
    """Yield two columns with a value, in each order; also with a separator between all three."""
    for sign in ("", ":", "-", "_", "|", ".", "$", "--", " "):
        value = sign.encode()
        join = f".{quoted(sign)}." if sign else "."
        for one, two in permutations(companions, 2):
            first, second = one.value + value, value + two.value
            yield Context(first + two.value + value, b"", f"{one.formula}{join}{two.formula}{join}", "")
            yield Context(first, second, f"{one.formula}{join}", f"{join}{two.formula}")
            yield Context(b"", value + one.value + second, "", f"{join}{one.formula}{join}{two.formula}")


def quoted(text: str) -> str:
    """Return a text in the quotes of a formula."""
    special = {"\n": "\\n", "\0": "\\0", "'": "\\'", "\\": "\\\\"}
    return "'" + "".join(special.get(character, character) for character in text) + "'"
