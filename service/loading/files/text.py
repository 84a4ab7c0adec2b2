"""Lines of text from a path or standard input: gzip, byte order marks, charsets."""

import codecs
import gzip
import io
import itertools
import os
import select
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from service.loading.files.row import UnreadableFile

# Whether text can be stored, in the charset of an export.
#
# Bytes outside the charset become lone surrogates (Python's `surrogateescape`; UTF-16 and UTF-32 files contain them
# already), so that only the row that contains them is rejected and can be written to the rejects file
# unchanged.


def errors_in(charset: str) -> str:
    """Return the error handler that preserves undecodable bytes, so that they can be written again."""
    return "surrogatepass" if codecs.lookup(charset).name.startswith(("utf-16", "utf-32")) else "surrogateescape"


def is_clean(text: str) -> bool:
    """Return whether PostgreSQL can store a text: no NUL, and nothing outside the charset of its file."""
    if text.isascii():
        return "\0" not in text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def fault_of(text: str, charset: str) -> str:
    """Return the fault of a text that is not clean."""
    return "a NUL character" if "\0" in text else f"bytes that are not {charset}"


# Standard input that can be interrupted.

LOOK_EVERY = 0.2
"""Seconds between checks whether a wait should continue."""


class StandardInput(io.FileIO):
    """Standard input that another thread can interrupt: Ctrl-C ends a load whose pipe sends nothing."""

    def __init__(self) -> None:
        super().__init__(sys.stdin.fileno(), closefd=False)
        self.interrupted = False

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 (any buffer; 3.12 has a name for it)
        """Read the available bytes, waiting for some; none after an interruption."""
        while not self.interrupted:
            if select.select([self], [], [], LOOK_EVERY)[0]:
                return super().readinto(buffer)
        return 0


LONGEST_LINE = 1 << 24
"""Characters; entries of a directory contain photographs."""
MOST_AHEAD = 1 << 24
"""Characters of the lines that are examined before reading."""
PIECE = 1 << 18
"""Characters read at once."""
LINE_ENDS = ("\n", "\r")


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE + 1].rstrip("\r\n")


