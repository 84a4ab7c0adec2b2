"""A row of an export as an account for the store, or the reason for rejecting it."""

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


@dataclass(frozen=True, slots=True)
class Decisions:
    """How the rows of one export are read, decided once by its first rows."""

    declared: frozenset[str] = frozenset(BASE_PROFILE)
    """Attributes that are stored."""
    forced: frozenset[str] = frozenset()
    """Attributes that are stored although they look like credentials."""
    has_hashes: bool = True
    """Whether a column is taken as `password_hash`, or the operator says that there is none."""
    null_columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By column, the texts such as NULL that are no value in it."""
    null_texts: frozenset[str] = frozenset()
    """Texts that are no value in any column."""
    product: Product | None = None
    examined: int | None = None
    """The number of rows by which this was decided: a later one that contradicts it is refused. None: no row was."""
    kept_nulls: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By column and spelling, the number of these rows in which it is read as a text."""

    @property
    def changes_nothing(self) -> bool:
        """Tell whether rows are read as they are."""
        return not (self.null_columns or self.null_texts or self.product)

    def applied_to(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Give the fields of a row as they are meant. Raises `RejectedRow`."""
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
"""A column has a text such as NULL for no value where as many rows have it; below that it may be a person's name."""


def is_null_share(number: int, rows: int) -> bool:
    """Tell whether so many of the rows have a text such as NULL in one column that it is no value there."""
    return number >= max(NULL_ROWS, NULL_SHARE * rows)


def nulls_in(name: str, value: object) -> set[str]:
    """Give the texts such as NULL in a column that may be values of it."""
    values = value.split(";") if isinstance(value, str) and name in LISTS else [value]
    given = value if isinstance(value, list) else values
    possible = WORDS if name == "salt" else NULLS
    return {each for each in given if isinstance(each, str) and each in possible}


class ProfileColumns:
    """The columns of one layout that are attributes of the profile."""

    def __init__(self, names: Sequence[str], unused: Sequence[str], decisions: Decisions, *, nested: bool) -> None:
        """With `nested`, the column `profile` holds more of them as an object; `unused` columns are no attributes."""
        self._nested = nested
        self._names = names
        self._unused = unused
        self._nesting = ("profile",) if nested else ()
        self._decisions = decisions
        self.ignored = set(unused)
        """Names that no attribute is declared by."""
        self._has_email = "email" in names
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

    def require_no_credentials(self, profile: str) -> None:
        """Refuse attributes that look like hashes, which the first rows did not have. Raises `RejectedRow`."""
        for name, value in leaves(json.loads(profile)):
            if is_hash(value) and name.partition(".")[0] not in self._decisions.forced:
                raise RejectedRow(
                    Reason.CREDENTIAL, f"the attribute {name} holds what looks like a hash; see --force-attribute"
                )

    def require_no_overlooked_hash(self, fields: Mapping[str, object]) -> None:
        """Refuse a row without a hash in which another column looks like one. Raises `RejectedRow`."""
        for path, value in leaves({name: fields[name] for name in (*self._unused, *self._nesting)}):
            if holds_hash(path, value):
                raise RejectedRow(Reason.CREDENTIAL, f"{path} looks like a hash: --map {path}=password_hash")

    def email_key(self, fields: Mapping[str, object], profile: str, login: str, key: str) -> str | None:
        """Give the key of an email that is another name than the login, also where it is in the column `profile`."""
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
        raise RejectedRow(Reason.BAD_COLUMN, "profile is no JSON object")
    names = [name.lower() for name in nested]
    refuse_secrets(names)
    if "password_hash" in names:
        raise RejectedRow(Reason.BAD_COLUMN, "password_hash stands beside the profile, not in it")
    return nested


NOTES = frozenset({"line", "reason", "unreadable"})
"""What a rejects file adds."""
OWN_COLUMNS = HASH_COLUMNS | NOTES | {"login", "okta_id", "identifiers", "groups", "profile"}
OKTA_LONGEST = 100
"""Characters of a login that Okta takes."""
NAMES_KEPT = 1000
"""Ignored columns that are noted of one layout."""
LAYOUTS_KEPT = 1000
"""Rows of JSON may all differ in their keys."""


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
        """How many logins are longer than Okta takes."""
        self.disabled = 0
        """How many rows have no hash because the account is disabled in the old system."""
        self.elsewhere = 0
        """How many rows have no hash because another verifier checks the password, as a directory's `{SASL}` says."""

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
        """Refuse a row that has a text such as NULL where the first rows do not. Raises `RejectedRow`."""
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
                        f"--null {shlex.quote(text)} reads it as no value",
                    )

    @property
    def ignored(self) -> set[str]:
        """Columns that are not stored."""
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
            raise RejectedRow(Reason.BAD_LOGIN, "nothing is left of it without diacritics")
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
"""Characters of a group's name in Okta."""
LISTS = ("identifiers", "groups")
"""Columns with `;` between their values."""
NO_HASH = (NULLS - WORDS) | {"", "''", '""'}
"""What exports write where there is no hash; `WORDS` say so too, but may be passwords in clear."""
DISABLED = "disabled in the old system"
MARKS = frozenset("!*xXLlNnDdRrTt{ \t")
"""How a text begins that may be no hash."""
DIGESTS = frozenset({"{S", "{s", "{M", "{m", "{P", "{p", "{A", "{a"})
"""How the schemes of digests begin; most hashes of a directory are of one."""
LONGEST_SCHEME = 24
"""Characters of a scheme without a digest behind it."""
LOCKED = re.compile(
    r"(?i:\s*(?:\{crypt\})?(?:!.*|\*+|x+|\*LK\*.*|\*LOCKED\*.*|\*?NP\*?|LK|\*?NOLOGIN\*?|\*lock(?:ed)?\*"
    r"|\*?NO ?PASSWORD\*?|locked|disabled|\*[01]|not cached|restored|to be generated)\s*"
    r"|\s*\{(?!noop|plain|clear)[a-z0-9._-]{2,30}\}[!*x]*\s*)",
    re.DOTALL,
)
"""What stands in the place of a hash where nobody may sign in with a password: `!` before a hash is Django's and
usermod's (shadow(5), passwd(1)), `*0` is crypt(3)'s failure, `not cached`, `restored` and `to be generated` are
Moodle's, the others are of Solaris, FreeBSD and directories, which also leave a scheme without its digest. Behind the
scheme of a password in clear anything is the password."""
ELSEWHERE = re.compile(r"(?i:\s*\{(?:SASL|KERBEROS|UNIX|PASSTHROUGH|LDAP-BIND)\}[^$]*)")
"""Values of a directory that name another verifier, and are no hash."""


