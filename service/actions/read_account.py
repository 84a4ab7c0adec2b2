"""From a row of an export to an account for the store, or the reason why not. Knows columns; knows no file, no SQL."""

import json
from collections.abc import Mapping

from service.accounts.loading.staged import StagedAccount
from service.accounts.names import MAX_NAME, is_too_long, login_key
from service.actions.read_profile import ProfileColumns, refuse_secrets
from service.actions.read_recipe import text_of
from service.actions.refusal import Reason, RejectedRow
from service.actions.resolve_hash import HASH_COLUMNS, HashResolver
from service.legacy.rows import Row

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
