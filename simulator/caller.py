"""Calls of hooks as Okta makes them: three seconds, one retry on 5xx, timeout and connection errors, no redirects."""

import json
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp

from simulator.answers import Answer, Call, Fault
from simulator.channel import JsonObject
from simulator.ids import Clock
from simulator.transcript import Exchange, Transcript

ANSWER_LIMIT = 256 * 1024
"""Okta accepts answers under 256 KB."""


class Caller:
    """Okta's hook service. `timeout` is in seconds, for each whole attempt."""

    def __init__(
        self,
        clock: Clock,
        transcript: Transcript,
        *,
        timeout: float = 3.0,
        trust: ssl.SSLContext | bool = True,
    ) -> None:
        self.timeout = timeout
        self._clock = clock
        self._transcript = transcript
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def call(self, call: Call, authorization: Mapping[str, str], *, spent: float = 0.0) -> Answer:
        """Make a call, with one retry if Okta would retry. The first attempt has `spent` seconds less."""
        first = await self._attempt(call, call.payload, authorization, spent)
        if first.status is not None and first.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return first
        payload = call.payload
        if payload is not None and call.retry_event_id:
            payload = payload | {"eventId": call.retry_event_id()}
        second = await self._attempt(call, payload, authorization)
        return Answer(second.status, second.body, second.fault, attempts=2)

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()
            self._session = None

    def session(self) -> aiohttp.ClientSession:
        """Return the session for all outgoing calls."""
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._trust)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def _attempt(
        self, call: Call, payload: JsonObject | None, authorization: Mapping[str, str], spent: float = 0.0
    ) -> Answer:
        method = "GET" if payload is None else "POST"
        headers = _headers(call) | dict(authorization)
        data = None if payload is None else json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass")
        at, start = self._clock.now(), time.monotonic()
        answer, answer_headers = await self._send(method, call.channel.uri, headers, data, self.timeout - spent)
        secret = frozenset(name.lower() for name in (*authorization, *dict(call.channel.headers)))
        self._transcript.add(
            Exchange(
                at=at,
                kind=call.kind,
                method=method,
                url=call.channel.uri,
                headers=self._transcript.headers(headers, secret),
                body=self._transcript.body(data or b""),
                status=answer.status,
                answer_headers=self._transcript.headers(answer_headers),
                answer=self._transcript.body(answer.body),
                fault=answer.fault,
                seconds=time.monotonic() - start,
            )
        )
        return answer

    async def _send(
        self, method: str, uri: str, headers: Mapping[str, str], data: bytes | None, seconds: float
    ) -> tuple[Answer, dict[str, str]]:
        limit = aiohttp.ClientTimeout(total=max(seconds, 0.001))
        try:
            async with self.session().request(
                method, uri, headers=headers, data=data, timeout=limit, allow_redirects=False
            ) as response:
                body = await response.content.read(ANSWER_LIMIT)
                while len(body) < ANSWER_LIMIT and (more := await response.content.read(ANSWER_LIMIT - len(body))):
                    body += more
                return Answer(response.status, body), dict(response.headers)
        except TimeoutError:
            return Answer(fault=Fault.TIMEOUT), {}
        except (aiohttp.ClientError, OSError):
            return Answer(fault=Fault.CONNECTION), {}


def _headers(call: Call) -> dict[str, str]:
    # Okta's own captures differ in the user agent, so the service must ignore it.
    headers = {
        "Accept": "application/json",
        "User-Agent": f"Okta Hook Service v1.0.0 - {call.hook_id}",
        "X-Okta-Request-Id": call.request_id,
    }
    if call.payload is not None:
        headers["Content-Type"] = "application/json"
    return headers | dict(call.headers) | dict(call.channel.headers)
