"""Accounts and stored hashes as values, and the normalisation of logins."""

import enum
import unicodedata
from dataclasses import field
from datetime import datetime
from typing import Any

from service.immutable import immutable

# Login normalisation: case and diacritics.
#
# Okta holds logins to be the same that differ only in case or diacritics, and lets nobody choose another rule.
# https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/ (profile.login)

LOGIN_KEY_RULE = 1
"""Stored beside the keys: a changed rule needs a migration that makes every key anew."""

MAX_NAME = 1024
"""Bytes in UTF-8. Okta's logins end at 100 characters, and a row of an index must stay under 2,704 bytes."""


def login_key(name: str) -> str:
    """Make the key under which all spellings of a name meet: case and diacritics removed (rule 1)."""
    if name.isascii():
        return name.lower()
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
    plain = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    return unicodedata.normalize("NFC", plain)


def is_too_long(name: str) -> bool:
    """Return whether a name may be longer than an index can hold."""
    return len(name.encode("utf-8", "surrogatepass")) > MAX_NAME


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
        """Return whether the hash is forgotten for good."""
        return self in (State.MIGRATED, State.RETIRED)


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
    """The id of the key that encrypts it; None if it is stored as it is."""
    login_key: str
    """The login key that an encrypted hash is bound to."""


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
    okta_login_key: str | None = None
    superseded: bool = False
    """Another account has the login by now, and this one's user was not read since."""

    @property
    def current_key(self) -> str | None:
        """The key of the login by which Okta knows the account; None if that is not known."""
        return None if self.superseded else self.okta_login_key or self.login_key
