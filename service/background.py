"""Background tasks that run as long as the service does."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from service.telemetry import describe

log = structlog.get_logger()


def in_background(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a task that ends only when it is cancelled; if it crashes, the crash is logged at once."""
    task = asyncio.create_task(work)
    task.add_done_callback(_log_crash)
    return task


def _log_crash(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()) is not None:
        log.error("background_task_failed", **describe(fault))
