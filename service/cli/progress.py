"""Progress of a long-running command: a bar on a terminal, otherwise a line every 30 seconds."""

import os
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

import typer

from service.cli.errors import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

T = TypeVar("T")
EVERY = 30.0
"""Seconds between lines if standard error is not a terminal."""
RECENT = 600.0
"""Seconds over which the rate is measured: Okta's limits make the work proceed in bursts."""
SAMPLE_EVERY = 1.0
"""Seconds between two samples of the rate."""


class Progress:
    """The progress of some work, which updates it while another thread reads it."""

    def __init__(self, what: str, unit: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin; `what` is the command, `unit` what it counts."""
        self._what, self._unit, self._clock = what, unit, clock
        self._began = clock()
        self._samples = deque([(self._began, 0)])
        self._done, self._note = 0, ""
        self.share: float | None = None
        """From 0 to 1; None if the end is unknown."""

    def update(self, done: int, total: int | None = None, *, share: float | None = None, note: str = "") -> None:
        """Set the number done, and the total or the share of the work if known."""
        if total is not None:
            share = done / total if total else None
        self.share = None if share is None else min(1.0, share)
        self._done, self._note = done, note
        now = self._clock()
        if now - self._samples[-1][0] >= SAMPLE_EVERY:
            self._samples.append((now, done))
            while now - self._samples[1][0] > RECENT:  # the first one is the last before the measured period
                self._samples.popleft()

    def line(self) -> str:
        """Return the progress as a line: `load: 120,000 rows, 4,000/s, 43 %, about 2 min left, 12 rejected`."""
        elapsed = self._clock() - self._began
        if not self._done and not self._note:
            return f"{self._what}: running for {_span(elapsed)}"
        told = [f"{self._done:,} {self._unit}".rstrip(), _rate(self._recent()) if self._done else ""]
        if self.share:
            told += [f"{100 * self.share:.0f} %", f"about {_span(elapsed * (1 - self.share) / self.share)} left"]
        return f"{self._what}: {', '.join(part for part in (*told, self._note) if part)}"

    def _recent(self) -> float:
        since, done = self._samples[0]
        return (self._done - done) / max(self._clock() - since, 1e-9)


def _rate(a_second: float) -> str:
    return f"{a_second:,.0f}/s" if a_second >= 10 else f"{a_second:.1f}/s"  # noqa: PLR2004 (two digits)


def _span(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004 (seconds of a minute)
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"  # noqa: PLR2004 (two hours)


@contextmanager
def show_progress(what: str, unit: str = "") -> Iterator[Progress]:
    """Show the progress of some work on standard error while it runs."""
    from rich.console import Console

    console, shown = Console(stderr=True), Progress(what, unit)
    with _bar(console, shown) if console.is_terminal else _lines(shown):
        yield shown


async def streamed(what: str, unit: str, rows: AsyncIterable[T]) -> AsyncIterator[T]:
    """Yield rows that go to standard output, and show the progress if that is a file.

    On a terminal the rows themselves show it, and a pager needs the terminal for itself.
    """
    with show_progress(what, unit) if output_is_file() else nullcontext(Progress(what, unit)) as shown:
        number = 0
        async for row in rows:
            number += 1
            shown.update(number)
            yield row


def output_is_file() -> bool:
    """Return whether standard output is a file, and neither a terminal nor another program's input."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):  # Python streams without a file have no file number
        return False


@contextmanager
def _bar(console: "Console", shown: Progress) -> Iterator[None]:
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    def row() -> "RenderableType":
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(1.0, shown.share or 0.0, width=16, pulse=shown.share is None)
        grid.add_row(bar, Text(shown.line(), no_wrap=True, overflow="ellipsis"))
        return grid

    with Live(get_renderable=row, console=console, transient=True, refresh_per_second=4, redirect_stdout=False):
        yield


@contextmanager
def _lines(shown: Progress) -> Iterator[None]:
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(EVERY):
            typer.echo(printable(shown.line()), err=True)

    # A thread, because some work is one long statement or blocks the event loop.
    thread = threading.Thread(target=work, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
