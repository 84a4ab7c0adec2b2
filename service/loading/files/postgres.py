"""Rows of a legacy PostgreSQL: a query read through a cursor, in one read-only snapshot.

The values are those that the query returns; other types should be cast to text in the query.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from datetime import date, datetime
from typing import Any, TypeVar

import asyncpg

from service.loading.files.row import VALUE, FaultyRow, Row, UnreadableFile
from service.os_errors import explain

AT_ONCE = 500
"""Rows fetched at once, at most. PostgreSQL cannot be asked for a number of bytes: if small rows are followed by large
ones, this many are in memory together."""
FIRST_ROWS = 20
"""Rows fetched at first, when their size is unknown."""
FETCHED = 16 * 2**20
"""Characters that a fetch should have, by the largest row of the one before."""
CONNECT_WITHIN = 10.0
"""Seconds."""

T = TypeVar("T")


class QueryReader:
    """The rows of a query, numbered from 1."""

    kind = "jsonl"
    size: int | None = None

    def __init__(self, dsn: str, query: str, rename: Callable[[str], str]) -> None:
        """Connect and start the query. Raises `UnreadableFile`; the message contains no password and no row."""
        # A separate event loop, because rows are read in another thread than the one that uses the store.
        self._loop = asyncio.new_event_loop()
        self._rename = rename
        self._volume = 0
        self._connection: asyncpg.Connection | None = None
        try:
            self._cursor = self._wait(self._begin(dsn, query))
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Row | FaultyRow]:
        """Yield each row."""
        number, rows = 0, FIRST_ROWS
        while records := self._wait(self._cursor.fetch(rows)):
            largest = max(map(_size, records))
            rows = max(1, min(4 * rows, AT_ONCE, FETCHED // largest))
            columns = [self._rename(name) for name in records[0].keys()]  # noqa: SIM118 (a record is no mapping)
            if len(set(columns)) < len(columns):
                raise UnreadableFile(f"the query: two columns have the same name ({', '.join(columns)})")
            names = zip(records[0].keys(), columns, strict=True)
            binary = [(name, column) for name, column in names if column in ("salt", "password_hash")]
            for record in records:
                number += 1
                fields = dict(zip(columns, map(_plain, record.values()), strict=True))
                for name, column in binary:
                    if isinstance(record[name], bytes):
                        fields |= _binary(column, record[name])
                texts = sum(len(each) for each in fields.values() if isinstance(each, str))
                self._volume += VALUE * len(fields) + texts
                yield Row(number, fields, fields)

    def consumed(self) -> int:
        """Return 0: the total is unknown."""
        return 0

    def volume(self) -> int:
        """Return the number of characters read so far, plus the memory of the values; rows are fetched in batches."""
        return self._volume

    def interrupt(self) -> None:
        """Interrupt a read that waits in another thread."""
        if self._connection is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._connection.terminate)

    def close(self) -> None:
        """End the query."""
        if self._connection is not None:
            self._connection.terminate()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _begin(self, dsn: str, query: str) -> "asyncpg.cursor.Cursor[asyncpg.Record]":
        self._connection = await asyncpg.connect(dsn, timeout=CONNECT_WITHIN)
        await self._connection.transaction(isolation="repeatable_read", readonly=True).start()
        return await self._connection.cursor(query)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run_until_complete(work)
        except asyncpg.PostgresError as error:
            raise UnreadableFile(f"the query: {error.args[0] if error.args else 'the server gave no reason'}") from None
        except (OSError, TimeoutError) as error:
            raise UnreadableFile(f"the database of --from-dsn: {explain(error)}: check its host and port") from None
        except (asyncpg.InterfaceError, ValueError):
            raise UnreadableFile(
                "--from-dsn: is not a URL of a PostgreSQL: write postgresql://USER@HOST:5432/DATABASE; in a password, "
                "write / ? # @ : % as %2F %3F %23 %40 %3A %25"
            ) from None


def _size(record: "asyncpg.Record") -> int:
    """Estimate the characters of a record: those of its texts and bytes, and a constant for each value."""
    parts = [part for value in record.values() for part in (value if isinstance(value, list) else [value])]
    return 1 + VALUE * len(parts) + sum(len(part) for part in parts if isinstance(part, str | bytes))


def _plain(value: object) -> object:
    """Convert a value to a JSON value."""
    if value is None:
        return ""
    if isinstance(value, bytes | bytearray | memoryview):
        return _text(bytes(value))
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list):
        return [None if each is None else _plain(each) for each in value]
    as_it_is = isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
    return value if as_it_is else str(value)


def _binary(column: str, raw: bytes) -> dict[str, object]:
    """Return a binary salt as hex, and a binary hash as text if all its bytes are printable.

    A raw digest of 16 bytes is printable by chance once in ten million.
    """
    if column == "salt":
        return {"salt": raw.hex(), "salt_encoding": "hex"}
    text = raw.decode("ascii", "replace")
    return {column: text if text.isascii() and text.isprintable() else raw.hex()}


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.hex()
