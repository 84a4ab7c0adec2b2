"""Load the registration policy that `REGISTRATION_POLICY` names: a TOML file, or `module:function`. Judges nothing."""

import importlib
import inspect
import re
import sys
from pathlib import Path

from service.actions.code_policy import CodePolicy
from service.policies.registration.document import FaultyPolicy
from service.policies.registration.policy import Policy
from service.policies.registration.read_policy import read_policy

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
