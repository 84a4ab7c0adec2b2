"""The log of `serve` at its start, and when one of its background tasks ends unexpectedly."""

import asyncio
import json
import os
import sys
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.background import in_background
from service.store.migrations import ROOT
from tests.service_fixtures import PASSWORD, USER

WAIT = 300
"""Seconds to wait for a service that logs nothing."""


async def first_line(event: str, **environment: str) -> dict[str, Any]:
    """Start the service, and return the first line of its log about `event`."""
    known = {"BASIC_AUTH_USER": USER, "BASIC_AUTH_PASSWORD": PASSWORD, "PORT": "0", "ADMIN_PORT": "0"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "serve",
        cwd=ROOT, env=os.environ | known | environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(WAIT):
            while line := await process.stderr.readline():
                said: dict[str, Any] = json.loads(line)
                if said["event"] == event:
                    return said
    finally:
        process.terminate()
        await process.communicate()
    raise AssertionError(f"it ended without saying {event}")


@pytest.mark.parametrize(
    "reachable, reason", [(True, "no account is loaded"), (False, "the database cannot be reached")]
)
async def test_a_service_that_starts_without_what_it_needs_logs_what_is_missing(
    database_url: str, reachable: bool, reason: str
) -> None:
    url = database_url if reachable else "postgresql://app@127.0.0.1:9/app"
    said = await first_line("not_ready", DATABASE_URL=url)
    assert (said["level"], said["reason"]) == ("warning", reason)


async def test_background_work_that_a_fault_ends_is_told_with_its_place_and_not_its_words() -> None:
    async def keep_working() -> None:
        raise RuntimeError("password1")

    with capture_logs() as logs:
        await asyncio.gather(in_background(keep_working()), return_exceptions=True)
        await asyncio.sleep(0)
    (line,) = logs
    assert (line["event"], line["log_level"], line["exception"]) == ("background_task_failed", "error", "RuntimeError")
    assert "keep_working" in line["trace"][-1]
    assert "password1" not in str(line)


async def test_background_work_that_is_cancelled_is_no_fault() -> None:
    task = in_background(asyncio.sleep(60))
    task.cancel()
    with capture_logs() as logs:
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)
    assert not logs
