"""Connecting to whichever of several servers is the primary now. Knows hosts; knows no pool and no table.

asyncpg tries hosts in turn within one limit of time, so a first host that accepts and stays silent (frozen, or cut off)
would keep us from ever reaching the second. Here they are all asked at once.
"""

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

NOT_THE_PRIMARY = asyncpg.TargetServerAttributeNotMatched
"""What a standby's answer raises; as asyncpg has it, no `InterfaceError`."""


def one_each(dsn: str) -> list[str]:
    """Split `postgresql://user:password@host1:5432,host2:5432/database` into a URL for each host."""
    parts = urlsplit(dsn)
    who, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{who}{at}{host}").geturl() for host in hosts.split(",")]


def place_of(dsn: str) -> str:
    """Name the database of a URL and its hosts: never who connects, nor by which password."""
    parts = urlsplit(dsn)
    if parts.netloc.count("@") < dsn.count("@"):
        # What looks like a host and a port may be a part of the password then.
        return "a database whose URL can't be split: in a password / ? # are written as %2F %3F %23"
    asked = parse_qs(parts.query)
    hosts = parts.netloc.rpartition("@")[2] or asked.get("host", ["the default host"])[0]
    port = asked.get("port", ["5432"])[0]
    named = [host if host.rpartition(":")[2].isdigit() else f"{host}:{port}" for host in hosts.split(",")]
    return f"the database {unquote(parts.path.strip('/')) or 'of the default name'} at {', '.join(named)}"


async def connect(dsn: str, **options: Any) -> asyncpg.Connection:
    """Connect to the first server that answers and may be written to. Raises what the last one to fail raised.

    The error has a note that names the database: its type is what it was, and calls are answered by that.
    """
    try:
        return await _connect(dsn, **options)
    except (OSError, asyncpg.PostgresError) as error:
        error.add_note(place_of(dsn))
        raise


async def _connect(dsn: str, **options: Any) -> asyncpg.Connection:
    urls = one_each(dsn)
    if len(urls) == 1:
        return await asyncpg.connect(dsn, **options)
    if "target_session_attrs" not in dsn:
        options["target_session_attrs"] = "read-write"  # everything here ends in a write
    attempts = [asyncio.create_task(asyncpg.connect(url, **options)) for url in urls]
    chosen: asyncpg.Connection | None = None
    fault: Exception = asyncpg.InterfaceError("no host is named")
    try:
        for attempt in asyncio.as_completed(attempts):
            try:
                chosen = await attempt
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, NOT_THE_PRIMARY) as error:
                fault = error
            else:
                return chosen
        raise fault
    finally:
        await _leave(attempts, chosen)


async def _leave(attempts: "list[asyncio.Task[asyncpg.Connection]]", chosen: asyncpg.Connection | None) -> None:
    for attempt in attempts:
        attempt.cancel()
    for other in await asyncio.gather(*attempts, return_exceptions=True):
        if not isinstance(other, BaseException) and other is not chosen:
            with contextlib.suppress(asyncpg.InterfaceError):
                other.terminate()
