"""Verification of bearer tokens: token bytes to a position, or a fault.

Okta's inline hooks can authenticate with OAuth 2.0: a JWT of a custom authorization server, signed with RS256.
https://developer.okta.com/docs/guides/common-hook-set-up-steps/ and RFC 8725 (best practice for JWT).
"""

import enum
import math
import re
import time
from collections.abc import Mapping, Sequence

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from service.immutable import immutable
from service.okta.parsing import MalformedCall, parse_object

LEEWAY = 120
"""Seconds of allowed clock difference; Okta's own verifier allows the same."""
ALGORITHM = "RS256"
MIN_KEY = 2048
"""Minimum bits of an RSA modulus (RFC 7518, section 3.3)."""
MAX_TOKEN = 8192
"""Maximum bytes; Okta's tokens have about one kilobyte."""
MAX_KEYS = 100
"""Maximum number of keys of one issuer; Okta publishes two or three."""

# Python's decoder skips invalid characters and the unused bits of the last one, so that one signature would have
# many encodings. Here only one is accepted (RFC 4648, section 3.5).
_SHAPE = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ENDINGS = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")
"""The last characters allowed in a part, by its length modulo four; any character if that is 0."""
_HEADERS_REFUSED = frozenset({"b64", "crit", "enc", "zip"})
"""Members that change how the rest is parsed. Keys in or named by a token (`jwk`, `jku`, `x5u`) are never used."""

_JWS = jwt.PyJWS(algorithms=[ALGORITHM])

Keys = Mapping[str, RSAPublicKey]
"""The issuer's keys by their ids."""


class TokenFault(enum.StrEnum):
    """What is wrong with a token, in the order of the checks."""

    MALFORMED = "token_malformed"
    ALGORITHM = "token_algorithm"
    UNKNOWN_KEY = "token_key_unknown"
    SIGNATURE = "token_signature"
    EXPIRED = "token_expired"
    NOT_YET = "token_not_yet_valid"
    ISSUER = "token_issuer"
    AUDIENCE = "token_audience"
    CLIENT = "token_client"
    SCOPE = "token_scope"


@immutable
class Expected:
    """The claims that a token must have."""

    issuer: str
    audience: str
    clients: tuple[str, ...]
    """Accepted `cid`s; if empty, any client to which the issuer grants the scope."""
    scope: str | None


def judge(token: bytes, keys: Keys, expected: Expected) -> int | TokenFault:
    """Verify a token: return the position of its client among those accepted (1 if any is), or the fault."""
    if len(token) > MAX_TOKEN or not _is_canonical(token):
        return TokenFault.MALFORMED
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        return TokenFault.MALFORMED
    if header.get("alg") != ALGORITHM or _HEADERS_REFUSED.intersection(header):
        return TokenFault.ALGORITHM
    kid = header.get("kid")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        return TokenFault.UNKNOWN_KEY
    claims = _verified(token, key)
    return claims if isinstance(claims, TokenFault) else _judge_claims(claims, expected, time.time())


def _is_canonical(token: bytes) -> bool:
    if _SHAPE.fullmatch(token) is None:
        return False
    return all(len(part) % 4 == 0 or part[-1] in _ENDINGS[len(part) % 4] for part in token.split(b"."))


def read_keys(jwks: object) -> dict[str, RSAPublicKey]:
    """Return the keys of a JWK set (RFC 7517) that may sign with RS256; others are skipped."""
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    keys = {}
    for jwk in (listed if isinstance(listed, list) else [])[:MAX_KEYS]:
        key = _read_key(jwk)
        if key is not None:
            keys[str(jwk["kid"])] = key
    return keys


def _read_key(jwk: object) -> RSAPublicKey | None:
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str) or jwk.get("kty") != "RSA":
        return None
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", ALGORITHM) != ALGORITHM:
        return None
    try:
        key = jwt.PyJWK({"kty": "RSA", "n": jwk.get("n"), "e": jwk.get("e")}, algorithm=ALGORITHM).key
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= MIN_KEY else None


def _verified(token: bytes, key: RSAPublicKey) -> dict[str, object] | TokenFault:
    try:
        # The signature alone: the claims are checked below, each with its own fault.
        return parse_object(_JWS.decode(token, key, algorithms=[ALGORITHM]))
    except jwt.InvalidSignatureError:
        return TokenFault.SIGNATURE
    except (jwt.PyJWTError, MalformedCall, ValueError, TypeError, RecursionError):
        return TokenFault.MALFORMED


def _judge_claims(claims: Mapping[str, object], expected: Expected, now: float) -> int | TokenFault:
    client, scopes = claims.get("cid"), claims.get("scp")
    conditions = {
        # A missing or unreadable `exp` counts as expired, such an `nbf` as not reached.
        TokenFault.EXPIRED: _seconds(claims.get("exp"), -math.inf) + LEEWAY > now,
        TokenFault.NOT_YET: _seconds(claims.get("nbf", 0), math.inf) - LEEWAY <= now,
        TokenFault.ISSUER: claims.get("iss") == expected.issuer,
        TokenFault.AUDIENCE: expected.audience in _texts(claims.get("aud")),
        TokenFault.CLIENT: not expected.clients or client in expected.clients,
        # A list, as Okta sends it: in a string of scopes, one name may be a substring of another.
        TokenFault.SCOPE: expected.scope is None or (isinstance(scopes, list) and expected.scope in scopes),
    }
    position = expected.clients.index(str(client)) + 1 if client in expected.clients else 1
    return next((fault for fault, holds in conditions.items() if not holds), position)


def _seconds(value: object, otherwise: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number and isinstance(value, int | float) else otherwise


def _texts(value: object) -> Sequence[object]:
    if isinstance(value, str):
        return [value]
    return value if isinstance(value, list) else []
