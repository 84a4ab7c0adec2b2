"""Conversion of a row of an export to an account for the store, or to the reason for rejecting it."""

import enum
import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from service.loading.credentials import holds_hash, is_hash, leaves
from service.loading.files import json_lines
from service.loading.files.row import Row
from service.loading.hashes import HASH_COLUMNS, NULLS, WORDS, HashResolver, recipe_text, text_of
from service.loading.product_columns import Product, renamed
from service.loading.reject import Reason, RejectedRow
from service.loading.sources import OPTIONS
from service.loading.staging import StagedAccount
from service.okta.users import MAX_GROUPS
from service.store.accounts import MAX_NAME, is_too_long, login_key
from service.store.attributes import BASE_PROFILE

# From the columns of a row to the profile of an account, as JSON.

NEVER_STORED = {
    "pepper": "a pepper is never stored: put it into an environment variable, and name that in pepper_env",
    "password": "a column `password` would be stored unchanged; name a column of hashes password_hash (--map)",
}
"""Columns that would put a secret into the profile."""

_quote = json.encoder.encode_basestring
_write = json.JSONEncoder(ensure_ascii=False).encode


def refuse_secrets(names: Sequence[str]) -> None:
    """Reject columns that would put a secret into the profile. Raises `RejectedRow`."""
    for name, advice in NEVER_STORED.items():
        if name in names:
            raise RejectedRow(Reason.BAD_COLUMN, advice)


