"""What the store says of an account: the values that leave it. Knows no SQL."""

import enum
from dataclasses import field
from datetime import datetime
from typing import Any

from service.immutable import immutable


class State(enum.StrEnum):
    """How far an account has come on its way to Okta."""

    UNARMED = "unarmed"
    """Loaded without a hash."""
    WAITING = "waiting"
    """Has a hash; nobody has signed in with it yet."""
    VERIFIED = "verified"
    """We answered VERIFIED, and Okta has not yet said SUCCESS."""
    MIGRATED = "migrated"
    """Okta said SUCCESS; the hash is gone."""
    RETIRED = "retired"
    """The hash is gone for another recorded proof."""

    @property
    def is_tombstone(self) -> bool:
        """Tell whether the hash is forgotten for good."""
        return self in (State.MIGRATED, State.RETIRED)


class NameClass(enum.IntEnum):
    """By which kind of name an account was found; a lower one hides the higher ones."""

    LOGIN = 1
    IDENTIFIER = 2
    LOCAL_PART = 3


@immutable
class KeptHash:
    """A hash as the store keeps it, with the recipe it is checked by."""

    source: str
    format: str
    parameters: dict[str, Any] = field(repr=False)
    hash: bytes = field(repr=False)
    salt: str | None = field(repr=False)
    username: str | None = field(repr=False)
    key_id: str | None
    """The key that it is sealed under; None where it is kept as it is."""
    login_key: str
    """Whose it is: a sealed hash opens for no other."""


@immutable
class Account:
    """An account with its hashes, as a sign-in needs it."""

    id: int
    state: State
    login_key: str
    hashes: tuple[KeptHash, ...] = field(repr=False)


@immutable
class Match:
    """An account that an import event may mean."""

    id: int
    login_key: str
    okta_id: str | None
    state: State
    verified_at: datetime | None
