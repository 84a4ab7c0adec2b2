"""Registration policies written in Python: loading, calling, and validation of what they return.

A policy in code has its own event loop and thread: code that blocks makes registrations fail, but does not affect
sign-ins.
"""

import asyncio
import importlib
import importlib.util
import inspect
import math
import re
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, Protocol, TypeVar

import structlog

from service.okta.registration import Allow, Cause, Decision, Deny, ScreeningRequest
from service.registration.predicates import names_of
from service.registration.queries import LegacyProfile
from service.registration.toml_document import FaultyPolicy
from service.registration.values import as_text
from service.telemetry import describe

log = structlog.get_logger()

T = TypeVar("T")
PolicyFunction = Callable[..., Awaitable[Decision]]


class PolicyFailed(Exception):
    """The registration policy could not decide; the message names the fault, and no value of a person."""


class LegacyLookup(Protocol):
    """Finds accounts of the legacy store. Both methods raise the store's errors."""

    async def by_names(self, names: Sequence[str]) -> Sequence[LegacyProfile]:
        """Find accounts with one of these names as login or, if none has, as another identifier or email."""
        ...

    async def by_attribute(self, attribute: str, value: str) -> Sequence[LegacyProfile]:
        """Find accounts whose declared attribute has this value."""
        ...


class LegacyAccounts:
    """The legacy accounts as visible to policy code: no hash, no state, only declared attributes."""

    def __init__(self, request: ScreeningRequest, lookup: LegacyLookup) -> None:
        self._request = request
        self._lookup = lookup
        self._loop = asyncio.get_running_loop()
        self.fault: BaseException | None = None
        """The store's error, if it did not answer: then there is no decision, whatever the code returns."""

    async def find(self) -> list[LegacyProfile]:
        """Find the person's accounts by login and email address; for an update, by those that Okta has.

        Returns more than one if several match equally well.
        """
        names = names_of(self._request)
        return await self._ask(self._lookup.by_names(names)) if names else []

    async def find_by(self, attribute: str, value: object) -> list[LegacyProfile]:
        """Find at most ten accounts by a declared attribute; none if the value is empty, a list or an object.

        Texts must be equal except for surrounding blanks; a number matches by its digits. Migrated persons are not
        found, since their profile is deleted.
        """
        text = (as_text(value) or "").strip()
        return await self._ask(self._lookup.by_attribute(attribute, text)) if text and "\0" not in text else []

    async def _ask(self, query: Coroutine[Any, Any, Sequence[LegacyProfile]]) -> list[LegacyProfile]:
        # The connections belong to the service's event loop, and this runs on the policy's.
        try:
            return list(await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(query, self._loop)))
        except Exception as error:
            self.fault = error
            raise


class CodePolicy:
    """A policy in code: an async function that maps a request, and optionally the legacy accounts, to a decision."""

    def __init__(self, name: str, function: PolicyFunction, *, wants_legacy: bool = False) -> None:
        self.name = name
        self._function = function
        self._wants_legacy = wants_legacy
        self._loop: asyncio.AbstractEventLoop | None = None

    async def decide(self, request: ScreeningRequest, lookup: LegacyLookup) -> Decision:
        """Call the policy. Raises `PolicyFailed`, and the store's errors.

        If the caller's time runs out, the policy is cancelled.
        """
        legacy = LegacyAccounts(request, lookup)
        asked = asyncio.run_coroutine_threadsafe(self._ask(request, legacy), self._running_loop())
        return await asyncio.wrap_future(asked)

    def close(self, after: float = 0) -> None:
        """Stop the policy's event loop, after so many seconds for running calls to end.

        The thread is a daemon, so blocking code cannot keep the process alive.
        """
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.call_later, after, self._loop.stop)
            self._loop = None

    async def _ask(self, request: ScreeningRequest, legacy: LegacyAccounts) -> Decision:
        task = asyncio.current_task()
        decision: object = None
        try:
            decision = await self._function(request, **({"legacy": legacy} if self._wants_legacy else {}))
        except BaseException as error:
            if task is not None and _was_ended(task, error):
                raise
            if legacy.fault is None:
                # The message of the exception may quote what the person submitted; its type and location cannot.
                log.error("policy_failed", rule=self.name, **describe(error))  # noqa: TRY400 (its traceback shows values)
                raise PolicyFailed(f"{self.name} raised {type(error).__name__}") from None
        if legacy.fault is not None:
            raise legacy.fault
        return checked(decision, self.name)

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
    """Return whether the policy was stopped from outside; if it raises such an error itself, that is its fault."""
    if isinstance(error, asyncio.CancelledError):
        return task.cancelling() > 0  # the caller's time ran out
    # A call that is still running when the loop ends is closed by the garbage collector, outside its own task.
    return isinstance(error, GeneratorExit) and asyncio.current_task(task.get_loop()) is not task


