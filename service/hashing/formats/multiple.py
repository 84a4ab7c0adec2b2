"""Several hashes of one account in one row, any of which may match.

A directory allows several values of `userPassword`, each with its scheme (RFC 4519, section 2.41). The row is a JSON
list of them. The option `each` names the format of all, if they do not identify themselves.
"""

import json
import pickle
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import field, replace

from service.hashing.check import Interpreted, attempts_at, most_attempts
from service.hashing.executor import Executor
from service.hashing.format import Check, Format, MalformedHash, StoredHash, UnknownFormat
from service.immutable import immutable

MOST = 8
"""Hashes in a row: a wrong password is checked against each."""
SLOWEST_LAST = (Executor.INLINE, Executor.THREAD, Executor.PROCESS)


@immutable
class AnyOf(Interpreted):
    """Runs all checks and returns whether any matches."""

    checks: tuple[Check, ...] = field(repr=False)

    @property
    def executor(self) -> Executor:
        """The executor of the check that would block the event loop the longest."""
        return max((check.executor for check in self.checks), key=SLOWEST_LAST.index)

    @property
    def cost(self) -> str:
        """All costs; equal ones are counted."""
        counted = Counter(check.cost for check in self.checks)
        return " + ".join(cost if count == 1 else f"({cost}) x{count}" for cost, count in counted.items())

    @property
    def most_attempts(self) -> int:
        """The sum over its checks."""
        return sum(map(most_attempts, self.checks))

    def attempts(self, password: str) -> tuple[Check, ...]:
        """Return the attempts of all its checks."""
        return tuple(
            attempt for check in self.checks if check.takes(password) for attempt in attempts_at(check, password)
        )

    @property
    def work(self) -> float:
        """The sum: a wrong password is checked against all."""
        return sum(check.work for check in self.checks)

    @property
    def looped(self) -> bool:
        """Return whether any check is looped."""
        return any(check.looped for check in self.checks)

    def takes(self, password: str) -> bool:
        """Return whether any check accepts the length."""
        return any(check.takes(password) for check in self.checks)

    def verify(self, password: str) -> bool:
        """Run all of them, so that the time does not reveal which one matched."""
        matches = [check.verify(password) for check in self.checks if check.takes(password)]
        return any(matches)


def parse_with_peppers(parse: Callable[[StoredHash], Check], stored: StoredHash) -> Check:
    """Parse for each pepper of `stored`, any of which may have been used; once if the format uses none."""
    if not stored.more_peppers or stored.pepper is None:
        return parse(stored)
    each = [parse(replace(stored, pepper=pepper, more_peppers=())) for pepper in (stored.pepper, *stored.more_peppers)]
    # Compared as bytes: checks contain `partial` objects, which never compare equal.
    distinct = {pickle.dumps(check): check for check in each}
    return each[0] if len(distinct) == 1 else AnyOf(tuple(distinct.values()))


@immutable
class Multiple:
    """A JSON list of hashes."""

    by_name: Callable[[str], Format]
    """Looks up a format by any of its names. Raises `UnknownFormat`."""
    candidates: Callable[[str], tuple[Format, ...]]
    """Returns every format whose whole shape a text has."""
    name: str = "multiple"
    aliases: tuple[str, ...] = ("any_of",)
    names_itself: bool = True

    def recognises(self, text: str) -> bool:
        """Return whether the text is a list of hashes, each of which identifies its format."""
        texts = _texts(text)
        return texts is not None and all(len(self.candidates(each)) == 1 for each in texts)

    def parse(self, stored: StoredHash) -> Check:
        """Parse each hash."""
        return AnyOf(tuple(each.parse(one) for each, one in self._each(stored)))

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Return a list of dummy hashes."""
        made = [each.dummy_hash(one) for each, one in self._each(stored)]
        # A list must have two values, so a single dummy hash gets an empty value, which is ignored.
        return replace(
            made[0], recipe=stored.recipe, hash=json.dumps([one.hash for one in made] + [""] * (len(made) == 1))
        )

    def _each(self, stored: StoredHash) -> list[tuple[Format, StoredHash]]:
        texts = _texts(stored.hash)
        if texts is None:
            raise MalformedHash(f"not a JSON list of 2 to {MOST} hashes")
        return [self._named(replace(stored, hash=text), number) for number, text in enumerate(texts, 1)]

    def _named(self, stored: StoredHash, number: int) -> tuple[Format, StoredHash]:
        name = stored.recipe.options.get("each")
        try:
            found = (self.by_name(name),) if name else self.candidates(stored.hash)
        except UnknownFormat as error:
            raise MalformedHash(f"the option each: {error}") from None
        if len(found) != 1:
            which = "no" if not found else "more than one"
            raise MalformedHash(f"number {number} of the hashes is of {which} known shape")
        return found[0], replace(stored, recipe=replace(stored.recipe, format=found[0].name))


NO_HASH = re.compile(r"(?i)\{(?:SASL|UNIX|KERBEROS|PASSTHROUGH)\}.*|(?:\{CRYPT\})?(?:[!*]+|x|\*?LK\*?|\*?NP\*?)|")
"""Values without a hash: delegated to another verifier, or locked. They are ignored if there is also a hash."""


def _texts(text: str) -> list[str] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not 1 < len(found) <= MOST:
        return None
    # A nested list would be parsed recursively.
    if not all(isinstance(each, str) and not each.lstrip().startswith("[") for each in found):
        return None
    return [each for each in found if not NO_HASH.fullmatch(each.strip())] or None
