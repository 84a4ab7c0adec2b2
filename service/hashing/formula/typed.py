"""A check that tries each interpretation of a typed password, and the format that declares them.

Products change a password before they hash it: WordPress escapes quotes, phpBB encodes `&`. An export does not say
which of a product's code paths wrote a hash, so every interpretation that differs for the typed password is tried.
"""

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace

from service.hashing.check import Interpreted
from service.hashing.columns import salt_value
from service.hashing.encodings import encode
from service.hashing.executor import Executor
from service.hashing.format import Check, Format, StoredHash, find_none
from service.hashing.formats.multiple import parse_with_peppers
from service.hashing.formula.functions import Given, Value
from service.hashing.formula.operations import Applied, Operation, Variable, walk, yields_bytes
from service.hashing.formula.parse import parse
from service.hashing.interleaved.engine import BcryptJob
from service.hashing.interleaved.interleaving import Interleavable
from service.hashing.shape import BLANK
from service.immutable import immutable

BYTE_CHARSET = "latin-1"
"""The charset in which a check receives bytes as text: it maps all 256 bytes to characters and back."""


@immutable
class Attempt:
    """A check of one interpretation of one password. Exists for one sign-in."""

    check: Check = field(repr=False)
    text: str = field(repr=False)
    cost: str
    executor: Executor

    @property
    def work(self) -> float:
        """The work of the check."""
        return self.check.work

    @property
    def looped(self) -> bool:
        """Return whether the check is looped."""
        return self.check.looped

    def takes(self, password: str) -> bool:  # noqa: ARG002 (already interpreted)
        """Return whether the check accepts the interpretation, which may be longer than the password."""
        return self.check.takes(self.text)

    def verify(self, password: str) -> bool:  # noqa: ARG002 (already interpreted)
        """Return whether the interpretation is right."""
        return self.check.verify(self.text)


@immutable
class InterleavableAttempt(Attempt, Interleavable):
    """An attempt that is one bcrypt computation, which can share a thread with others."""

    def bcrypt_job(self, password: str) -> BcryptJob | None:  # noqa: ARG002 (already interpreted)
        """Return the computation for the interpretation."""
        return self.check.bcrypt_job(self.text) if isinstance(self.check, Interleavable) else None


@immutable
class TypedCheck(Interpreted):
    """A check that tries each distinct interpretation of the password."""

    check: Check = field(repr=False)
    byte_check: Check | None = field(repr=False)
    """The same check in `BYTE_CHARSET`, for interpretations that are bytes."""
    interpretations: tuple[Operation, ...] = field(repr=False)
    given: tuple[Given, ...] = field(repr=False)
    """The row's values, once for each pepper that may have been used."""
    cost: str
    """The cost of one attempt."""
    executor: Executor

    @property
    def work(self) -> float:
        """The work of one attempt, which most passwords need; admission counts further attempts individually."""
        return self.check.work

    @property
    def looped(self) -> bool:
        """Return whether the check is looped."""
        return self.check.looped

    def takes(self, password: str) -> bool:
        """Return whether the check accepts its length; each interpretation is also measured on its own."""
        return self.check.takes(password)

    @property
    def most_attempts(self) -> int:
        """The number of interpretations; those with a pepper count once per pepper."""
        return sum(len(self._given(each)) for each in self.interpretations)

    def attempts(self, password: str) -> tuple[Check, ...]:
        """Return a check of each distinct interpretation, in the order of declaration."""
        found: dict[Value, Value] = {}
        for value in self._values(password):
            found.setdefault(self._key(value), value)
        if "\0" in password:
            # PHP's `trim` removes NUL, but a password that matches only without its NULs is wrong.
            for value in self._values(password.replace("\0", "")):
                found.pop(self._key(value), None)
            found.update(self._without_nul(password))
        return tuple(map(self._attempt, found.values()))

    def verify(self, password: str) -> bool:
        """Try all of them, so that the time does not reveal which one matched."""
        matches = [attempt.verify(password) for attempt in self.attempts(password) if attempt.takes(password)]
        return any(matches)

    def _values(self, password: str, interpretations: Iterable[Operation] | None = None) -> Iterator[Value]:
        for interpretation in self.interpretations if interpretations is None else interpretations:
            for given in self._given(interpretation):
                # The interpretation's charset lacks a character, so this interpretation does not apply.
                with contextlib.suppress(UnicodeError):
                    yield interpretation.evaluate(replace(given, password=password))

    def _without_nul(self, password: str) -> Iterator[tuple[Value, Value]]:
        """Return the interpretations of a product that removes NUL everywhere; NUL at the ends is still wrong."""
        if password.strip("\0") == password:
            values = self._values(password, filter(removes_nul, self.interpretations))
            yield from ((self._key(value), value) for value in values)

    def _given(self, interpretation: Operation) -> tuple[Given, ...]:
        return self.given if uses_pepper(interpretation) else self.given[:1]

    def _key(self, value: Value) -> Value:
        """Return what two equal interpretations share: the bytes to hash."""
        encoded = encode(value, self.given[0].charset) if isinstance(value, str) else value
        return value if encoded is None else encoded

    def _attempt(self, value: Value) -> Attempt:
        if isinstance(value, str) or self.byte_check is None:
            text, check = self.given[0].decode(value), self.check
        else:
            text, check = value.decode(BYTE_CHARSET), self.byte_check
        kind = InterleavableAttempt if isinstance(check, Interleavable) else Attempt
        return kind(check, text, self.cost, self.executor)