# Validation of what a policy returned: the fault names the field, but never its value.

MAX_DEPTH = 50
"""Nesting depth of a value that is set; Okta's own attributes have two levels."""
_SHOWABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def fail(name: str, fault: str) -> NoReturn:
    """Log a fault of a policy's answer. Raises `PolicyFailed`."""
    log.error("policy_failed", rule=name, fault=fault)
    raise PolicyFailed(f"{name}: {fault}")


def checked(decision: object, name: str) -> Decision:
    """Return a decision that can be sent to Okta. Raises `PolicyFailed`, which names the invalid field."""
    if not isinstance(decision, Allow | Deny):
        fail(name, f"the function must return Allow or Deny, not {_kind(decision)}")
    for fault in _faults_of_allow(decision) if isinstance(decision, Allow) else _faults_of_deny(decision):
        fail(name, fault)
    return decision


def _faults_of_allow(decision: Allow) -> Iterator[str]:
    explicitly: object = decision.explicitly
    updates: object = decision.updates
    if not isinstance(explicitly, bool):
        yield f"Allow.explicitly must be True or False, not {_kind(explicitly)}"
    if not isinstance(updates, tuple | list):
        yield f"Allow.updates must be a tuple of dictionaries, not {_kind(updates)}"
        return
    for position, update in enumerate(updates):
        place = f"Allow.updates[{position}]"
        if not isinstance(update, Mapping):
            yield f"{place} must be a dictionary of attributes, not {_kind(update)}"
            continue
        if "password" in update:
            yield f"{place}['password']: Okta lets no hook set the password"
        yield from _faults_of_value(update, place, MAX_DEPTH)


def _faults_of_value(value: object, place: str, levels: int) -> Iterator[str]:
    """Yield the reasons why a value cannot be written as JSON that Okta can read."""
    match value:
        case str() if not _is_unicode(value):
            yield f"{place} holds half of a surrogate pair, which is no character"
        case float() if not math.isfinite(value):
            yield f"{place} is {value}, which JSON has not"
        case None | str() | bool() | int() | float():
            return
        case _ if levels == 0:
            yield f"{place} is nested more than {MAX_DEPTH} levels deep"
        case Mapping():
            for key, inner in value.items():
                if not isinstance(key, str) or not key:
                    yield f"{place} has a key that must be a non-empty string, and is {_kind(key)}"
                else:
                    shown = repr(key) if _SHOWABLE.fullmatch(key) else "…"
                    yield from _faults_of_value(key, f"a key of {place}", levels)
                    yield from _faults_of_value(inner, f"{place}[{shown}]", levels - 1)
        case list() | tuple():
            for position, inner in enumerate(value):
                yield from _faults_of_value(inner, f"{place}[{position}]", levels - 1)
        case _:
            yield f"{place} is {_kind(value)}, which JSON has not"


