"""HTTP calls of one hook at a high rate, over persistent connections."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL


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


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None
