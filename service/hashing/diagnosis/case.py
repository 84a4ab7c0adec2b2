"""A stored hash with its known password: the recipes that may explain it, their check, and the limit of the search."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from service.hashing import registry
from service.hashing.format import Recipe, StoredHash, UnusableHash
from service.immutable import immutable


@immutable
class Case:
    """The input: one row of a legacy store and the password of its owner."""

    hash: str = field(repr=False)
    password: str = field(repr=False)
    salt: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    base: Recipe = Recipe("")
    """The declared settings of the source: charset, iterations, salt encoding, options. Its format is not used."""
    peppers: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """By the name of the environment variable that holds each."""

    @property
    def is_ascii(self) -> bool:
        """Return whether every part is ASCII, so that all single-byte charsets encode it alike."""
        return all(text.isascii() for text in (self.password, self.salt or "", self.username or ""))


@immutable
class Candidate:
    """A recipe that may explain the hash."""

    format: str
    """A named format or a formula."""
    charset: str = "utf-8"
    salt_encoding: str = "text"
    iterations: int | None = None
    pepper_env: str | None = None


@immutable
class Finding:
    """A recipe under which the known password is VERIFIED, and the row that it applies to."""

    recipe: Recipe
    hash: str = field(repr=False)
    salt: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    """Changes that the export needs first, such as splitting a column."""


def confirm(case: Case, candidate: Candidate, notes: tuple[str, ...] = ()) -> Finding | None:
    """Check the password with the code that sign-in uses; return None if it is not VERIFIED."""
    recipe = replace(
        case.base,
        format=candidate.format,
        charset=candidate.charset,
        salt_encoding=candidate.salt_encoding,
        iterations=candidate.iterations,
        pepper_env=candidate.pepper_env,
    )
    pepper = case.peppers.get(candidate.pepper_env) if candidate.pepper_env else None
    try:
        check = registry.check(StoredHash(case.hash, recipe, case.salt, case.username, pepper))
    except UnusableHash:
        return None
    return Finding(recipe, case.hash, case.salt, case.username, notes) if check.verify(case.password) else None


REPORT_EVERY = 0.1
"""Seconds between two progress reports."""


class OutOfTime(Exception):
    """The operator's time limit has passed."""


@dataclass(slots=True)
class Budget:
    """The limit and the count of one search."""

    seconds: float
    report: Callable[["Budget"], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    tried: int = 0
    stage: str = ""
    _started: float = field(init=False)
    _reported: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self._reported = self.clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the search started."""
        return self.clock() - self._started

    def spend(self, candidates: int = 1) -> None:
        """Count candidates. Raises `OutOfTime`."""
        self.tried += candidates
        now = self.clock()
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            self.report(self)
        if now - self._started > self.seconds:
            raise OutOfTime
