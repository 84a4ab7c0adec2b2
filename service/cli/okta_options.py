"""Options and error messages that the commands for Okta's API share."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import typer

from service.cli.errors import CommandFailed
from service.settings import Settings, load_settings
from service.telemetry import configure_logging

# How a command runs: settings, logging, one event loop.

T = TypeVar("T")
STOPPING = (signal.SIGINT, signal.SIGTERM)


def prepare(*, log_level: str = "error") -> Settings:
    """Read the settings and log to standard error from `log_level` on, unless LOG_LEVEL is set. Raises `BadSettings`.

    Commands print their results; only what runs as a service logs its work.
    """
    settings = load_settings()
    begin_logging(settings, log_level)
    return settings


def begin_logging(settings: Settings, log_level: str) -> None:
    """Log to standard error from LOG_LEVEL on, or from `log_level` on if that is not set."""
    colors = not os.environ.get("NO_COLOR")  # https://no-color.org
    configure_logging(settings.log_level or log_level, settings.log_format, colors=colors)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest available event loop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def print_progress(text: str) -> None:
    """Print progress to standard error; standard output is for the result."""
    typer.echo(text, file=sys.stderr)


def print_created(folder: Path) -> None:
    """Print that an embedded database was created, and where."""
    print_progress(f"created an embedded PostgreSQL database in {folder}")


def print_warning(text: str) -> None:
    """Print a message that may be repeated to standard error, with the time (UTC)."""
    print_progress(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}")


def print_wait(name: str, seconds: float) -> None:
    """Print that the command waits for another one (`service.store.leases.OnWait`)."""
    print_progress(f"{name} is running elsewhere, or was killed less than {seconds:.0f} s ago; waiting")


class Stopped(Exception):
    """SIGINT or SIGTERM was received; what was done until then is kept."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number
        """The exit code, as in shells."""


async def until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """Run work until SIGINT or SIGTERM. Raises `Stopped`, so that the totals can still be printed."""
    task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        task.cancel()

    for number in STOPPING:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if received:
            raise Stopped(received[0]) from None
        raise
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)


@contextmanager
def errors_reported() -> Iterator[None]:
    """Convert the errors of Okta and of leases to one-line messages."""
    from service.okta.errors import NoAnswer, OktaFault, ReadOnly, Refused
    from service.store.leases import Held, LeaseLost

    try:
        yield
    except ReadOnly:
        raise CommandFailed("Okta is in read-only mode; try again when it has ended") from None
    except Refused as refused:
        hint = (
            "" if refused.code else "; errors of Okta have a code: check that OKTA_CLIENT_ORGURL is the org's address"
        )
        if refused.is_about_us:
            hint = "; the token is invalid, or lacks a permission or scope (docs/okta-api.md)"
        raise CommandFailed(f"{refused}{hint}") from None
    except NoAnswer as error:
        raise CommandFailed(f"{error}; completed work is kept; run the command again") from None
    except OktaFault as error:
        raise CommandFailed(str(error)) from None
    except Held as held:
        raise CommandFailed(f"{held}; stop it first, or wait until it has ended") from None
    except LeaseLost:
        raise CommandFailed("another process has taken over the work; run the command again") from None


def read_share(text: str, option: str = "--share") -> float:
    """Parse a share such as `50%`."""
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise typer.BadParameter("write a percentage from 1% to 100%", param_hint=option)
    return share


def read_moment(text: str | None) -> datetime | None:
    """Parse a moment (ISO 8601, UTC by default), or a time span before now: `36h`, `7d`."""
    if text is None:
        return None
    unit, now = {"h": "hours", "d": "days"}.get(text[-1:]), datetime.now(UTC)
    try:
        moment = now - timedelta(**{unit: float(text[:-1])}) if unit else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter("write 2026-11-22T10:00, 36h or 7d", param_hint="--since") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > now:
        # Reading would continue from then, and skip what happens until then.
        raise typer.BadParameter(f"{moment:%Y-%m-%d %H:%M} UTC is in the future", param_hint="--since")
    return moment
