"""Progress of long commands: its line, and when it is written without a terminal."""

import asyncio
import os
import signal
import threading

import pytest
import typer

from service.cli import progress
from service.cli.okta_options import Stopped, until_stopped
from service.cli.progress import Progress, show_progress
from tests.clock import Clock


def after(seconds: float, unit: str = "rows", *updates: tuple[int, float | None]) -> str:
    """Return the line after updates that are evenly distributed over so many seconds."""
    clock = Clock()
    shown = Progress("load", unit, clock=clock)
    for number, (done, share) in enumerate(updates, 1):
        clock.now = seconds * number / len(updates)
        shown.update(done, share=share, note="3 rejected")
    clock.now = seconds
    return shown.line()


@pytest.mark.parametrize(
    "seconds, updates, line",
    [
        (45.0, [], "load: running for 45 s"),
        (60.0, [(120_000, 0.25)], "load: 120,000 rows, 2,000/s, 25 %, about 3 min left, 3 rejected"),
        (20.0, [(10, None)], "load: 10 rows, 0.5/s, 3 rejected"),
        (7200.0, [(7_200, 0.1)], "load: 7,200 rows, 1.0/s, 10 %, about 18.0 h left, 3 rejected"),
    ],
)
def test_the_line_has_the_count_the_rate_and_the_time_left(
    seconds: float, updates: list[tuple[int, float | None]], line: str
) -> None:
    assert after(seconds, "rows", *updates) == line


def test_the_rate_is_that_of_the_last_ten_minutes() -> None:
    quick_then_slow = [(1000 * number, None) for number in range(11)] + [
        (10_000 + number, None) for number in range(30)
    ]
    assert "/s" in after(4100.0, "rows", *quick_then_slow)
    rate = float(after(4100.0, "rows", *quick_then_slow).split(", ")[1].removesuffix("/s"))
    assert rate < 0.1


def test_off_a_terminal_a_line_is_written_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    written = threading.Event()

    def echo(line: str, *, err: bool) -> None:
        lines.append(line)
        if err and sum("50 %" in each for each in lines) > 1:
            written.set()

    monkeypatch.setattr(typer, "echo", echo)
    monkeypatch.setattr(progress, "EVERY", 0.001)
    with show_progress("load", "rows") as shown:
        shown.update(5_000, 10_000)
        assert written.wait(60), lines
    assert lines[-1].startswith("load: 5,000 rows")


def test_work_that_ends_within_the_time_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress("load", "rows") as shown:
        shown.update(5_000)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_work_and_leaves_what_was_counted(number: signal.Signals) -> None:
    counted: list[int] = []
    begun = asyncio.Event()

    async def work() -> None:
        counted.append(1)
        begun.set()
        await asyncio.Event().wait()

    async def send() -> None:
        await begun.wait()
        os.kill(os.getpid(), number)

    with pytest.raises(Stopped) as stopped:
        await asyncio.gather(until_stopped(work()), send())
    assert (stopped.value.code, counted) == (128 + number, [1])
