"""The protocol of a hash format.

A format recognises a stored hash by its whole shape and parses it once, with bounded cost, into a `Check`, which then
verifies passwords. The split into recognise, parse and verify follows zitadel/passwap (Go).
"""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Protocol

from service.hashing.executor import Executor
from service.immutable import immutable


class UnusableHash(Exception):
    """The stored hash cannot be used."""


class MalformedHash(UnusableHash):
    """The stored hash does not have the shape of its format. The message never quotes the hash."""


class NoUsername(MalformedHash):
    """The hash includes a user name, and the row has none."""


class TooCostly(UnusableHash):
    """The stored hash requires more time or memory than a sign-in may use."""


class UnknownFormat(UnusableHash):
    """No format has this name, and it is not a formula."""


@immutable
class Recipe:
    """How the hashes of a source are checked; resolved when they are loaded and stored with them."""

    format: str
    """The name of a registered format, or a formula such as ``md5(md5($pass).$salt)``."""
    charset: str = "utf-8"
    """The charset that encodes a password."""
    pepper_env: str | None = None
    """The environment variable that holds the pepper, or several names separated by blanks if any of their values may
    have been used. The values are never stored."""
    iterations: int | None = None
    salt_encoding: str = "text"
    """The encoding of the salt column: ``text``, ``hex`` or ``base64``."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of a single format, such as the project parameters of Firebase (never repeated in messages)."""


@immutable
class StoredHash:
    """One row of a legacy store, as the formats receive it."""

    hash: str = field(repr=False)
    recipe: Recipe = field(repr=False)
    salt: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    """The user name that was mixed into the hash (SMF, PostgreSQL md5, Oracle), if the format uses one."""
    pepper: bytes | None = field(default=None, repr=False)
    more_peppers: tuple[bytes, ...] = field(default=(), repr=False)
    """Further peppers, any of which may have been used, if the source names several."""


class Check(Protocol):
    """A parsed hash, ready to verify passwords. Picklable and immutable; its `repr` shows no secret."""

    @property
    def executor(self) -> Executor:
        """The executor that it runs on."""
        ...

    @property
    def cost(self) -> str:
        """The work in the format's terms, for instance ``bcrypt 10``: equal costs take equal time."""
        ...

    @property
    def work(self) -> float:
        """The share of what one sign-in may cost: see `limits.MAX_WORK`."""
        ...

    @property
    def looped(self) -> bool:
        """Return whether each round hashes the password again, so that time grows with its length."""
        ...

    def takes(self, password: str) -> bool:
        """Return whether `password` is short enough to be hashed; a longer one is rejected without computing a hash."""
        ...

    def verify(self, password: str) -> bool:
        """Return whether `password` is right. Never raises; compares in constant time."""
        ...


class Format(Protocol):
    """One format of password hashes."""

    @property
    def name(self) -> str:
        """The name used by rows and sources."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """Aliases of the format."""
        ...

    def recognises(self, text: str) -> bool:
        """Return whether `text` is a hash of this format, by its whole shape and not by a prefix."""
        ...

    def parse(self, stored: StoredHash) -> Check:
        """Parse a stored hash. Raises only `MalformedHash` and `TooCostly`, for any text."""
        ...

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Return a dummy hash that takes as long to check as `stored` and shares no digest or salt with it."""
        ...


FindFormat = Callable[[str], Format | None]
"""Looks up a format by any of its names; returns None if there is none."""


def find_none(_name: str) -> Format | None:
    """Return None: for formulas outside a named format."""
    return None
