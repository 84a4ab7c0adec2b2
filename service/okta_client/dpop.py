"""DPoP proofs (RFC 9449), which show with every call that the sender holds the key of its access token.

Okta requires them if "Require Demonstrating Proof of Possession (DPoP) header in token requests" is on, the default
of API Services apps: https://developer.okta.com/docs/guides/dpop/nonoktaresourceserver/main/

PyJWT signs the proofs; the DPoP libraries on the package index are only thin layers over it.
"""

import base64
import hashlib
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from multidict import CIMultiDictProxy

from service.okta.parsing import text_member

PROOF_HEADER = "DPoP"
NONCE_HEADER = "DPoP-Nonce"
NONCE_NEEDED = "use_dpop_nonce"
PROOF_REFUSED = "invalid_dpop_proof"
ALGORITHM = "ES256"
SETTING = (
    'the app\'s setting "Require Demonstrating Proof of Possession (DPoP) header in token requests"'
    " (General > General Settings) requires these proofs"
)
"""The setting to check if a proof is rejected."""


@dataclass(slots=True)
class ProofKey:
    """A key used only for proofs, generated at start and never stored. The client's own key authenticates the app."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False)
    clock: Callable[[], float] = time.time

    def proof(self, method: str, url: str, *, token: str | None = None, nonce: str | None = None) -> str:
        """Return a proof for one request; `token` is the access token sent with it (RFC 9449, 4.2)."""
        claims: dict[str, object] = {
            "jti": str(uuid.uuid4()),
            "htm": method,
            "htu": without_query(url),
            "iat": int(self.clock()),
        }
        claims |= {"ath": token_hash(token)} if token is not None else {}
        claims |= {"nonce": nonce} if nonce is not None else {}
        return jwt.encode(claims, self.key, algorithm=ALGORITHM, headers={"typ": "dpop+jwt", "jwk": self._public()})

    def _public(self) -> dict[str, object]:
        jwk: dict[str, object] = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {name: jwk[name] for name in ("kty", "crv", "x", "y")}


def without_query(url: str) -> str:
    """Return a URL in the form of `htu`: without query and fragment."""
    return url.partition("#")[0].partition("?")[0]


def token_hash(token: str) -> str:
    """Return an access token's `ath`: base64url of its SHA-256."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode("ascii")).digest()).rstrip(b"=").decode()


def needs_nonce(status: int, headers: CIMultiDictProxy[str], answer: object = None) -> bool:
    """Return whether an answer rejects a proof for lack of a (fresh) nonce and provides one (RFC 9449, 8 and 9)."""
    if status not in (400, 401) or NONCE_HEADER not in headers:
        return False
    return text_member(answer, "error") == NONCE_NEEDED or NONCE_NEEDED in challenge(headers)


def challenge(headers: CIMultiDictProxy[str]) -> str:
    """Return the DPoP challenges of an answer's `WWW-Authenticate`; empty if there are none."""
    found = headers.getall("WWW-Authenticate", [])
    return " ".join(each for each in found if each.lower().startswith("dpop"))


def nonce_of(headers: Mapping[str, str]) -> str | None:
    """Return the nonce that an answer provides for the next proof."""
    return headers.get(NONCE_HEADER)
