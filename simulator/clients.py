"""The org's OAuth clients, its keys, and the tokens that it issues."""

import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from simulator.channel import JsonObject
from simulator.ids import Ids

TOKEN_LIFE = 3600
"""Lifetime of an access token in seconds."""
AUDIENCE = "api://default"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Client:
    """An API services app: authenticates with a secret or a key of its own, and may have these scopes."""

    id: str
    scopes: frozenset[str]
    secret: str | None = field(default=None, repr=False)
    public_key: rsa.RSAPublicKey | None = field(default=None, repr=False)
    dpop: bool = False
    """"Require Demonstrating Proof of Possession (DPoP) header in token requests"."""


@dataclass(frozen=True)
class Key:
    """An RSA key with its id."""

    kid: str
    private: rsa.RSAPrivateKey = field(repr=False)

    def public_jwk(self) -> JsonObject:
        """Return the public half as a JWK (RFC 7517)."""
        members: JsonObject = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        members.pop("key_ops", None)
        return members | {"alg": "RS256", "kid": self.kid, "use": "sig"}


class AuthorizationServer:
    """The custom authorization server `default`: its tokens can be validated, those of the org itself are opaque."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._keys: list[Key] = []
        self.published: list[Key] = []

    @property
    def key(self) -> Key:
        """The current signing key."""
        if not self._keys:
            self.rotate()
        return self._keys[-1]

    def rotate(self, *, keep_old: bool = True) -> Key:
        """Sign with a new key. In an emergency the old ones are withdrawn at once."""
        key = make_key(self._ids)
        self._keys.append(key)
        self.published = [*self.published, key] if keep_old else [key]
        return key

    def jwks(self) -> JsonObject:
        """Return the published keys."""
        return {"keys": [key.public_jwk() for key in self.published or [self.key]]}

    def issue(self, issuer: str, client: str, scopes: list[str], **claims: Any) -> str:
        """Issue an access token of the client credentials grant; `claims` replace the default ones."""
        now = int(time.time())
        said = {"ver": 1, "jti": f"AT.{self._ids.token(43)}", "iss": issuer, "aud": AUDIENCE, "iat": now}
        said |= {"exp": now + TOKEN_LIFE, "cid": client, "scp": scopes, "sub": client}
        return jwt.encode(said | claims, self.key.private, algorithm="RS256", headers={"kid": self.key.kid})


def make_key(ids: Ids) -> Key:
    """Create an RSA key. The key is really random; only its id is derived from the seed."""
    return Key(ids.token(43), rsa.generate_private_key(public_exponent=65537, key_size=2048))


def sign_assertion(key: Key, client_id: str, audience: str) -> str:
    """Return the client assertion of `private_key_jwt` (RFC 7523)."""
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + 300}
    return jwt.encode(claims | {"jti": f"{now}-{client_id}"}, key.private, algorithm="RS256", headers={"kid": key.kid})


def assertion_fault(client: Client, assertion: str, audience: str) -> str | None:
    """Return the fault of a client assertion; None if it is valid."""
    if client.public_key is None:
        return "The client has no key."
    try:
        jwt.decode(
            assertion,
            client.public_key,
            algorithms=["RS256"],
            audience=audience,
            issuer=client.id,
            options={"require": ["exp", "iss", "sub", "aud"]},
        )
    except jwt.InvalidTokenError as invalid:
        return f"The client_assertion is invalid: {invalid}"
    return None
