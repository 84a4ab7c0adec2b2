"""From the columns of a row to the profile of an account, as JSON. Knows no column that has another meaning."""

import json
from collections.abc import Mapping, Sequence

from service.actions.refusal import Reason, RejectedRow
from service.legacy import strict_json

NEVER_STORED = {
    "pepper": "a pepper is never stored: put it into an environment variable, and name that in pepper_env",
    "password": "a column `password` would be kept as it is; call a column of hashes password_hash (--map)",
}
"""Columns that would put a secret into the profile."""

_quote = json.encoder.encode_basestring
_write = json.JSONEncoder(ensure_ascii=False).encode


def refuse_secrets(names: Sequence[str]) -> None:
    """Refuse what would put a secret into the profile. Raises `RejectedRow`."""
    for name, advice in NEVER_STORED.items():
        if name in names:
            raise RejectedRow(Reason.BAD_COLUMN, advice)


class ProfileColumns:
    """The columns of one layout that are attributes of the profile."""

    def __init__(self, names: Sequence[str], *, nested: bool) -> None:
        """With `nested`, the column `profile` holds more of them as an object."""
        self._nested = nested
        self._names = names
        self._quoted = [(f"{_quote(name)}:", name) for name in names]

    def read(self, fields: Mapping[str, object]) -> tuple[str, list[str] | None]:
        """Give the attributes as JSON, and the names of those that the row says are empty. Raises `RejectedRow`."""
        if not self._nested:
            try:
                # Written by hand where all values are texts, as in every CSV: a third of the encoder's time.
                parts = [quoted + _quote(fields[name]) for quoted, name in self._quoted if fields[name]]  # type: ignore[arg-type]
            except TypeError:
                return self._slowly(fields)
            cleared = None
            if len(parts) < len(self._names):
                cleared = [name for name in self._names if fields[name] is None or fields[name] == ""]
                if len(parts) + len(cleared) < len(self._names):
                    return self._slowly(fields)
            return "{" + ",".join(parts) + "}", cleared
        return self._slowly(fields)

    def _slowly(self, fields: Mapping[str, object]) -> tuple[str, list[str] | None]:
        profile = {name: fields[name] for name in self._names}
        if self._nested and fields["profile"]:
            profile.update(_object(fields["profile"]))
        cleared = [name for name, value in profile.items() if value is None or value == ""]
        kept = {name: value for name, value in profile.items() if value is not None and value != ""}
        try:
            return _write(kept), cleared or None
        except RecursionError:
            raise RejectedRow(Reason.BAD_COLUMN, "an attribute is nested too deeply") from None


def _object(nested: object) -> dict[str, object]:
    if isinstance(nested, str):
        try:
            nested = strict_json.decode(nested)
        except ValueError:
            nested = None
    if not isinstance(nested, dict):
        raise RejectedRow(Reason.BAD_COLUMN, "profile is no JSON object")
    names = [name.lower() for name in nested]
    refuse_secrets(names)
    if "password_hash" in names:
        raise RejectedRow(Reason.BAD_COLUMN, "password_hash stands beside the profile, not in it")
    return nested
