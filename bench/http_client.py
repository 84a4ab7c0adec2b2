"""A minimal HTTP client that can load a server on the same two cores: one call at a time over a persistent connection.

It parses a status line, `Content-Length` and a body, which is all that the measured servers send.
"""

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import cast

USER, PASSWORD = "okta", "measured-by-bench"
PATH = "/okta/password-import"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the server."""

    status: int
    body: bytes

    @property
    def verified(self) -> bool:
        """Return whether the verdict was VERIFIED."""
        return self.status == 200 and b'"VERIFIED"' in self.body  # noqa: PLR2004 (OK)


class Connection(asyncio.Protocol):
    """A connection; opened by `connect`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._received = b""
        self._length = -1

    @property
    def is_open(self) -> bool:
        """Return whether another call may be made over it."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer. Raises `ConnectionError`."""
        if self._transport is None:
            raise ConnectionResetError
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiter

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the waiting call."""
        self._transport = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        """Assemble the answer."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        if self._length < 0:
            _, found, rest = head.lower().partition(b"content-length:")
            self._length = int(rest.partition(b"\r")[0]) if found else 0
        if len(body) >= self._length:
            answer = Answer(int(head[9:12]), body)
            self._received, self._length = b"", -1
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(answer)


async def connect(port: int) -> Connection:
    """Open a connection to a server on this machine. Raises `OSError`."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


def post(path: str, body: bytes) -> bytes:
    """Return a call in the form in which Okta makes it."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nAuthorization: {AUTHORIZATION}\r\n"
        f"Content-Type: application/json\r\nUser-Agent: Okta-Integrations\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def sign_in(login: str, password: str, address: str = "192.0.2.7", event: str = "3o9jBzq1SmOGmmsDsqyyeQ") -> bytes:
    """Return the call for a login and a password, with the members of Okta's own sample."""
    request = {"id": "XiIl6wn7005Rr@fjYqeC7AAABxw", "method": "POST", "ipAddress": address}
    context = {"request": request | {"url": {"value": "/api/v1/authn"}}}
    context["credential"] = {"username": login, "password": password}
    call = {
        "eventId": event,
        "eventTime": "2020-01-17T21:23:56.000Z",
        "eventType": "com.okta.user.credential.password.import",
        "eventTypeVersion": "1.0",
        "contentType": "application/json",
        "cloudEventVersion": "0.1",
        "source": "https://example.okta.com/api/v1/inlineHooks/cal2xd5phv9fsPLcF0g7",
        "data": {"context": context, "action": {"credential": "UNVERIFIED"}},
    }
    return post(PATH, json.dumps(call).encode())
