"""The service on its own port, as `serve` runs it: behind the guard, which aiohttp's test server lacks."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from yarl import URL

from service.app import make_app
from service.web.parts import Parts
from service.web.server import listening
from service.web.tls import ServerTls
from tests.people import sign_in
from tests.service_fixtures import AUTHORIZATION


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Return the error code of an answer."""
        return str(json.loads(self.body)["error"]["code"])


class Wire:
    """A raw connection, over which the given bytes are sent unchanged."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def answer(self) -> Answer | None:
        """Return the next answer; None if the connection was closed instead."""
        try:
            head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 300)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        first, *fields = head.decode("latin-1").split("\r\n")
        headers = dict(field.lower().split(": ", 1) for field in fields if field)
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(first.split()[1]), headers, body)

    async def ask(self, raw: bytes) -> Answer | None:
        await self.send(raw)
        return await self.answer()

    async def is_closed(self) -> bool:
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(1), 300) == b""
        return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def serving(parts: Parts, tls: ServerTls | None = None) -> AsyncIterator[URL]:
    async with listening("service", make_app(parts), "127.0.0.1", 0, tls=tls) as url:
        yield URL(url)


@asynccontextmanager
async def wire(url: URL) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection(url.host, url.port)
    connection = Wire(reader, writer)
    try:
        yield connection
    finally:
        await connection.close()


def call(
    body: bytes | None = None, *, path: str = "/okta/password-import", method: str = "POST", **headers: str
) -> bytes:
    """Return a complete call; by default a sign-in with a wrong password. A header's `_` stands for a dash."""
    body = sign_in("nobody@example.com", "wrong") if body is None else body
    given = {"Host": "x", "Authorization": AUTHORIZATION, "Content-Type": "application/json"}
    given |= {"Content-Length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
