"""The protocol of a hash format.

A format recognises a stored hash by its whole shape, parses it once, with its cost bounded, into a `Check`, and a
`Check` tries passwords. The protocol's split into recognise, parse and verify follows zitadel/passwap (Go).
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Protocol

from service.immutable import immutable


class Executor(enum.Enum):
    """Where a check may run without holding up the event loop."""

    INLINE = "inline"
    """Microseconds: cheaper than a hop to a thread."""
    THREAD = "thread"
    """C code that releases the GIL for the whole computation."""
    PROCESS = "process"
    """A loop in Python, which would hold the GIL: a worker process."""


class UnusableHash(Exception):
    """The stored hash cannot be used."""


class MalformedHash(UnusableHash):
    """The stored hash does not have the shape of its format. The message never quotes the hash."""


class NoUsername(MalformedHash):
    """A name was mixed into the hash, and the row does not say which."""


class TooCostly(UnusableHash):
    """The stored hash asks for more time or memory than a sign-in may cost."""


class UnknownFormat(UnusableHash):
    """No format has this name, and it is not a formula."""


@immutable
class Recipe:
    """How the hashes of a source are to be checked, resolved when they are loaded and stored with them."""

    format: str
    """The name of a registered format, or a formula such as ``md5(md5($pass).$salt)``."""
    charset: str = "utf-8"
    """How a password becomes bytes."""
    pepper_env: str | None = None
    """The name of the environment variable that holds the pepper, or several names separated by blanks, any of which
    may hold the one that was used; their values are never stored."""
    iterations: int | None = None
    salt_encoding: str = "text"
    """What the salt column holds: ``text``, ``hex`` or ``base64``."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What only one format needs, such as the project parameters of Firebase (never repeated in messages)."""


@immutable
class StoredHash:
    """One row of a legacy store, as a format sees it."""

    hash: str = field(repr=False)
    recipe: Recipe = field(repr=False)
    salt: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    """The name that was mixed into the hash (SMF, PostgreSQL md5, Oracle), where the format uses one."""
    pepper: bytes | None = field(default=None, repr=False)
    more_peppers: tuple[bytes, ...] = field(default=(), repr=False)
    """Others of which each may have been used, where the source names several."""


class Check(Protocol):
    """A parsed hash: all that is needed to try a password. Picklable, immutable, and its `repr` shows no secret."""

    @property
    def executor(self) -> Executor:
        """Where it may run."""
        ...

    @property
    def cost(self) -> str:
        """Names the work in the words of the format, for instance ``bcrypt 10``: equal costs take equal time."""
        ...

    @property
    def work(self) -> float:
        """Its share of what one sign-in may cost: see `limits.MAX_WORK`."""
        ...

    @property
    def looped(self) -> bool:
        """Whether each round hashes the password again, so that time grows with its length."""
        ...

    def takes(self, password: str) -> bool:
        """Tell whether `password` is short enough to be hashed; a longer one is wrong, and no hash is computed."""
        ...

    def verify(self, password: str) -> bool:
        """Tell whether `password` is the one. Never raises for any password; compares in constant time."""
        ...


class Format(Protocol):
    """One format of password hashes."""

    @property
    def name(self) -> str:
        """What rows and sources call it."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names it is known by."""
        ...

    def recognises(self, text: str) -> bool:
        """Tell, by its whole shape and not by a prefix, whether `text` is a hash of this format."""
        ...

    def parse(self, stored: StoredHash) -> Check:
        """Read a stored hash. Raises `MalformedHash` or `TooCostly`, and nothing else, whatever the text."""
        ...

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Return a dummy hash that takes as long to check as `stored` and shares no digest or salt with it."""
        ...


FindFormat = Callable[[str], Format | None]
"""Looks up a format by any of its names; None where no format is called so."""


def find_none(_name: str) -> Format | None:
    """Find no format: for formulas without a named format around them."""
    return None
