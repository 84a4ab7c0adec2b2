"""The public keys of the token issuer: fetched before traffic, cached, and refreshed in the background.

They are found by the authorization server's metadata (RFC 8414, at Okta's location: after the issuer's path), then its
JWK set. Keys rotate about four times a year, and in emergencies without notice, so none is pinned:
https://developer.okta.com/docs/concepts/key-rotation/
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import aiohttp
import structlog
from yarl import URL

from service.auth.tokens import Keys, read_keys
from service.background import in_background
from service.telemetry import describe

log = structlog.get_logger()

METADATA = "/.well-known/oauth-authorization-server"
FETCH_WITHIN = 5.0
"""Seconds for the metadata and the keys together."""
WAIT_WITHIN = 1.0
"""Seconds that a call with an unknown key waits for the keys; Okta's three would run out otherwise."""
REFRESH_SOONEST, REFRESH_LATEST = 60.0, 3600.0
"""Seconds between refreshes, regardless of Cache-Control: Okta states two months and may still rotate at any time."""
REFETCH_AFTER = 5.0
"""Seconds: keys younger than this are not fetched again for an unknown key, however many tokens name one."""
RETRY_EVERY = 10.0
"""Seconds between attempts while the keys cannot be fetched."""
TRUST_FOR = 24 * 3600.0
"""Seconds for which keys that cannot be refreshed are trusted, which bounds an emergency rotation."""
MAX_DOCUMENT = 256 * 1024
"""Maximum bytes of the metadata, and of the keys."""
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])")


class IssuerUnreachable(Exception):
    """The issuer's keys cannot be fetched, so no token can be verified."""


class BadIssuer(Exception):
    """The issuer's answer is not valid authorization server metadata or keys."""


class IssuerKeys:
    """The keys of one issuer. `keys` never waits; `renew` waits for a limited time."""

    def __init__(self, issuer: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys: Keys = MappingProxyType({})
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._refresh_after = RETRY_EVERY
        self._fetching: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self.fetches = 0
        """Number of fetches."""

    @property
    def keys(self) -> Keys:
        """Return the cached keys: empty if none were fetched or they are too old to be trusted."""
        return self._keys if self.are_known else {}

    @property
    def are_known(self) -> bool:
        """Return whether there are keys to verify with."""
        return self._fetched_at is not None and self._clock() - self._fetched_at < TRUST_FOR

    async def open(self) -> None:
        """Fetch the keys before traffic arrives, and keep them fresh from now on."""
        try:
            await self._fetch_once()
        except IssuerUnreachable:
            log.warning("issuer_unreachable")
        self._refreshing = in_background(self._keep_fresh())

    async def close(self) -> None:
        """Stop the background work."""
        for task in (self._refreshing, self._fetching):
            if task is not None:
                task.cancel()

    async def renew(self) -> None:
        """Ensure that the keys are recent, because a token names an unknown one.

        Raises `IssuerUnreachable` if that cannot be confirmed in time: the token may be valid.
        """
        if self._is_recent(self._fetched_at):
            return
        if self._is_recent(self._tried_at) and self._fetching is None:
            raise IssuerUnreachable
        try:
            async with asyncio.timeout(WAIT_WITHIN):
                await self._fetch_once()
        except TimeoutError:
            raise IssuerUnreachable from None

    def _is_recent(self, moment: float | None) -> bool:
        return moment is not None and self._clock() - moment < REFETCH_AFTER

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_after)
            try:
                await self._fetch_once()
            except IssuerUnreachable:
                log.warning("issuer_unreachable")

    async def _fetch_once(self) -> None:
        """Fetch, or wait for the fetch in progress; a caller that is cancelled does not cancel it."""
        if self._fetching is None:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        await asyncio.shield(self._fetching)

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # retrieved: the waiting callers got it

    async def _fetch(self) -> None:
        self.fetches += 1
        began = self._clock()
        try:
            keys, max_age = await fetch_keys(self._issuer)
        except (aiohttp.ClientError, OSError, ValueError, RecursionError, TimeoutError, BadIssuer) as error:
            self._refresh_after = RETRY_EVERY
            log.warning("issuer_keys_failed", **describe(error))
            raise IssuerUnreachable from None
        self._keys, self._fetched_at = MappingProxyType(keys), began
        self._refresh_after = min(max(max_age, REFRESH_SOONEST), REFRESH_LATEST)
        log.info("issuer_keys", count=len(keys), seconds=round(self._refresh_after))


async def fetch_keys(issuer: str) -> tuple[Keys, float]:
    """Fetch the keys of an issuer and the seconds they may be cached. Raises `BadIssuer` or HTTP errors."""
    timeout = aiohttp.ClientTimeout(total=FETCH_WITHIN)
    async with (
        asyncio.timeout(FETCH_WITHIN),
        aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        metadata, _ = await _get(session, URL(issuer.rstrip("/") + METADATA))
        if metadata.get("issuer") != issuer:
            raise BadIssuer("the metadata belong to another issuer")
        jwks, headers = await _get(session, _keys_url(metadata, URL(issuer)))
    keys = read_keys(jwks)
    if not keys:
        raise BadIssuer("no key that can sign")
    return keys, _max_age(headers)


async def _get(session: aiohttp.ClientSession, url: URL) -> tuple[dict[str, object], Mapping[str, str]]:
    # A redirect could lead to a place where others can publish keys.
    async with session.get(url, allow_redirects=False, raise_for_status=False) as response:
        if response.status != 200:  # noqa: PLR2004 (HTTP OK)
            raise BadIssuer(f"status {response.status}")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_DOCUMENT:
                raise BadIssuer("the document is too large")
        document = json.loads(bytes(body))
    if not isinstance(document, dict):
        raise BadIssuer("the document is not a JSON object")
    return document, response.headers


def _keys_url(metadata: Mapping[str, object], issuer: URL) -> URL:
    url = URL(str(metadata.get("jwks_uri", "")))
    if not url.host or url.scheme not in ("https", issuer.scheme):
        raise BadIssuer("the URL of the keys is invalid or less secure than the issuer's")
    return url


def _max_age(headers: Mapping[str, str]) -> float:
    found = _MAX_AGE.search(headers.get("Cache-Control", "").lower())
    return float(found[1]) if found else REFRESH_SOONEST
