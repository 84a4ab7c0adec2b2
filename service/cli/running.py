"""How a command runs: settings read, logging set, one event loop. Knows no command."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from service.settings import Settings, load_settings
from service.telemetry import configure_logging

T = TypeVar("T")


def prepare() -> Settings:
    """Read the settings and set up logging to standard error. Raises `BadSettings`."""
    settings = load_settings()
    configure_logging(settings.log_level)
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