@functools.lru_cache(maxsize=512)
def interpretations_of(text: str) -> tuple[Operation, ...]:
    """Parse interpretations such as ``$pass | trim(addslashes($pass))``. Raises `MalformedFormula`."""
    return parse(text, None, find_none)


def typed_check(stored: StoredHash, reader: Format, interpretations: tuple[Operation, ...], *given: Given) -> Check:
    """Parse `stored` with `reader`, for a password in each of `interpretations`. Raises `UnusableHash`.

    `given` holds the other inputs of the interpretations, once for each pepper that may have been used. The reader has
    the pepper of `stored`.
    """
    check = reader.parse(stored)
    if interpretations == (Variable("pass"),):
        return check
    byte_check = None
    if any(map(yields_bytes, interpretations)):
        byte_check = reader.parse(replace(stored, recipe=replace(stored.recipe, charset=BYTE_CHARSET)))
    return TypedCheck(check, byte_check, interpretations, given, check.cost, check.executor)


def uses_pepper(interpretation: Operation) -> bool:
    """Return whether an interpretation uses the pepper."""
    return any(isinstance(each, Variable) and each.name == "pepper" for each in walk(interpretation))


def removes_nul(interpretation: Operation) -> bool:
    """Return whether an interpretation is of a product that removes NUL within a password."""
    return any(isinstance(each, Applied) and each.function == "remove_nul" for each in walk(interpretation))


@immutable
class TypedFormat:
    """A format whose product changes a typed password before hashing it."""

    format: Format
    interpretations: str
    """The interpretations of `$pass`, separated by `|`; the raw one comes first if the product ever hashed it.

    If any uses `$pepper`, the format itself does not receive the pepper; without a pepper, only the others are tried.
    """
    by_prefix: Mapping[str, str] = field(default_factory=dict)
    """Interpretations of hashes that begin with these prefixes, instead of `interpretations`."""

    @property
    def name(self) -> str:
        """The name of the format."""
        return self.format.name

    @property
    def aliases(self) -> tuple[str, ...]:
        """The aliases of the format."""
        return self.format.aliases

    def recognises(self, text: str) -> bool:
        """Return whether the format recognises `text`."""
        return self.format.recognises(text)

    def parse(self, stored: StoredHash) -> Check:
        """Parse with the format, for each interpretation."""
        return read_typed(stored, self.format, self._declared(stored.hash))

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Create the format's dummy hash: the interpretations are part of the recipe."""
        return self.format.dummy_hash(stored)

    def _declared(self, text: str) -> str:
        bare = text.lstrip(BLANK)
        return next((each for prefix, each in self.by_prefix.items() if bare.startswith(prefix)), self.interpretations)


def read_typed(stored: StoredHash, reader: Format, declared: str) -> Check:
    """Parse with `reader` for each interpretation of `declared`; those that use a pepper require one."""
    interpretations = interpretations_of(declared)
    given = Given("", _salt(stored, interpretations), stored.username or "", charset=stored.recipe.charset)
    if not any(map(uses_pepper, interpretations)):
        return parse_with_peppers(lambda row: typed_check(row, reader, interpretations, given), stored)
    if stored.pepper is None:
        unpeppered = tuple(each for each in interpretations if not uses_pepper(each))
        return typed_check(stored, reader, unpeppered, given)
    each_given = [replace(given, pepper=pepper_text(each)) for each in (stored.pepper, *stored.more_peppers)]
    return typed_check(replace(stored, pepper=None, more_peppers=()), reader, interpretations, *each_given)


def _salt(stored: StoredHash, interpretations: tuple[Operation, ...]) -> Value:
    """Return the row's salt if an interpretation uses it, beside the one in the text. Raises `MalformedHash`."""
    if not any(isinstance(each, Variable) and each.name == "salt" for root in interpretations for each in walk(root)):
        return b""
    return salt_value(stored)


def pepper_text(pepper: bytes) -> Value:
    """Return the pepper, as text if it is UTF-8."""
    try:
        return pepper.decode("utf-8")
    except UnicodeDecodeError:
        return pepper
