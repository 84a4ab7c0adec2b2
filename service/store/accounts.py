"""Accounts and stored hashes as values, and the normalisation of logins."""

import enum
import hashlib
import hmac
import unicodedata
from dataclasses import field
from datetime import datetime
from typing import Any

from service.immutable import immutable

# Login normalisation: case and diacritics.
#
# Okta treats logins that differ only in case or diacritics as equal, and this rule cannot be changed.
# https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/ (profile.login)

LOGIN_KEY_RULE = 1
"""Stored with the keys: a changed rule needs a migration that recomputes every key."""

MAX_NAME = 1024
"""Bytes in UTF-8. Okta's logins have at most 100 characters, and an index row must stay under 2,704 bytes."""


def login_key(name: str) -> str:
    """Return the key that all spellings of a name share: case and diacritics removed (rule 1)."""
    if name.isascii():
        return name.lower()
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
    plain = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    return unicodedata.normalize("NFC", plain)


NAME_DIGEST = 32
"""Bytes of the digest of a name."""


def name_digest(key: bytes, name_key: str) -> bytes:
    """Return the digest that is stored for a name, from the name's key."""
    return hmac.digest(key, name_key.encode("utf-8", "surrogatepass"), hashlib.sha256)


def is_too_long(name: str) -> bool:
    """Return whether a name may be longer than an index row can hold."""
    return len(name.encode("utf-8", "surrogatepass")) > MAX_NAME


class State(enum.StrEnum):
    """The migration state of an account."""

    UNARMED = "unarmed"
    """Loaded without a hash."""
    WAITING = "waiting"
    """Has a hash that no sign-in has used yet."""
    VERIFIED = "verified"
    """We answered VERIFIED, and Okta has not reported SUCCESS yet."""
    MIGRATED = "migrated"
    """Okta reported SUCCESS; the hash is deleted."""
    RETIRED = "retired"
    """The hash was deleted for another recorded proof."""

    @property
    def is_tombstone(self) -> bool:
        """Return whether the hash was deleted permanently."""
        return self in (State.MIGRATED, State.RETIRED)


@immutable
class KeptHash:
    """A hash as stored, with the recipe that checks it."""

    source: str
    format: str
    parameters: dict[str, Any] = field(repr=False)
    hash: bytes = field(repr=False)
    salt: str | None = field(repr=False)
    username: str | None = field(repr=False)
    key_id: str | None
    """The id of the key that encrypts it; None if it is not encrypted."""
    login_key: str
    """The login key that an encrypted hash is bound to."""


@immutable
class Account:
    """An account with its hashes, as needed by a sign-in."""

    id: int
    state: State
    login_key: str
    hashes: tuple[KeptHash, ...] = field(repr=False)


@immutable
class Match:
    """An account that an import event may apply to."""

    id: int
    login_key: str
    okta_id: str | None
    state: State
    verified_at: datetime | None
    okta_login_key: str | None = None
    superseded: bool = False
    """Another account has the login by now, and this one's user has not been read since."""

    @property
    def current_key(self) -> str | None:
        """The key of the login by which Okta knows the account; None if it is unknown."""
        return None if self.superseded else self.okta_login_key or self.login_key