def _faults_of_deny(decision: Deny) -> Iterator[str]:
    causes: object = decision.causes
    if decision.summary is not None:
        yield from _faults_of_text(decision.summary, "Deny.summary")
    if not isinstance(causes, tuple | list):
        yield f"Deny.causes must be a tuple of Cause, not {_kind(causes)}"
        return
    if causes and decision.summary is None:
        yield "Deny.summary is missing: Okta shows no cause without a summary"
    for position, cause in enumerate(causes):
        place = f"Deny.causes[{position}]"
        if not isinstance(cause, Cause):
            yield f"{place} must be a Cause, not {_kind(cause)}"
            continue
        for field in ("summary", "reason", "attribute", "domain"):
            yield from _faults_of_text(getattr(cause, field), f"{place}.{field}")


def _faults_of_text(value: object, place: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{place} must be a string, not {_kind(value)}"
    elif not value.strip():
        yield f"{place} is blank"
    elif not _is_unicode(value):
        yield f"{place} holds half of a surrogate pair, which is no character"


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text) if not text.isascii() else True


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


# The module of a policy. Its helpers are the modules in the same folder that its first import loaded.

CODE = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<function>[A-Za-z_]\w*)")
"""`module:function`."""
_helpers: dict[str, frozenset[str]] = {}


def load_code(named: str, *, again: bool = False, folder: Path | None = None) -> CodePolicy:
    """Load a policy in code from the current folder, from `folder`, or from Python's path.

    `again`: reload its file and its helpers' files. Raises `FaultyPolicy`; the loaded policy then stays.
    """
    code = CODE.fullmatch(named)
    if code is None:
        raise FaultyPolicy(named, 'write "module:function", such as "company.registration:screen"')
    _make_findable(folder)
    module = _import(named, code["module"], again=again)
    function = getattr(module, code["function"], None)
    if function is None:
        raise FaultyPolicy(named, f"{code['module']} has no {code['function']}")
    if not inspect.iscoroutinefunction(function):
        raise FaultyPolicy(
            named, f"{code['function']} must be an async function: async def {code['function']}(request)"
        )
    wants_legacy = "legacy" in inspect.signature(function).parameters
    try:
        inspect.signature(function).bind(object(), **({"legacy": object()} if wants_legacy else {}))
    except TypeError:
        raise FaultyPolicy(
            named, f"{code['function']} must take one argument, the request, and may take a second, legacy"
        ) from None
    return CodePolicy(named, function, wants_legacy=wants_legacy)


def _make_findable(folder: Path | None) -> None:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        # An installed command, unlike `python -m`, does not search the current folder.
        sys.path.insert(0, str(Path.cwd()))
    if folder is not None and str(folder.resolve()) not in sys.path:
        sys.path.append(str(folder.resolve()))  # last, so that no file of it hides an installed module


def _import(named: str, module_name: str, *, again: bool) -> ModuleType:
    old = _helpers.get(module_name, {module_name}) if again else ()
    before = {name: sys.modules.pop(name) for name in old if name in sys.modules}
    known = frozenset(sys.modules)
    # Python matches bytecode to its source by size and second, so it would hide a quick change.
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        importlib.invalidate_caches()
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        for name in _beside(module_name, frozenset(sys.modules) - known):
            del sys.modules[name]
        sys.modules.update(before)
        if isinstance(error, ModuleNotFoundError):
            raise FaultyPolicy(named, f"there is no module {error.name}: add its folder to PYTHONPATH") from error
        raise FaultyPolicy(named, f"{module_name} can't be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.dont_write_bytecode = writes_bytecode
    _helpers[module_name] = frozenset({module_name, *before, *_beside(module_name, frozenset(sys.modules) - known)})
    return module


def _beside(module_name: str, names: frozenset[str]) -> list[str]:
    """Return the modules in the folder of a policy's module that are not installed packages."""
    try:
        spec = importlib.util.find_spec(module_name)
    except Exception:  # noqa: BLE001 (a parent package that cannot be imported)
        return []
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent
    files = {name: Path(getattr(sys.modules[name], "__file__", None) or "/") for name in names}
    return [
        name
        for name, file in files.items()
        if file.is_relative_to(folder) and "site-packages" not in file.relative_to(folder).parts
    ]