@dataclass(frozen=True, slots=True)
class Decisions:
    """How to read the rows of one export, decided once from its first rows."""

    declared: frozenset[str] = frozenset(BASE_PROFILE)
    """Attributes that are stored."""
    forced: frozenset[str] = frozenset()
    """Attributes that are stored although they look like credentials."""
    has_hashes: bool = True
    """Whether a column is used as `password_hash`, or the operator stated that there is none."""
    null_columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By column, the NULL spellings that mean a missing value in it."""
    null_texts: frozenset[str] = frozenset()
    """Texts that mean a missing value in any column."""
    product: Product | None = None
    examined: int | None = None
    """The number of rows that decided this: a later row that contradicts it is rejected. None if there were no rows."""
    kept_nulls: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By column and spelling, the number of these rows in which it is read as text."""

    @property
    def changes_nothing(self) -> bool:
        """Return whether rows are read unchanged."""
        return not (self.null_columns or self.null_texts or self.product)

    def applied_to(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Apply the decisions to a row; return its columns. Raises `RejectedRow`."""
        meant = {name: self._value(name, value) for name, value in fields.items()}
        return meant if self.product is None else renamed(self.product, meant)

    def _value(self, name: str, value: object) -> object:
        if name in LISTS and isinstance(value, str | list):
            names = value.split(";") if isinstance(value, str) else value
            return [each for each in names if not self._is_null(name, each)]
        return "" if self._is_null(name, value) else value

    def _is_null(self, name: str, value: object) -> bool:
        if not isinstance(value, str):
            return False
        return value in self.null_texts or value in self.null_columns.get(name, ())


NULL_SHARE, NULL_ROWS = 0.01, 10
"""The share of a column's rows from which NULL means a missing value; below that it may be a person's name."""


def is_null_share(number: int, rows: int) -> bool:
    """Return whether a text such as NULL occurs in so many rows of a column that it means a missing value."""
    return number >= max(NULL_ROWS, NULL_SHARE * rows)


def nulls_in(name: str, value: object) -> set[str]:
    """Return the NULL spellings in a column that may be real values."""
    values = value.split(";") if isinstance(value, str) and name in LISTS else [value]
    given = value if isinstance(value, list) else values
    possible = WORDS if name == "salt" else NULLS
    return {each for each in given if isinstance(each, str) and each in possible}


class ProfileColumns:
    """The profile columns of one layout."""

    def __init__(self, names: Sequence[str], unused: Sequence[str], decisions: Decisions, *, nested: bool) -> None:
        """Select attributes; with `nested`, `profile` is an object with more of them; `unused` columns are none."""
        self._nested = nested
        self._names = names
        self._unused = unused
        self._nesting = ("profile",) if nested else ()
        self._decisions = decisions
        self.ignored = set(unused)
        """Column names that cannot be attributes."""
        self._has_email = "email" in names
        self._quoted = [(f"{_quote(name)}:", name) for name in names]

    def read(self, fields: Mapping[str, object]) -> tuple[str, list[str] | None]:
        """Return the attributes as JSON, and the names of those that the row clears. Raises `RejectedRow`."""
        if not self._nested:
            try:
                # If all values are texts, as in every CSV, this takes a third of the encoder's time.
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

    def require_no_credentials(self, profile: str) -> None:
        """Reject attributes that look like hashes, which the first rows did not have. Raises `RejectedRow`."""
        for name, value in leaves(json.loads(profile)):
            if is_hash(value) and name.partition(".")[0] not in self._decisions.forced:
                raise RejectedRow(
                    Reason.CREDENTIAL, f"the attribute {name} holds what looks like a hash; see --force-attribute"
                )

    def require_no_overlooked_hash(self, fields: Mapping[str, object]) -> None:
        """Reject a row without a hash if another column looks like one. Raises `RejectedRow`."""
        for path, value in leaves({name: fields[name] for name in (*self._unused, *self._nesting)}):
            if holds_hash(path, value):
                raise RejectedRow(Reason.CREDENTIAL, f"{path} looks like a hash: --map {path}=password_hash")

    def email_key(self, fields: Mapping[str, object], profile: str, login: str, key: str) -> str | None:
        """Return the key of an email address that differs from the login, also if it is in the column `profile`."""
        if self._has_email:
            email = fields["email"]
            return None if email == login or not email else _email_key(email, key)
        return _email_key(json.loads(profile).get("email"), key) if self._nested else None

    def _slowly(self, fields: Mapping[str, object]) -> tuple[str, list[str] | None]:
        profile = {name: fields[name] for name in self._names}
        if self._nested and fields["profile"]:
            nested = _object(fields["profile"])
            profile.update({name: value for name, value in nested.items() if name in self._decisions.declared})
            if len(self.ignored) < NAMES_KEPT:
                self.ignored.update(nested.keys() - self._decisions.declared)
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
        raise RejectedRow(Reason.BAD_COLUMN, "profile is not a JSON object")
    names = [name.lower() for name in nested]
    refuse_secrets(names)
    if "password_hash" in names:
        raise RejectedRow(Reason.BAD_COLUMN, "password_hash must be next to the profile, not in it")
    return nested


NOTES = frozenset({"line", "reason", "unreadable"})
"""The columns that a rejects file adds."""
OWN_COLUMNS = HASH_COLUMNS | NOTES | {"login", "okta_id", "identifiers", "groups", "profile"}
OKTA_LONGEST = 100
"""Maximum characters of a login in Okta."""
NAMES_KEPT = 1000
"""Maximum ignored columns that are recorded for one layout."""
LAYOUTS_KEPT = 1000
"""Maximum layouts: JSON rows may all differ in their keys."""


class AccountReader:
    """Reads the rows of one load."""

    def __init__(self, resolver: HashResolver, decisions: Decisions) -> None:
        self._resolver = resolver
        self._decisions = decisions
        self._reads_as_is = decisions.changes_nothing
        self._profiles: dict[tuple[str, ...], ProfileColumns] = {}
        self._rows = 0
        self._decided = sys.maxsize if decisions.examined is None else decisions.examined
        self._nulls = Counter(decisions.kept_nulls)
        self.long_logins = 0
        """Number of logins that are longer than Okta allows."""
        self.disabled = 0
        """Number of rows without a hash whose account is disabled in the old system."""
        self.elsewhere = 0
        """Number of rows without a hash because another verifier checks the password, such as `{SASL}`."""

    def read(self, row: Row) -> StagedAccount:
        """Read one row. Raises `RejectedRow`."""
        self._rows += 1
        fields = row.fields if self._reads_as_is else self._decisions.applied_to(row.fields)
        login, key = self._login(fields)
        recipe = hash_bytes = salt = username = disabled = None
        text, absence = usable_hash(fields, self._resolver)
        if absence is Absence.DISABLED:
            disabled = DISABLED
            self.disabled += 1
        elif absence is Absence.ELSEWHERE:
            self.elsewhere += 1
        if text is not None:
            recipe, salt, username = self._resolver.resolve(fields, text, login)
            hash_bytes = text.encode("utf-8")
        okta_id = _okta_id(fields) if "okta_id" in fields else None
        identifiers = _identifiers(fields["identifiers"], key) if "identifiers" in fields else None
        columns = self._profile_columns(fields)
        profile, cleared = columns.read(fields)
        if self._rows > self._decided:
            self._require_decided(fields, username, profile)
        if "$" in profile or '"{' in profile or '"*' in profile:
            columns.require_no_credentials(profile)
        if recipe is None and not self._decisions.has_hashes and absence is None:
            columns.require_no_overlooked_hash(fields)
        email_key = columns.email_key(fields, profile, login, key)
        return StagedAccount(
            row.line, login, key, okta_id, recipe, hash_bytes, salt, username, None, profile, cleared, identifiers,
            email_key, disabled, _groups(fields["groups"]) if "groups" in fields else None,
        )  # fmt: skip

    def _require_decided(self, fields: Mapping[str, object], username: str | None, profile: str) -> None:
        """Reject a row with a NULL spelling in a column where the first rows have none. Raises `RejectedRow`."""
        values: list[tuple[str, object]] = [("username", username)] if username in NULLS else []
        if "identifiers" in fields:
            values.append(("identifiers", fields["identifiers"]))
        if "ull" in profile or "NULL" in profile or "None" in profile:
            values += json.loads(profile).items()
        for name, value in values:
            for text in nulls_in(name, value):
                self._nulls[name, text] += 1
                is_new = (name, text) not in self._decisions.kept_nulls
                if is_new or is_null_share(self._nulls[name, text], self._rows):
                    raise RejectedRow(
                        Reason.BAD_COLUMN,
                        f"{text} in {name}, which the first {self._decided:,} rows do not have or have less often: "
                        f"--null {shlex.quote(text)} reads it as a missing value",
                    )

    @property
    def ignored(self) -> set[str]:
        """Return the columns that are not stored."""
        return set[str]().union(*(each.ignored for each in self._profiles.values()))

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
            raise RejectedRow(Reason.BAD_LOGIN, "it is empty without diacritics")
        return login, key

    def _profile_columns(self, fields: Mapping[str, object]) -> ProfileColumns:
        layout = tuple(fields)
        found = self._profiles.get(layout)
        if found is None:
            refuse_secrets(layout)
            names = [name for name in layout if name not in OWN_COLUMNS]
            declared = [name for name in names if name in self._decisions.declared]
            unused = [name for name in names if name not in self._decisions.declared]
            found = ProfileColumns(declared, unused, self._decisions, nested="profile" in fields)
            if len(self._profiles) < LAYOUTS_KEPT and len(layout) <= NAMES_KEPT:
                self._profiles[layout] = found
        return found


LONGEST_GROUP = 255
"""Maximum characters of a group's name in Okta."""
LISTS = ("identifiers", "groups")
"""Columns whose values are separated by `;`."""
NO_HASH = (NULLS - WORDS) | {"", "''", '""'}
"""What exports write for a missing hash; `WORDS` mean that too, but may be passwords in clear."""
DISABLED = "disabled in the old system"
MARKS = frozenset("!*xXLlNnDdRrTt{ \t")
"""The beginning of a text that may not be a hash."""
DIGESTS = frozenset({"{S", "{s", "{M", "{m", "{P", "{p", "{A", "{a"})
"""The beginning of digest schemes, which most hashes of a directory have."""
LONGEST_SCHEME = 24
"""Maximum characters of a scheme without a digest."""
LOCKED = re.compile(
    r"(?i:\s*(?:\{crypt\})?(?:!.*|\*+|x+|\*LK\*.*|\*LOCKED\*.*|\*?NP\*?|LK|\*?NOLOGIN\*?|\*lock(?:ed)?\*"
    r"|\*?NO ?PASSWORD\*?|locked|disabled|\*[01]|not cached|restored|to be generated)\s*"
    r"|\s*\{(?!noop|plain|clear)[a-z0-9._-]{2,30}\}[!*x]*\s*)",
    re.DOTALL,
)
"""Values in place of a hash if nobody can sign in with a password: `!` before a hash is Django's and
usermod's (shadow(5), passwd(1)), `*0` is crypt(3)'s failure, `not cached`, `restored` and `to be generated` are
Moodle's; the others come from Solaris, FreeBSD and directories, which also write a scheme without a digest. After the
scheme of a password in clear, anything is the password."""
ELSEWHERE = re.compile(r"(?i:\s*\{(?:SASL|KERBEROS|UNIX|PASSTHROUGH|LDAP-BIND)\}[^$]*)")
"""Values of a directory that name another verifier, and are not hashes."""


def is_disabled(text: str) -> bool:
    """Return whether a text in place of a hash means that nobody can sign in."""
    return LOCKED.fullmatch(text) is not None


class Absence(enum.Enum):
    """Why a row has no hash although its column has a value."""

    DISABLED = enum.auto()
    """Nobody can sign in with a password."""
    ELSEWHERE = enum.auto()
    """Another verifier checks the password."""
    NULL = enum.auto()


def usable_hash(fields: Mapping[str, object], resolver: HashResolver) -> tuple[str | None, Absence | None]:
    """Return the hash of a row, None if it has none, and the reason for its absence. Raises `RejectedRow`."""
    text = hash_text(fields)
    if text is None or text[0] not in MARKS or (len(text) > LONGEST_SCHEME and text[:2] in DIGESTS):
        return text, None
    absence = _absence(text)
    return (text, None) if absence is None or resolver.is_clear(fields) else (None, absence)


def _absence(text: str) -> Absence | None:
    if is_disabled(text):
        return Absence.DISABLED
    if ELSEWHERE.fullmatch(text):
        return Absence.ELSEWHERE
    return Absence.NULL if text.strip() in WORDS else None


def hash_text(fields: Mapping[str, object]) -> str | None:
    """Return the hash of a row as one text; None if it has none. Raises `RejectedRow`."""
    value = fields.get("password_hash")
    if isinstance(value, str):
        return None if value in NO_HASH or value.strip() in NO_HASH else value
    if isinstance(value, list):
        value = _usable(value)
    if isinstance(value, dict | list):  # Keycloak's credential as an object, or several hashes of a directory
        return json.dumps(value)
    text = value if isinstance(value, str) else text_of({"password_hash": value}, "password_hash")
    return None if text is None or text.strip() in NO_HASH else text


def _usable(values: list[object]) -> object:
    """Return the usable hashes among several values; if there are none, a value that explains why."""
    usable = [each for each in values if not isinstance(each, str) or not _says_nothing(each)]
    locked = [each for each in values if isinstance(each, str) and is_disabled(each)]
    kept = usable or locked[:1] or values
    return kept[0] if len(kept) == 1 else kept


def _says_nothing(text: str) -> bool:
    return text.strip() in NO_HASH or is_disabled(text) or ELSEWHERE.fullmatch(text.strip()) is not None


def _okta_id(fields: Mapping[str, object]) -> str | None:
    okta_id = recipe_text(fields, "okta_id")
    if okta_id and is_too_long(okta_id):
        raise RejectedRow(Reason.BAD_COLUMN, f"the okta_id is longer than {MAX_NAME} bytes")
    return okta_id


def _email_key(email: object, key: str) -> str | None:
    if not isinstance(email, str) or is_too_long(email):
        return None
    found = login_key(email.strip())
    return found if found and found != key else None


def _groups(given: object) -> list[str]:
    """Return the names of a row's Okta groups, without duplicates, in byte order."""
    if given is None or given == "":
        return []
    names = given.split(";") if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RejectedRow(Reason.BAD_COLUMN, "groups is not a list of texts")
    found = sorted({name.strip() for name in names} - {""})
    if len(found) > MAX_GROUPS:
        raise RejectedRow(
            Reason.BAD_COLUMN, f"there are {len(found)} groups, but Okta allows {MAX_GROUPS} for a new user"
        )
    if any(len(name) > LONGEST_GROUP for name in found):
        raise RejectedRow(Reason.BAD_COLUMN, f"the name of a group is longer than {LONGEST_GROUP} characters")
    return found


def _identifiers(given: object, key: str) -> list[str]:
    """Return the keys of the other names, in byte order."""
    if given is None or given == "":
        return []
    names = given.split(";") if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RejectedRow(Reason.BAD_COLUMN, "identifiers is not a list of texts")
    if any(map(is_too_long, names)):
        raise RejectedRow(Reason.BAD_COLUMN, f"an identifier is longer than {MAX_NAME} bytes")
    return sorted({login_key(name.strip()) for name in names} - {"", key})


# The mapping of an export's column names: in any case, under another usual name, or given by --map.

ALIASES = {"hash": "password_hash", "formula": "format"}
"""Common alternative names of columns; `--map` is for all others."""
IN_ANY_CASE = (OWN_COLUMNS | NEVER_STORED.keys() | ALIASES.keys()) - OPTIONS - NOTES - {"profile"}
"""Oracle writes PASSWORD_HASH, and a hash must not become an attribute. Other names are attributes with their case;
short option names might match by chance."""


def naming(given: Mapping[str, str]) -> Callable[[str], str]:
    """Return the function that maps column names; `given` has priority."""

    def named(column: str) -> str:
        name = given.get(column, column)
        lower = name.lower()
        return ALIASES.get(lower, lower) if lower in IN_ANY_CASE else name

    return named