GZIP = b"\x1f\x8b"
DAMAGED = (EOFError, OSError, zlib.error)
"""Raised by a compressed file that is truncated or altered, and by a failing disk."""
STANDARD_INPUT = Path("-")
BUFFER = 1 << 18
"""Bytes read at once."""
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Export:
    """An open export: its bytes, its text, and the position of reading."""

    def __init__(self, path: Path, charset: str = "utf-8") -> None:
        """Open it. Raises `UnreadableFile`."""
        self.path = path
        self._raw = _open(path)
        try:
            self._begin(charset)
        except BaseException:
            self._raw.close()
            raise

    def _begin(self, charset: str) -> None:
        self.size = _size(self._raw)
        """Bytes of the file as stored on disk; None for a stream."""
        head = self._raw.peek(4)[:4]
        self.compressed = head.startswith(GZIP)
        plain = cast("io.BufferedReader", gzip.GzipFile(fileobj=self._raw)) if self.compressed else self._raw
        self._plain = io.BufferedReader(cast("io.RawIOBase", plain), BUFFER) if self.compressed else self._raw
        self.charset, self.mark = self._charset(charset)
        self.text: TextIO = io.TextIOWrapper(
            self._plain, encoding=self.charset, errors=errors_in(self.charset), newline="", write_through=False
        )
        self.volume = 0
        """Characters read so far."""
        self._all = self._bounded()
        self._ahead: list[str] = []
        """Lines that were examined, and are still to be yielded."""

    def consumed(self) -> int:
        """Return the number of bytes of the file read so far (compressed ones, if it is compressed)."""
        try:
            return self._raw.raw.tell()
        except (OSError, ValueError):
            return 0

    def look(self, most: int) -> Iterator[str]:
        """Yield some of the first lines; `lines` yields them again. Raises `UnreadableFile`."""
        yield from list(self._ahead[:most])
        size = sum(map(len, self._ahead))
        while len(self._ahead) < most and size < MOST_AHEAD:
            line = next(self._all, None)
            if line is None:
                return
            self._ahead.append(line)
            size += len(line)
            yield line

    def lines(self) -> Iterator[str]:
        """Yield the lines with their ends. Raises `UnreadableFile` if the file ends too early or is not text.

        Of a line longer than `LONGEST_LINE` only its first characters and one more are yielded, without its end.
        """
        ahead, self._ahead = self._ahead, []
        return itertools.chain(ahead, self._all)

    def head(self) -> str:
        """Return some of the first characters; all of them are read again."""
        if self._ahead:
            return "".join(self._ahead)
        try:
            return self._plain.peek(BUFFER).decode(self.charset, "replace")
        except DAMAGED as error:
            raise UnreadableFile(f"{self.path}: the file is cut off or damaged ({type(error).__name__})") from None

    def pieces(self) -> Iterator[str]:
        """Yield the text in pieces of any length. Raises `UnreadableFile` as `lines` does."""
        if not self._ahead:
            with self._faults_named():
                while piece := self.text.read(PIECE):
                    self.volume += len(piece)
                    yield piece
            return
        for line in self.lines():
            if len(line) > LONGEST_LINE:
                raise UnreadableFile(
                    f"{self.path}: a line is longer than {LONGEST_LINE:,} characters; use --kind, so that no line is "
                    "examined first"
                )
            yield line

    def _bounded(self) -> Iterator[str]:
        """Read pieces and split them: Python's own line iteration would read a line of any length into memory."""
        with self._faults_named():
            rest, skipping = "", False
            while piece := self.text.read(PIECE):
                self.volume += len(piece)
                if piece.endswith("\r"):  # the second half of the line end may follow
                    piece += self.text.read(1)
                lines = list(io.StringIO(rest + piece, newline=""))
                rest = "" if lines[-1].endswith(LINE_ENDS) else lines.pop()
                if skipping and lines:
                    lines.pop(0)
                    skipping = False
                if lines:
                    lines[0] = _cut(lines[0])
                yield from lines
                if skipping:
                    rest = ""
                elif len(rest) > LONGEST_LINE:
                    yield _cut(rest)
                    rest, skipping = "", True
            if rest:
                yield rest

    @contextmanager
    def _faults_named(self) -> Iterator[None]:
        try:
            yield
        except DAMAGED:
            raise UnreadableFile(f"{self.path}: the file is cut off or damaged: copy it again") from None
        except UnicodeError:
            raise UnreadableFile(
                f"{self.path}: the file is not {self.charset}; set its charset with --charset"
            ) from None

    def interrupt(self) -> None:
        """Interrupt a read that waits for standard input in another thread."""
        if isinstance(self._raw.raw, StandardInput):
            self._raw.raw.interrupted = True

    def close(self) -> None:
        """Close the file."""
        self.text.close()
        self._raw.close()

    def _charset(self, given: str) -> tuple[str, bytes]:
        try:
            b" ".decode(given, "replace")
        except (LookupError, UnicodeError):  # some codecs do not produce text, such as base64
            raise UnreadableFile(
                f"--charset {given}: unknown charset; common ones are utf-8, latin-1, cp1252 and utf-16"
            ) from None
        try:
            head = self._plain.peek(4)[:4]
        except DAMAGED:
            raise UnreadableFile(f"{self.path}: the file is cut off or damaged: copy it again") from None
        for mark, charset in BYTE_ORDER_MARKS:
            if head.startswith(mark):
                self._plain.read(len(mark))
                return charset, mark
        return _without_mark(self._plain.peek(LOOKED_AT)[:LOOKED_AT]) or given, b""


FEWEST = 4
"""Characters of a header."""
LOOKED_AT = 40
"""Bytes that identify UTF-16 without a byte order mark: in other charsets not every other byte of a header is NUL."""


def _without_mark(head: bytes) -> str | None:
    """Return the UTF-16 variant in which a file without a byte order mark begins; None for other charsets."""
    even, odd = head[0::2], head[1::2]
    if len(odd) >= FEWEST and not any(odd) and all(even):
        return "utf-16-le"
    return "utf-16-be" if len(even) >= FEWEST and not any(even) and all(odd) else None


def _open(path: Path) -> io.BufferedReader:
    try:
        if path == STANDARD_INPUT:
            return io.BufferedReader(StandardInput(), BUFFER)
        return cast("io.BufferedReader", path.open("rb", buffering=BUFFER))
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from None


def _size(file: BinaryIO) -> int | None:
    try:
        size = os.fstat(file.fileno()).st_size
    except (OSError, io.UnsupportedOperation):
        return None
    return size or None
