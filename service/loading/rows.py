"""A row of an export as an account for the store, or the reason for rejecting it."""

import json
from collections.abc import Callable, Mapping, Sequence

from service.loading.files import json_lines
from service.loading.files.row import Row
from service.loading.hashes import HASH_COLUMNS, HashResolver, text_of
from service.loading.reject import Reason, RejectedRow
from service.loading.sources import OPTIONS
from service.loading.staging import StagedAccount
from service.store.accounts import MAX_NAME, is_too_long, login_key

# From the columns of a row to the profile of an account, as JSON.

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
            nested = json_lines.decode(nested)
        except ValueError:
            nested = None
    if not isinstance(nested, dict):
        raise RejectedRow(Reason.BAD_COLUMN, "profile is no JSON object")
    names = [name.lower() for name in nested]
    refuse_secrets(names)
    if "password_hash" in names:
        raise RejectedRow(Reason.BAD_COLUMN, "password_hash stands beside the profile, not in it")
    return nested


NOTES = frozenset({"line", "reason", "unreadable"})
"""What a rejects file adds."""
OWN_COLUMNS = HASH_COLUMNS | NOTES | {"login", "okta_id", "identifiers", "profile"}
OKTA_LONGEST = 100
"""Characters of a login that Okta takes."""
NO_HASH = ("", "\\N", "NULL")
"""What exports write where there is no hash: an empty cell, COPY's and MySQL's mark, SQL Server's."""
LAYOUTS_KEPT = 1000
"""Rows of JSON may all differ in their keys."""


class AccountReader:
    """Reads the rows of one load."""

    def __init__(self, resolver: HashResolver) -> None:
        self._resolver = resolver
        self._profiles: dict[tuple[str, ...], ProfileColumns] = {}
        self.long_logins = 0
        """How many logins are longer than Okta takes."""

    def read(self, row: Row) -> StagedAccount:
        """Read one row. Raises `RejectedRow`."""
        fields = row.fields
        login, key = self._login(fields)
        recipe = hash_bytes = salt = username = None
        text = hash_text(fields)
        if text is not None:
            recipe, salt, username = self._resolver.resolve(fields, text, login)
            hash_bytes = text.encode("utf-8")
        okta_id = _okta_id(fields) if "okta_id" in fields else None
        identifiers = _identifiers(fields["identifiers"], key) if "identifiers" in fields else None
        profile, cleared = self._profile_columns(fields).read(fields)
        return StagedAccount(
            row.line, login, key, okta_id, recipe, hash_bytes, salt, username, None, profile, cleared, identifiers
        )

    def _login(self, fields: Mapping[str, object]) -> tuple[str, str]:
        login = (text_of(fields, "login") or "").strip()
        if not login:
            raise RejectedRow(Reason.NO_LOGIN)
        if len(login) > OKTA_LONGEST:
            if is_too_long(login):
                raise RejectedRow(Reason.BAD_LOGIN, f"it is longer than {MAX_NAME} bytes")
            self.long_logins += 1
        key = login_key(login)
        if not key:
            raise RejectedRow(Reason.BAD_LOGIN, "nothing is left of it without diacritics")
        return login, key

    def _profile_columns(self, fields: Mapping[str, object]) -> ProfileColumns:
        layout = tuple(fields)
        found = self._profiles.get(layout)
        if found is None:
            refuse_secrets(layout)
            found = ProfileColumns([name for name in layout if name not in OWN_COLUMNS], nested="profile" in fields)
            if len(self._profiles) < LAYOUTS_KEPT:
                self._profiles[layout] = found
        return found


def hash_text(fields: Mapping[str, object]) -> str | None:
    """Give the hash of a row as one text; None where it has none. Raises `RejectedRow`."""
    value = fields.get("password_hash")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict | list):  # Keycloak's credential as an object, or several hashes of a directory
        return json.dumps(value)
    text = value if isinstance(value, str) else text_of(fields, "password_hash")
    return None if text is None or text.strip() in NO_HASH else text


def _okta_id(fields: Mapping[str, object]) -> str | None:
    okta_id = text_of(fields, "okta_id")
    if okta_id and is_too_long(okta_id):
        raise RejectedRow(Reason.BAD_COLUMN, f"the okta_id is longer than {MAX_NAME} bytes")
    return okta_id


def _identifiers(given: object, key: str) -> list[str]:
    """Give the keys of the other names, in the order of their bytes."""
    if given is None or given == "":
        return []
    names = given.split(";") if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RejectedRow(Reason.BAD_COLUMN, "identifiers is no list of texts")
    if any(map(is_too_long, names)):
        raise RejectedRow(Reason.BAD_COLUMN, f"an identifier is longer than {MAX_NAME} bytes")
    return sorted({login_key(name.strip()) for name in names} - {"", key})


# Which column of an export is which: in any case, by another usual name, or as --map says.

ALIASES = {"hash": "password_hash", "formula": "format"}
"""Other names of columns that people give them; `--map` is for all others."""
IN_ANY_CASE = (OWN_COLUMNS | NEVER_STORED.keys() | ALIASES.keys()) - OPTIONS - NOTES - {"profile"}
"""Oracle writes PASSWORD_HASH, and a hash must not become an attribute. Other names are attributes, whose case counts;
those of options are too short to be meant by chance."""


def naming(given: Mapping[str, str]) -> Callable[[str], str]:
    """Make the function that names columns; `given` comes first."""

    def named(column: str) -> str:
        name = given.get(column, column)
        lower = name.lower()
        return ALIASES.get(lower, lower) if lower in IN_ANY_CASE else name

    return named
