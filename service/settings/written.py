"""How values are written in variables and files, secrets above all. Knows no setting; no fault quotes a value."""

import base64
import json
import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import NoDecode


class BadSettings(Exception):
    """The configuration is wrong; each fault stands on a line of its own and no value is quoted."""


def _secret_list(value: object) -> object:
    return _parse_secrets(value) if isinstance(value, str) else value


def _parse_secrets(value: str) -> tuple[SecretStr, ...]:
    """Read a JSON list of strings; the fault never quotes what was given."""
    if not value.strip():
        return ()
    try:
        parsed = json.loads(value)
    except ValueError:
        raise ValueError('must be a JSON list of strings, for instance ["one", "two"]') from None
    if not isinstance(parsed, list) or not all(isinstance(item, str) for item in parsed):
        raise ValueError('must be a JSON list of strings, for instance ["one", "two"]')
    if not all(map(is_utf8, parsed)):
        raise ValueError("holds a lone surrogate, which no header can carry")
    return tuple(SecretStr(item) for item in parsed)


def is_utf8(text: str) -> bool:
    """Tell whether a header can carry it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_secret_list)]
HASH_KEY = 32
"""Bytes of a key that hashes are encrypted under."""
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def read_secrets(name: str, given: tuple[SecretStr, ...], file: Path | None) -> tuple[bytes, ...]:
    """Give the secrets of a variable and of the file beside it. Raises `BadSettings`."""
    in_file: tuple[SecretStr, ...] = ()
    if file is not None:
        try:
            in_file = _parse_secrets(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(f"{name}_FILE: cannot be read: {type(error).__name__}") from None
        except ValueError as error:
            raise BadSettings(f"{name}_FILE: {error}") from None
    own, filed = ([value.get_secret_value().encode() for value in values] for values in (given, in_file))
    faults = secret_faults(name, own) + secret_faults(f"{name}_FILE", filed)
    if faults:
        raise BadSettings("\n".join(faults))
    return (*own, *filed)


def read_text(name: str, file: Path) -> str:
    """Read the file that a setting names. Raises `BadSettings`."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{name}: cannot be read: {type(error).__name__}") from None


def parse_hash_keys(name: str, text: str) -> dict[str, bytes]:
    """Read `{"id": "base64 of 32 bytes", …}`, the active key first; the faults quote no key."""
    shape = BadSettings(f'{name}: must be a JSON object, {{"key id": "32 bytes in base64", …}}, the active key first')
    try:
        parsed = json.loads(text, object_pairs_hook=list)
    except ValueError:
        raise shape from None
    if not isinstance(parsed, list) or not all(isinstance(each, tuple) for each in parsed):
        raise shape
    keys = {}
    for position, (key_id, encoded) in enumerate(parsed, 1):
        if not _KEY_ID.fullmatch(key_id) or key_id in keys:
            raise BadSettings(f"{name}: the id of key {position} is not unique, or not 1 to 64 of A-Z a-z 0-9 . _ -")
        keys[key_id] = _hash_key(name, position, encoded)
    return keys


def _hash_key(name: str, position: int, encoded: object) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except ValueError:
        key = b""
    if len(key) != HASH_KEY:
        raise BadSettings(f"{name}: key {position} is not {HASH_KEY} bytes in base64")
    return key


def secret_faults(name: str, secrets: list[bytes]) -> list[str]:
    """Name those that no caller can have been given."""
    return [
        f"{name}: secret {position} is blank or has space around it"
        for position, secret in enumerate(secrets, 1)
        if not secret or secret != secret.strip()
    ]
