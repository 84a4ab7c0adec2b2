"""HTTP calls to our own service, as Okta would make them: single ones, with its certificate's expiry, and many."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from yarl import URL

from service.immutable import immutable
from service.os_errors import explain

WITHIN = 5.0
"""Seconds; Okta allows three, and this machine may be farther away."""


@immutable
class Probed:
    """The result of a call."""

    status: int | None = None
    answer: object = field(default=None, repr=False)
    location: str | None = None
    certificate_ends: datetime | None = None
    fault: str | None = None
    """Why there was no answer."""
    bad_certificate: bool = False


class ServiceProbe:
    """Calls a service."""

    def __init__(self, session: aiohttp.ClientSession, trust: ssl.SSLContext) -> None:
        self._session = session
        self._trust = trust

    async def call(self, url: str, headers: Mapping[str, str], payload: Mapping[str, Any] | None = None) -> Probed:
        """Post a payload, or send a GET if there is none."""
        method = "GET" if payload is None else "POST"
        try:
            async with self._session.request(
                method, URL(url), headers=dict(headers), json=payload, allow_redirects=False
            ) as response:
                answer = _json(await response.read())
            ends = await self._certificate_ends(URL(url))
            return Probed(response.status, answer, response.headers.get("Location"), ends)
        except aiohttp.ClientConnectorCertificateError as error:
            return Probed(fault=explain(error), bad_certificate=True)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return Probed(fault=explain(error), bad_certificate=isinstance(error, aiohttp.ClientSSLError))

    async def _certificate_ends(self, url: URL) -> datetime | None:
        if url.scheme != "https":
            return None
        # aiohttp releases a connection, and its certificate, with the last byte, so this opens another connection.
        async with asyncio.timeout(WITHIN):
            _, writer = await asyncio.open_connection(url.host, url.port, ssl=self._trust, server_hostname=url.host)
        certificate = writer.get_extra_info("peercert") or {}
        writer.close()
        ends = certificate.get("notAfter")
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if ends else None


@asynccontextmanager
async def open_probe(*, trust: ssl.SSLContext | None = None) -> AsyncIterator[ServiceProbe]:
    """Yield a probe with open connections."""
    timeout = aiohttp.ClientTimeout(total=WITHIN)
    trust = trust or ssl.create_default_context()
    connector = aiohttp.TCPConnector(ssl=trust, force_close=True)
    async with aiohttp.ClientSession(
        timeout=timeout, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield ServiceProbe(session, trust)


def _json(body: bytes) -> object:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body[:0].decode()


# Many calls of one hook at a high rate, over persistent connections.


class HookCaller:
    """Calls one URL with one secret. Redirects are not followed, so that the secret is sent only there."""

    def __init__(self, session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str]) -> None:
        self._session = session
        self._url = url
        self._headers = headers

    async def call(self, payload: dict[str, Any], within: float) -> tuple[int, object] | None:
        """Post a payload; return the status and the JSON, or None if no answer arrived within `within` seconds."""
        try:
            async with (
                asyncio.timeout(within),
                self._session.post(self._url, json=payload, headers=self._headers, allow_redirects=False) as response,
            ):
                return response.status, _json(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


@asynccontextmanager
async def open_caller(
    url: str, headers: Mapping[str, str], *, trust: ssl.SSLContext | None = None
) -> AsyncIterator[HookCaller]:
    """Yield a caller with open connections, whose number is not limited."""
    connector = aiohttp.TCPConnector(limit=0, ssl=trust or ssl.create_default_context())
    # Each call has its own time limit.
    timeout = aiohttp.ClientTimeout(total=None)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar) as session:
        yield HookCaller(session, URL(url), headers)