def is_disabled(text: str) -> bool:
    """Tell whether a text in the place of a hash says that nobody may sign in."""
    return LOCKED.fullmatch(text) is not None


class Absence(enum.Enum):
    """Why a row has no hash although its column is not empty."""

    DISABLED = enum.auto()
    """Nobody may sign in with a password."""
    ELSEWHERE = enum.auto()
    """Another verifier checks the password."""
    NULL = enum.auto()


def usable_hash(fields: Mapping[str, object], resolver: HashResolver) -> tuple[str | None, Absence | None]:
    """Give the hash of a row, None where it has none, and what stands in its place. Raises `RejectedRow`."""
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
    """Give the hash of a row as one text; None where it has none. Raises `RejectedRow`."""
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
    """Give those of several values that are hashes; where none is, one that says so."""
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
    """Give the names of a row's Okta groups, each once, in the order of their bytes."""
    if given is None or given == "":
        return []
    names = given.split(";") if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RejectedRow(Reason.BAD_COLUMN, "groups is no list of texts")
    found = sorted({name.strip() for name in names} - {""})
    if len(found) > MAX_GROUPS:
        raise RejectedRow(
            Reason.BAD_COLUMN, f"there are {len(found)} groups, and Okta takes {MAX_GROUPS} of a new user"
        )
    if any(len(name) > LONGEST_GROUP for name in found):
        raise RejectedRow(Reason.BAD_COLUMN, f"the name of a group is longer than {LONGEST_GROUP} characters")
    return found


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
