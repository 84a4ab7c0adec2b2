"""One call of Okta's API: sent when its turn comes, tried again where that is safe. Knows no endpoint.

After a 429 a call is always sent again, because nothing was done; after a lost answer or a 5xx only where doing it
twice does no harm. What else to do about a lost answer only the caller knows.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from service.okta.faults import NoAnswer, ReadOnly
from service.okta_client.answer import Answer, read_answer
from service.okta_client.credentials import Credentials
from service.okta_client.rate_limits import RateLimits, bucket_of

TRIES = 6
"""How often a call is sent that may be sent again, where no answer comes."""
LONGEST_WAIT = 60.0
"""Seconds between tries while Okta is in read-only mode."""
Progress = Callable[[str], None]


class Calls:
    """Sends calls to one org."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credentials: Credentials,
        limits: RateLimits,
        *,
        wait_out_read_only: bool = False,
        progress: Progress = lambda _text: None,
    ) -> None:
        self.limits = limits
        self._session = session
        self._credentials = credentials
        self._wait_out = wait_out_read_only
        self._told = progress

    async def send(
        self, method: str, url: str | URL, body: Mapping[str, Any] | None = None, *, again: bool | None = None
    ) -> Answer:
        """Send a call; `again` says whether it may be sent twice (by default only a GET). Raises `OktaFault`."""
        again = method == "GET" if again is None else again
        lost, read_only = 0, 0
        while True:
            try:
                return await self._send_once(method, URL(url, encoded=True), body)
            except NoAnswer:
                lost += 1
                if not again or lost == TRIES:
                    raise
                await asyncio.sleep(min(10.0, 0.25 * 2**lost) * _spread())
            except ReadOnly:
                if not self._wait_out:
                    raise
                read_only += 1
                self._told("Okta is in read-only mode; waiting until it ends")
                await asyncio.sleep(min(LONGEST_WAIT, 0.5 * 2**read_only) * _spread())

    async def _send_once(self, method: str, url: URL, body: Mapping[str, Any] | None) -> Answer:
        bucket = bucket_of(method, url.path)
        renewed = False
        while True:
            async with self.limits.turn(bucket):
                authorization = await self._credentials.header(self._session)
                status, headers, content = await self._exchange(bucket, method, url, body, authorization)
                self.limits.take_in(bucket, headers, refused=status == HTTPStatus.TOO_MANY_REQUESTS)
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                continue
            if status == HTTPStatus.UNAUTHORIZED and not renewed and self._credentials.renew(authorization):
                renewed = True  # once: an app may be refused with every token
                continue
            return read_answer(status, headers, content)

    async def _exchange(
        self, bucket: str, method: str, url: URL, body: Mapping[str, Any] | None, authorization: str
    ) -> tuple[int, CIMultiDictProxy[str], bytes]:
        headers = {"Authorization": authorization, "Accept": "application/json"}
        try:
            # A redirect would carry the token elsewhere.
            async with self._session.request(
                method, url, json=body, headers=headers, allow_redirects=False
            ) as response:
                return response.status, response.headers, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.limits.lost(bucket)
            raise NoAnswer(f"no answer from {url.host} ({type(error).__name__})") from None


def _spread() -> float:
    return random.uniform(0.5, 1.0)  # noqa: S311 (spreads retries, guards nothing)
