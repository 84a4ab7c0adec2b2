"""Credentials for Okta's API: an API token, or access tokens that a private key brings. Neither is ever shown.

OAuth for Okta's own API takes only `private_key_jwt` (RFC 7523):
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
INVALID_SCOPE = "invalid_scope"
SKEW = 30.0
"""Seconds: a difference that a proof or an assertion may be refused for."""
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
OPTIONAL_SCOPES = ("okta.schemas.read",)
"""Asked for besides, unless OKTA_CLIENT_SCOPES is set; an app that was not granted them does without."""


class Credentials(Protocol):
    """Gives the headers that prove us with the next call."""

    async def headers(self, session: aiohttp.ClientSession, method: str, url: str) -> Mapping[str, str]:
        """Give the headers of one call; each is good for that call alone. Raises `Refused` or `NoAnswer`."""
        ...

    def learn(self, status: int, headers: CIMultiDictProxy[str], content: bytes) -> bool:
        """Learn from an answer; true where it refuses the proof for its nonce alone, so that another may be sent."""
        ...

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget the token of headers that were refused; tell whether another one can be had."""
        ...


@immutable
class ApiToken:
    """An API token, `SSWS`."""

    value: str = field(repr=False)

    async def headers(self, _session: aiohttp.ClientSession, _method: str, _url: str) -> Mapping[str, str]:
        """Give the headers of a call."""
        return {"Authorization": f"SSWS {self.value}"}

    def learn(self, _status: int, _headers: CIMultiDictProxy[str], _content: bytes) -> bool:
        """It has no nonce."""
        return False

    def renew(self, _refused: Mapping[str, str]) -> bool:
        """There is only one."""
        return False


@dataclass(slots=True)
class PrivateKeyJwt:
    """A service app with a private key; fetches a token when there is none, or when it is about to end.

    Where the app requires DPoP, which its first refusal tells, tokens are bound to a proof key, and every call carries
    a proof. An app that does not require it never sees one.
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
    """The token is bound to the proof key: its type is DPoP, not Bearer."""
    _ends: float = 0.0
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def headers(self, session: aiohttp.ClientSession, method: str, url: str) -> Mapping[str, str]:
        """Give the headers of a call."""
        async with self._fetching:  # one token for all calls that wait for one
            if self._token is None or time.monotonic() > self._ends - RENEW_BEFORE:
                await self._fetch(session)
            token = self._token or ""
        if not self._is_bound:
            return {"Authorization": f"Bearer {token}"}
        proof = self.proof_key.proof(method, url, token=token, nonce=self._api_nonce)
        return {"Authorization": f"DPoP {token}", PROOF_HEADER: proof}

    def learn(self, status: int, headers: CIMultiDictProxy[str], content: bytes) -> bool:
        """Take over the nonce that an answer brings."""
        self._api_nonce = nonce_of(headers) or self._api_nonce
        return self._is_bound and needs_nonce(status, headers, read_json(content))

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget the token, unless another call has brought a new one meanwhile."""
        if refused["Authorization"].partition(" ")[2] == self._token:
            self._token = None
        return True

    async def _fetch(self, session: aiohttp.ClientSession) -> None:
        status, headers, answer = await self._ask_with_proof(session)
        if text_member(answer, "error") == INVALID_SCOPE and self.optional_scopes:
            # One scope that the app was not granted refuses them all.
            self.optional_scopes = ()
            status, headers, answer = await self._ask_with_proof(session)
        token, life = text_member(answer, "access_token"), member(answer, "expires_in")
        if token is None:
            raise _token_refused(status, headers, answer, self.scopes)
        self._is_bound = (text_member(answer, "token_type") or "").lower() == "dpop"
        self._token, self._ends = token, time.monotonic() + (life if isinstance(life, int) else ASSERTION_LIFE)

    async def _ask_with_proof(self, session: aiohttp.ClientSession) -> tuple[int, CIMultiDictProxy[str], object]:
        """Ask for a token, with a proof once the app is known to require one, and once more for its nonce."""
        status, headers, answer = await self._ask(session)
        if text_member(answer, "error") in (PROOF_REFUSED, NONCE_NEEDED) and not self._requires_proofs:
            self._requires_proofs = True
            status, headers, answer = await self._ask(session)
        if self._requires_proofs and needs_nonce(status, headers, answer):
            # A fresh assertion and a fresh proof: Okta takes the id of neither twice. Once, or it could go on for ever.
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
            raise NoAnswer(f"no token could be had from {self.token_url}") from None
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NoAnswer(f"no token could be had from {self.token_url} (it answered {status})")
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
        texts.append(f"asked for: {' '.join(scopes)}; grant them to the app, or name fewer in OKTA_CLIENT_SCOPES")
    if refused.code in (PROOF_REFUSED, NONCE_NEEDED):
        return ProofRefused(status, refused.code, [*texts, SETTING, *skew_texts(headers)])
    return NoToken(status, refused.code, [*texts, *skew_texts(headers)])


def skew_texts(headers: Mapping[str, str]) -> list[str]:
    """Say how far this machine's clock is from Okta's, where that is why a proof or an assertion is refused."""
    ahead = clock_ahead(read_date(headers.get("Date")))
    if ahead is None or abs(ahead) < SKEW:
        return []
    return [f"this machine's clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} Okta's: set it by NTP"]


def read_date(text: str | None) -> datetime | None:
    """Read a `Date` header; None where there is none, or no date."""
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def clock_ahead(at: datetime | None) -> float | None:
    """How many seconds Okta's clock is ahead of ours; None where it did not say."""
    return None if at is None else at.timestamp() - time.time()


def read_json(content: bytes) -> object:
    """Read a body; None where it is no JSON."""
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
