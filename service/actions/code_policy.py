"""Runs a registration policy that is written in Python, so that its faults stay its own. Knows no TOML and no HTTP.

It has an event loop and a thread of its own: code that blocks makes registrations fail, and leaves sign-ins alone.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from service.okta.registration import ScreeningRequest
from service.okta.registration_answer import Allow, Cause, Decision, Deny
from service.telemetry import describe

log = structlog.get_logger()

PolicyFunction = Callable[[ScreeningRequest], Awaitable[Decision]]


class PolicyFailed(Exception):
    """The registration policy could not decide."""


class CodePolicy:
    """A policy in code: an async function from a request to a decision."""

    def __init__(self, name: str, function: PolicyFunction) -> None:
        self.name = name
        self._function = function
        self._loop: asyncio.AbstractEventLoop | None = None

    async def decide(self, request: ScreeningRequest) -> Decision:
        """Ask the policy. Raises `PolicyFailed`; where the caller's time runs out, the policy is cancelled."""
        asked = asyncio.run_coroutine_threadsafe(self._ask(request), self._running_loop())
        return await asyncio.wrap_future(asked)

    def close(self) -> None:
        """Stop the policy's loop; the thread is a daemon, so code that hangs can't keep the process alive."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None

    async def _ask(self, request: ScreeningRequest) -> Decision:
        task = asyncio.current_task()
        try:
            return checked(await self._function(request))
        except PolicyFailed:
            raise
        except BaseException as error:
            if task is not None and _was_ended(task, error):
                raise
            # The message of the exception may quote what the person submitted; its type and places can't.
            log.error("policy_failed", rule=self.name, **describe(error))  # noqa: TRY400 (its traceback shows values)
            raise PolicyFailed from None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_run, args=(self._loop,), name="registration-policy", daemon=True).start()
        return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _was_ended(task: asyncio.Task[Any], error: BaseException) -> bool:
    """Tell whether the policy was ended from outside: what it raises of the same kind by itself is a fault like any."""
    if isinstance(error, asyncio.CancelledError):
        return task.cancelling() > 0  # the caller's time ran out
    # A call that is left over when the loop ends is closed by whoever frees it, outside of its own task.
    return isinstance(error, GeneratorExit) and asyncio.current_task(task.get_loop()) is not task


def checked(decision: object) -> Decision:
    """Give a decision that can be said to Okta. Raises `PolicyFailed` where it is none."""
    match decision:
        case Allow(updates) if _all(_is_update, updates):
            return decision
        case Deny(None, ()):
            return decision
        case Deny(summary, causes) if _is_text(summary) and _all(_is_cause, causes):
            return decision
    log.error("policy_failed", fault="no_decision")
    raise PolicyFailed


def _all(is_one: Callable[[object], bool], values: object) -> bool:
    return isinstance(values, tuple | list) and all(map(is_one, values))


def _is_update(update: object) -> bool:
    return isinstance(update, dict) and "password" not in update and all(map(_is_text, update))


def _is_cause(cause: object) -> bool:
    return isinstance(cause, Cause) and all(map(_is_text, (cause.summary, cause.reason, cause.attribute, cause.domain)))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
