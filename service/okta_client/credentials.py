"""Our credentials for Okta's API: an API token, or access tokens for a private key.

OAuth for Okta's own API takes only `private_key_jwt` (RFC 7523):
https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/
"""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from service.immutable import immutable
from service.okta.errors import NoAnswer, NoToken, refusal
from service.okta.parsing import member, text_member

# Read the private key of a service app: PEM, JWK or the path of a file, as Okta's SDK takes them. Shows none, ever.

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class BadKey(Exception):
    """OKTA_CLIENT_PRIVATEKEY is neither a private key as PEM or JWK, nor the path of a file with one."""


def read_key(given: str) -> tuple[PrivateKey, str | None]:
    """Read a private key and, from a JWK, its id. Raises `BadKey`."""
    text = given.strip()
    if not text.startswith(("{", "-----")):
        try:
            text = Path(text).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            raise BadKey from None
    try:
        if text.startswith("{"):
            jwk = jwt.PyJWK.from_json(text)
            return _private(jwk.key), jwk.key_id
        # In a variable, the ends of lines are often written as \n.
        algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
        return _private(algorithm.prepare_key(text.replace("\\n", "\n"))), None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise BadKey from None


def _private(key: object) -> PrivateKey:
    if not isinstance(key, PrivateKey):
        raise BadKey
    return key


ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE = 300
"""Seconds; Okta takes up to an hour."""
RENEW_BEFORE = 120
"""Seconds before its end at which a token is not used any more."""
SCOPES = (
    "okta.users.manage",
    "okta.groups.manage",
    "okta.inlineHooks.manage",
    "okta.eventHooks.manage",
    "okta.logs.read",
)
"""All that any command needs; OKTA_CLIENT_SCOPES names fewer where a command needs fewer (docs/okta-api.md)."""


class Credentials(Protocol):
    """Gives the Authorization header of the next call."""

    async def header(self, session: aiohttp.ClientSession) -> str:
        """Give the header's value. Raises `Refused` or `NoAnswer` where a token can't be had."""
        ...

    def renew(self, refused: str) -> bool:
        """Forget the token of a header that was refused; tell whether another one can be had."""
        ...


@immutable
class ApiToken:
    """An API token, `SSWS`."""

    value: str = field(repr=False)

    async def header(self, _session: aiohttp.ClientSession) -> str:
        """Give the header's value."""
        return f"SSWS {self.value}"

    def renew(self, _refused: str) -> bool:
        """There is only one."""
        return False


@dataclass(slots=True)
class PrivateKeyJwt:
    """A service app with a private key; fetches a token when there is none, or when it is about to end."""

    token_url: str
    client_id: str
    key: PrivateKey = field(repr=False)
    kid: str | None
    scopes: tuple[str, ...]
    _token: str | None = field(default=None, repr=False)
    _ends: float = 0.0
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def header(self, session: aiohttp.ClientSession) -> str:
        """Give the header's value."""
        async with self._fetching:  # one token for all calls that wait for one
            if self._token is None or time.monotonic() > self._ends - RENEW_BEFORE:
                await self._fetch(session)
            return f"Bearer {self._token}"

    def renew(self, refused: str) -> bool:
        """Forget the token, unless another call has brought a new one meanwhile."""
        if refused == f"Bearer {self._token}":
            self._token = None
        return True

    async def _fetch(self, session: aiohttp.ClientSession) -> None:
        status, answer = await self._ask(session)
        token, life = text_member(answer, "access_token"), member(answer, "expires_in")
        if token is None:
            raise _token_refused(status, answer)
        self._token, self._ends = token, time.monotonic() + (life if isinstance(life, int) else ASSERTION_LIFE)

    async def _ask(self, session: aiohttp.ClientSession) -> tuple[int, object]:
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(self.scopes),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }
        headers = {"Accept": "application/json"}
        try:
            async with session.post(self.token_url, data=form, headers=headers, allow_redirects=False) as response:
                answer = json.loads(await response.read())
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise NoAnswer(f"no token could be had from {self.token_url}") from None
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NoAnswer(f"no token could be had from {self.token_url} (it answered {status})")
        return status, answer

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.token_url,
            "iat": now,
            "exp": now + ASSERTION_LIFE,
            "jti": str(uuid.uuid4()),
        }
        algorithm = "RS256" if isinstance(self.key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(claims, self.key, algorithm=algorithm, headers={"kid": self.kid} if self.kid else None)


def _token_refused(status: int, answer: object) -> NoToken:
    refused = refusal(status, answer)
    return NoToken(status, refused.code, ("no access token", *refused.texts))
