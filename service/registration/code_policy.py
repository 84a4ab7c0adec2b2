"""Registration policies written in Python.

It has an event loop and a thread of its own: code that blocks makes registrations fail, and leaves sign-ins alone.
"""

import asyncio
import importlib
import inspect
import re
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from service.okta.registration import Allow, Cause, Decision, Deny, ScreeningRequest
from service.registration.parse import read_policy
from service.registration.policy import Policy
from service.registration.toml_document import FaultyPolicy
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


# Load the registration policy that `REGISTRATION_POLICY` names: a TOML file, or `module:function`. Judges nothing.

_CODE = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<function>[A-Za-z_]\w*)")
MAX_FILE = 1024 * 1024
"""Bytes; a policy has some kilobytes, and a log file named by mistake should be refused, not read."""


def load_policy(named: str) -> Policy | CodePolicy:
    """Load a policy. Raises `FaultyPolicy`, which names every fault, those of a file with their lines."""
    code = _CODE.fullmatch(named)
    if code is not None and not Path(named).exists():
        return _load_code(named, code["module"], code["function"])
    return read_policy(_read(Path(named)), named)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE:
            raise FaultyPolicy(str(path), f"the file is larger than {MAX_FILE} bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FaultyPolicy(str(path), f"the file can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FaultyPolicy(str(path), "the file is not UTF-8") from None


def _load_code(named: str, module_name: str, function_name: str) -> CodePolicy:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        # An installed command, unlike `python -m`, does not look where it was started.
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise FaultyPolicy(named, f"there is no module {error.name}: add its folder to PYTHONPATH") from error
    except Exception as error:
        raise FaultyPolicy(named, f"{module_name} can't be imported: {type(error).__name__}: {error}") from error
    function = getattr(module, function_name, None)
    if function is None:
        raise FaultyPolicy(named, f"{module_name} has no {function_name}")
    if not inspect.iscoroutinefunction(function):
        raise FaultyPolicy(named, f"{function_name} must be an async function: async def {function_name}(request)")
    try:
        inspect.signature(function).bind(object())
    except TypeError:
        raise FaultyPolicy(named, f"{function_name} must take one argument, the request") from None
    return CodePolicy(named, function)
