"""Authentication of a call by its headers.

Okta sends a configured header unchanged; Basic is only one way to fill it. Bearer tokens are verified in `tokens`.
https://developer.okta.com/docs/concepts/inline-hooks/
"""

import base64
import binascii
import enum
import hashlib
import hmac
import secrets as random_source
from collections.abc import Callable, Sequence

from service.auth.issuer_keys import IssuerKeys
from service.auth.tokens import Expected, Keys, TokenFault, judge
from service.immutable import immutable
from service.settings import BadSettings, Settings
from service.store.encryption import HashKeys

AUTHORIZATION = b"authorization"


class CredentialFault(enum.StrEnum):
    """Why the credentials of a call are rejected."""

    MISSING = "credentials_missing"
    REPEATED = "credentials_repeated"
    MALFORMED = "credentials_malformed"
    WRONG = "credentials_wrong"


Refused = CredentialFault | TokenFault
"""Why a call is not authenticated, for any kind of credential."""


@immutable
class Accepted:
    """The credential that the call used: its kind and its position in the settings, never its value."""

    kind: str
    position: int


BASIC = Accepted("basic", 1)


class Authenticator:
    """Compares the credentials of a call with the accepted ones in constant time, using digests."""

    def __init__(
        self, *, header: str, secrets: Sequence[bytes], basic: bytes | None, tokens: "AcceptedTokens | None" = None
    ) -> None:
        # Digests under a key of this process: equal lengths for compare_digest, and no secret in memory dumps.
        self._key = random_source.token_bytes(32)
        self._header = header.lower().encode("ascii")
        self._secrets = tuple(map(self._digest, secrets))
        self._basic = None if basic is None else self._digest(base64.b64encode(basic))
        self._tokens = tokens

    def __call__(self, headers: Sequence[tuple[bytes, bytes]]) -> Accepted | Refused:
        """Authenticate a call by its raw headers."""
        secrets = _values(headers, self._header)
        authorizations = secrets if self._header == AUTHORIZATION else _values(headers, AUTHORIZATION)
        if len(secrets) > 1 or len(authorizations) > 1:
            return CredentialFault.REPEATED
        if secrets and self._secrets and (position := self._position(secrets[0])):
            return Accepted("secret", position)
        if authorizations and (judged := self._judge_authorization(authorizations[0])) is not None:
            return judged
        if not secrets and not authorizations:
            return CredentialFault.MISSING
        return CredentialFault.WRONG if secrets and self._secrets else CredentialFault.MALFORMED

    def _judge_authorization(self, authorization: bytes) -> Accepted | Refused | None:
        """Check Basic and Bearer credentials, if they are accepted; None if it is neither."""
        if self._basic is not None and (encoded := basic_credentials(authorization)) is not None:
            # A pair has only one encoding, so the right one can be compared without decoding.
            if hmac.compare_digest(self._digest(encoded), self._basic):
                return BASIC
            return CredentialFault.WRONG if is_pair(encoded) else None
        if self._tokens is not None and (token := bearer_token(authorization)) is not None:
            return self._tokens.judge(token)
        return None

    def _position(self, value: bytes) -> int:
        # Every secret is compared, so that the time does not reveal which one was nearly right.
        digest, found = self._digest(value), 0
        for position, secret in enumerate(self._secrets, 1):
            if hmac.compare_digest(digest, secret):
                found = position
        return found

    def _digest(self, value: bytes) -> bytes:
        # A keyed hash (RFC 7693), as good as an HMAC here; OpenSSL's HMAC is slow to initialise.
        return hashlib.blake2b(value, key=self._key, digest_size=32).digest()


@immutable
class AcceptedTokens:
    """Accepts bearer tokens that have the expected claims and are signed by one of the issuer's current keys."""

    expected: Expected
    keys: Callable[[], Keys]

    def judge(self, token: bytes) -> Accepted | TokenFault:
        """Verify a token; the position of an accepted one is that of its client."""
        judged = judge(token, self.keys(), self.expected)
        return judged if isinstance(judged, TokenFault) else Accepted("bearer", judged)


def _values(headers: Sequence[tuple[bytes, bytes]], lowered: bytes) -> list[bytes]:
    return [value for name, value in headers if name.lower() == lowered]


def basic_credentials(authorization: bytes) -> bytes | None:
    """Return the value after the scheme of a Basic header (RFC 7617; any case of the scheme), without spaces."""
    scheme, space, rest = authorization.partition(b" ")
    return rest.strip(b" ") if scheme.lower() == b"basic" and space else None


def is_pair(encoded: bytes) -> bool:
    """Return whether it is `user:password`, UTF-8 in strict base64 (RFC 4648, 3.5: no unused bits at the end)."""
    try:
        pair = base64.b64decode(encoded, validate=True)
        pair.decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return False
    return b":" in pair and base64.b64encode(pair) == encoded


def bearer_token(authorization: bytes) -> bytes | None:
    """Return the token of a Bearer header (RFC 6750): any case of the scheme, one space."""
    scheme, space, token = authorization.partition(b" ")
    return token if scheme.lower() == b"bearer" and space else None


# Credentials and hash keys from the settings.


def hash_keys(settings: Settings) -> HashKeys:
    """Return the keys that encrypt and decrypt stored hashes. Raises `BadSettings`."""
    keys = settings.all_hash_keys()
    if settings.require_encrypted_hashes and not keys:
        raise BadSettings("REQUIRE_ENCRYPTED_HASHES needs HASH_KEYS or HASH_KEYS_FILE")
    return HashKeys(keys, require_encrypted=settings.require_encrypted_hashes)


def issuer_keys(settings: Settings) -> IssuerKeys | None:
    """Create the cache of the issuer's keys; None if OAuth is off."""
    return None if settings.oauth_issuer is None else IssuerKeys(settings.oauth_issuer)


def inline_authenticator(settings: Settings, keys: IssuerKeys | None) -> Authenticator:
    """Create the authenticator of the inline hooks: header secrets, the pair, bearer tokens. Raises `BadSettings`."""
    return Authenticator(
        header=settings.hook_secret_header,
        secrets=settings.inline_hook_secrets(),
        basic=settings.basic_credentials(),
        tokens=_accepted_tokens(settings, keys),
    )


def event_authenticator(settings: Settings) -> Authenticator:
    """Create the authenticator of the event hook, for which Okta supports only a header. Raises `BadSettings`."""
    own = settings.has_event_secrets()
    return Authenticator(
        header=settings.hook_secret_header,
        secrets=settings.event_secrets(),
        basic=None if own else settings.basic_credentials(),
    )


def _accepted_tokens(settings: Settings, keys: IssuerKeys | None) -> AcceptedTokens | None:
    if keys is None or settings.oauth_issuer is None or settings.oauth_audience is None:
        return None
    expected = Expected(
        issuer=settings.oauth_issuer,
        audience=settings.oauth_audience,
        clients=settings.oauth_clients(),
        scope=settings.oauth_scope,
    )

    def cached_keys() -> Keys:
        return keys.keys

    return AcceptedTokens(expected, cached_keys)
