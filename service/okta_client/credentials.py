"""Credentials for Okta's API: an API token, or access tokens fetched with a private key. Neither is ever shown.

OAuth for Okta's own API supports only `private_key_jwt` (RFC 7523):
https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/
"""

import asyncio
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from multidict import CIMultiDictProxy

from service.immutable import immutable
from service.okta.errors import NoAnswer, NoToken, ProofRefused, refusal
from service.okta.parsing import member, text_member
from service.okta_client.dpop import (
    NONCE_NEEDED,
    PROOF_HEADER,
    PROOF_REFUSED,
    SETTING,
    ProofKey,
    needs_nonce,
    nonce_of,
)

# Reading a service app's private key: PEM, JWK or the path of a file, as Okta's SDK accepts. Never shows the key.

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class BadKey(Exception):
    """OKTA_CLIENT_PRIVATEKEY is neither a private key (PEM or JWK) nor the path of a file with one."""


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
        # In environment variables, line ends are often written as \n.
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
"""Seconds; Okta accepts up to an hour."""
INVALID_SCOPE = "invalid_scope"
SKEW = 30.0
"""Seconds of clock difference for which Okta may reject a proof or an assertion."""
RENEW_BEFORE = 120
"""A token is replaced this many seconds before it expires."""
SCOPES = (
    "okta.users.manage",
    "okta.groups.manage",
    "okta.inlineHooks.manage",
    "okta.eventHooks.manage",
    "okta.logs.read",
)
"""The scopes that the commands need; OKTA_CLIENT_SCOPES can request fewer for a command (docs/okta-api.md)."""
OPTIONAL_SCOPES = ("okta.schemas.read",)
"""Requested in addition unless OKTA_CLIENT_SCOPES is set; dropped if the app was not granted them."""


