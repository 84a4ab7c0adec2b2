"""Is this call Okta's? Header bytes in, a reason out. Knows the accepted secrets; reads no body and no token.

Okta sends a configured header verbatim; Basic is only one way to fill it.
https://developer.okta.com/docs/concepts/inline-hooks/
"""

import base64
import binascii
import enum
import hashlib
import hmac
import secrets as random_source
from collections.abc import Sequence
from dataclasses import dataclass, field

AUTHORIZATION = b"authorization"


class Refusal(enum.StrEnum):
    """Why a call is not taken for Okta's."""

    MISSING = "credentials_missing"
    REPEATED = "credentials_repeated"
    MALFORMED = "credentials_malformed"
    WRONG = "credentials_wrong"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Which credential the call used: its kind and its position in the settings, never its value."""

    kind: str
    position: int


class Authenticator:
    """Compares the credentials of a call with the accepted ones, in constant time, on digests of bytes."""

    def __init__(self, *, header: str, secrets: Sequence[bytes], basic: bytes | None) -> None:
        # Digests under a key of this process: equal lengths for compare_digest, and no secret kept to be dumped.
        self._key = random_source.token_bytes(32)
        self._header = header.lower().encode("ascii")
        self._secrets = tuple(map(self._digest, secrets))
        self._basic = None if basic is None else self._digest(basic)

    def __call__(self, headers: Sequence[tuple[bytes, bytes]]) -> Accepted | Refusal:
        """Judge the raw headers of a call."""
        seen = _Seen(headers, self._header)
        if seen.repeated:
            return Refusal.REPEATED
        if seen.secret is not None and (position := self._position(seen.secret)):
            return Accepted("secret", position)
        if self._basic is not None and seen.authorization is not None:
            pair = basic_pair(seen.authorization)
            if pair is not None:
                matches = hmac.compare_digest(self._digest(pair), self._basic)
                return Accepted("basic", 1) if matches else Refusal.WRONG
        if seen.secret is None and seen.authorization is None:
            return Refusal.MISSING
        if seen.secret is None or not self._secrets:
            return Refusal.MALFORMED
        return Refusal.WRONG

    def _position(self, value: bytes) -> int:
        # Every secret is compared, so that the time does not tell which one was nearly right.
        digest, found = self._digest(value), 0
        for position, secret in enumerate(self._secrets, 1):
            if hmac.compare_digest(digest, secret):
                found = position
        return found

    def _digest(self, value: bytes) -> bytes:
        return hmac.digest(self._key, value, hashlib.sha256)


@dataclass(slots=True)
class _Seen:
    headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    name: bytes
    secret: bytes | None = field(default=None, repr=False)
    authorization: bytes | None = field(default=None, repr=False)
    repeated: bool = False

    def __post_init__(self) -> None:
        for name, value in self.headers:
            lowered = name.lower()
            if lowered == self.name:
                self.repeated |= self.secret is not None
                self.secret = value
            if lowered == AUTHORIZATION:
                self.repeated |= self.authorization is not None
                self.authorization = value


def basic_pair(authorization: bytes) -> bytes | None:
    """Read `user:password` out of a Basic header (RFC 7617): any case of the scheme, strict base64, UTF-8."""
    scheme, space, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic" or not space:
        return None
    try:
        pair = base64.b64decode(encoded.strip(b" "), validate=True)
        pair.decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return pair if b":" in pair else None
