"""Verification of DPoP proofs as in an org's token endpoint and API (RFC 9449, 4.3)."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field

import jwt

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
"""`dpop_signing_alg_values_supported` of Okta's metadata."""
LEEWAY = 300
"""Seconds of allowed difference of a proof's clock."""
THUMBPRINT_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}


class BadProof(Exception):
    """A proof is rejected; the message gives the reason. `nonce` is set if a proof with it would be accepted."""

    def __init__(self, reason: str, nonce: str | None = None) -> None:
        super().__init__(reason)
        self.nonce = nonce


@dataclass
class Nonces:
    """The nonces of one server: the current one, and the previous one."""

    current: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    before: str = ""

    def rotate(self) -> None:
        """Create a new one; the previous one stays valid."""
        self.before, self.current = self.current, secrets.token_urlsafe(24)

    def expire(self) -> None:
        """Create a new one; no earlier one is valid."""
        self.before, self.current = "", secrets.token_urlsafe(24)


@dataclass
class ProofVerifier:
    """Verifies the proofs of one server."""

    nonces: Nonces = field(default_factory=Nonces)
    clock_ahead: float = 0.0
    """Seconds that the server's clock is ahead of this machine's."""
    _used: set[str] = field(default_factory=set)

    def verify(self, proofs: list[str], method: str, url: str, *, token: str | None = None) -> str:
        """Verify the single proof of a request; return the thumbprint of its key. Raises `BadProof`."""
        if not proofs:
            raise BadProof("The DPoP proof JWT header is missing.")
        if len(proofs) > 1:
            raise BadProof("There is more than one DPoP proof.")
        jwk, claims = read_proof(proofs[0])
        self._check(claims, method, url, token)
        if claims.get("nonce") not in {self.nonces.current, self.nonces.before} - {""}:
            raise BadProof("Authorization server requires nonce in DPoP proof.", self.nonces.current)
        self._used.add(str(claims["jti"]))
        return thumbprint(jwk)

    def _check(self, claims: dict[str, object], method: str, url: str, token: str | None) -> None:
        if claims.get("htm") != method or claims.get("htu") != url.partition("?")[0]:
            raise BadProof("'htm' or 'htu' of the DPoP proof does not match the request.")
        issued = claims.get("iat")
        if not isinstance(issued, int) or abs(time.time() + self.clock_ahead - issued) > LEEWAY:
            raise BadProof("The DPoP proof JWT is issued in the future or is expired.")
        if not claims.get("jti") or claims["jti"] in self._used:
            raise BadProof("The DPoP proof JWT has no 'jti', or it was used before.")
        if token is not None and not hmac.compare_digest(str(claims.get("ath")), token_hash(token)):
            raise BadProof("'ath' of the DPoP proof is not the access token's.")


def read_proof(proof: str) -> tuple[dict[str, str], dict[str, object]]:
    """Parse a proof and verify its signature; return its key and its claims. Raises `BadProof`."""
    try:
        header = jwt.get_unverified_header(proof)
        jwk = header["jwk"]
        if header.get("typ") != "dpop+jwt" or header["alg"] not in ALGORITHMS or "d" in jwk:
            raise BadProof("The DPoP proof JWT has another type or algorithm, or a private key.")
        key = jwt.PyJWK(jwk, algorithm=header["alg"]).key
        claims = jwt.decode(proof, key, algorithms=[header["alg"]], options={"verify_iat": False, "verify_exp": False})
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        raise BadProof("The DPoP proof JWT can't be read, or its signature is wrong.") from None
    return jwk, claims


def token_hash(token: str) -> str:
    """Return the `ath` of an access token (RFC 9449, 4.2)."""
    return _base64url(hashlib.sha256(token.encode()).digest())


def thumbprint(jwk: dict[str, str]) -> str:
    """Return a key's thumbprint by SHA-256 (RFC 7638, 3)."""
    members = {name: jwk[name] for name in THUMBPRINT_MEMBERS[jwk["kty"]]}
    return _base64url(hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