class Credentials(Protocol):
    """Returns the headers that authenticate the next call."""

    async def headers(self, session: aiohttp.ClientSession, method: str, url: str) -> Mapping[str, str]:
        """Return the headers of one call; they are valid for that call only. Raises `Refused` or `NoAnswer`."""
        ...

    def learn(self, status: int, headers: CIMultiDictProxy[str], content: bytes) -> bool:
        """Process an answer; return whether it rejects only the proof's nonce, so that the call may be repeated."""
        ...

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Discard the token of rejected headers; return whether a new one can be fetched."""
        ...


@immutable
class ApiToken:
    """An API token, `SSWS`."""

    value: str = field(repr=False)

    async def headers(self, _session: aiohttp.ClientSession, _method: str, _url: str) -> Mapping[str, str]:
        """Return the headers of a call."""
        return {"Authorization": f"SSWS {self.value}"}

    def learn(self, _status: int, _headers: CIMultiDictProxy[str], _content: bytes) -> bool:
        """Return False: API tokens have no nonce."""
        return False

    def renew(self, _refused: Mapping[str, str]) -> bool:
        """Return False: there is only one token."""
        return False


@dataclass(slots=True)
class PrivateKeyJwt:
    """A service app with a private key; fetches a token when there is none, or when it is about to expire.

    If the app requires DPoP, as its first rejection shows, tokens are bound to a proof key, and every call has a proof.
    Otherwise no proofs are sent.
    """

    token_url: str
    client_id: str
    key: PrivateKey = field(repr=False)
    kid: str | None
    scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...] = ()
    proof_key: ProofKey = field(default_factory=ProofKey, repr=False)
    _requires_proofs: bool = False
    _token_nonce: str | None = field(default=None, repr=False)
    _api_nonce: str | None = field(default=None, repr=False)
    _token: str | None = field(default=None, repr=False)
    _is_bound: bool = False
    """Whether the token is bound to the proof key: its type is DPoP, not Bearer."""
    _ends: float = 0.0
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def headers(self, session: aiohttp.ClientSession, method: str, url: str) -> Mapping[str, str]:
        """Return the headers of a call."""
        async with self._fetching:  # one fetch for all calls that wait for a token
            if self._token is None or time.monotonic() > self._ends - RENEW_BEFORE:
                await self._fetch(session)
            token = self._token or ""
        if not self._is_bound:
            return {"Authorization": f"Bearer {token}"}
        proof = self.proof_key.proof(method, url, token=token, nonce=self._api_nonce)
        return {"Authorization": f"DPoP {token}", PROOF_HEADER: proof}

    def learn(self, status: int, headers: CIMultiDictProxy[str], content: bytes) -> bool:
        """Store the nonce of an answer."""
        self._api_nonce = nonce_of(headers) or self._api_nonce
        return self._is_bound and needs_nonce(status, headers, read_json(content))

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Discard the token, unless another call has fetched a new one meanwhile."""
        if refused["Authorization"].partition(" ")[2] == self._token:
            self._token = None
        return True

    async def _fetch(self, session: aiohttp.ClientSession) -> None:
        status, headers, answer = await self._ask_with_proof(session)
        if text_member(answer, "error") == INVALID_SCOPE and self.optional_scopes:
            # Okta rejects the whole request if one scope was not granted.
            self.optional_scopes = ()
            status, headers, answer = await self._ask_with_proof(session)
        token, life = text_member(answer, "access_token"), member(answer, "expires_in")
        if token is None:
            raise _token_refused(status, headers, answer, self.scopes)
        self._is_bound = (text_member(answer, "token_type") or "").lower() == "dpop"
        self._token, self._ends = token, time.monotonic() + (life if isinstance(life, int) else ASSERTION_LIFE)

    async def _ask_with_proof(self, session: aiohttp.ClientSession) -> tuple[int, CIMultiDictProxy[str], object]:
        """Request a token, with a proof if the app is known to require one, and once more if a nonce is needed."""
        status, headers, answer = await self._ask(session)
        if text_member(answer, "error") in (PROOF_REFUSED, NONCE_NEEDED) and not self._requires_proofs:
            self._requires_proofs = True
            status, headers, answer = await self._ask(session)
        if self._requires_proofs and needs_nonce(status, headers, answer):
            # A new assertion and a new proof: Okta accepts each id once. Repeated only once, to avoid a loop.
            status, headers, answer = await self._ask(session)
        return status, headers, answer

    async def _ask(self, session: aiohttp.ClientSession) -> tuple[int, CIMultiDictProxy[str], object]:
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(self.scopes + self.optional_scopes),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }
        headers = {"Accept": "application/json"}
        if self._requires_proofs:
            headers[PROOF_HEADER] = self.proof_key.proof("POST", self.token_url, nonce=self._token_nonce)
        try:
            async with session.post(self.token_url, data=form, headers=headers, allow_redirects=False) as response:
                answer = json.loads(await response.read())
                status, answered = response.status, response.headers
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise NoAnswer(f"no token could be fetched from {self.token_url}") from None
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NoAnswer(f"no token could be fetched from {self.token_url} (status {status})")
        self._token_nonce = nonce_of(answered) or self._token_nonce
        return status, answered, answer

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


def _token_refused(status: int, headers: CIMultiDictProxy[str], answer: object, scopes: Sequence[str]) -> NoToken:
    refused = refusal(status, answer)
    texts = ["no access token", *refused.texts]
    if refused.code == INVALID_SCOPE:
        texts.append(f"requested: {' '.join(scopes)}; grant them to the app, or name fewer in OKTA_CLIENT_SCOPES")
    if refused.code in (PROOF_REFUSED, NONCE_NEEDED):
        return ProofRefused(status, refused.code, [*texts, SETTING, *skew_texts(headers)])
    return NoToken(status, refused.code, [*texts, *skew_texts(headers)])


def skew_texts(headers: Mapping[str, str]) -> list[str]:
    """Return the difference between this machine's clock and Okta's, if it is large enough to explain a rejection."""
    ahead = clock_ahead(read_date(headers.get("Date")))
    if ahead is None or abs(ahead) < SKEW:
        return []
    return [f"this machine's clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} Okta's: set it by NTP"]


def read_date(text: str | None) -> datetime | None:
    """Parse a `Date` header; return None if it is missing or invalid."""
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def clock_ahead(at: datetime | None) -> float | None:
    """Return how many seconds Okta's clock is ahead of ours; None if unknown."""
    return None if at is None else at.timestamp() - time.time()


def read_json(content: bytes) -> object:
    """Parse a body; return None if it is not JSON."""
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
