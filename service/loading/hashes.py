"""Resolution of a row's hash: its recipe, shape and cost.

The columns of a row have priority over the settings of its source, and these over what the hash says itself.
"""

import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from service.hashing import registry
from service.hashing.encodings import is_charset
from service.hashing.format import (
    Check,
    Format,
    MalformedHash,
    NoUsername,
    Recipe,
    StoredHash,
    TooCostly,
    UnknownFormat,
    UnusableHash,
)
from service.hashing.limits import MAX_DIGITS, require_affordable
from service.immutable import immutable
from service.loading.files import json_lines
from service.loading.reject import Reason, RejectedRow
from service.loading.sources import OPTIONS, SALT_ENCODINGS, Source
from service.stored_hashes import dummy_hash_fields, pepper_names, recipe_parameters

# Groups of hashes that are parsed with one result, whatever their digits.
#
# Parsing takes half of the time of loading a million rows. Whether a hash is well-formed and what it costs does not
# depend on the digits of salt and digest in any format that uses one of three encodings: bcrypt, whose prefix and cost
# come first; whole bytes in hex; and the padded base64 of a directory's `{SSHA}` and similar schemes. Everything else
# is parsed row by row, including an odd number of hex digits, whose first may be a marker.

ALIKE = re.compile(
    r"(\$2[abxy]\$[0-9]{2}\$)[./A-Za-z0-9]{53}"
    # A text that is hex throughout may be decoded as hex by a directory, unlike base64 of the same length.
    r"|(\{(?i:S?(?:MD5|SHA[0-9]{0,3}))\})(?=[0-9A-Fa-f]*[^0-9A-Fa-f])(?:[A-Za-z0-9+/]{4})*"
    r"(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)"
    r"|((?:[0-9a-f]{2})+)"
    r"|((?:[0-9A-F]{2})+)"
)
"""Groups: what precedes the digits of bcrypt, and of a directory's digest; lower-case hex; upper-case hex."""

PACKED = ("24", "7b", "7B")
"""The beginning of `$` and `{` in hex: it may be the text of another hash."""

ParseKey = tuple[int, int | None, str, int, bool | None, bool]


PLAIN_DIGESTS = frozenset({"md5", "md4", "nt", "lm", "sha1", "sha224", "sha256", "sha384", "sha512"})
"""Formats other than formulas whose hex is only a digest; containers include their costs."""

HEX_GROUPS = (3, 4)


@cache
def _is_digest(format_name: str) -> bool:
    return format_name in PLAIN_DIGESTS or registry.is_formula(format_name)


def parse_key(
    recipe: Recipe, text: str, salt: str | None, username: str | None, formats: tuple[str, ...] = ()
) -> ParseKey | None:
    """Return the key that hashes with the same parse result share; None for a hash that must be parsed itself.

    `formats` are those of the source, which apply if the recipe has no format.
    """
    match = ALIKE.fullmatch(text)
    if match is None or text.startswith(PACKED) or not (username is None or username.isascii()):
        return None
    if salt is not None and not (recipe.salt_encoding == "text" and salt.isascii()):
        return None
    kind = match.lastindex
    named = (recipe.format,) if recipe.format else formats
    if kind in HEX_GROUPS and not (named and all(map(_is_digest, named))):
        return None
    said = match[1] or match[2] or ""
    # The recipe by identity: the resolver keeps one object for each.
    return id(recipe), kind, said, len(text), _salted(salt), username is None


def _salted(salt: str | None) -> bool | None:
    """Return whether a salt has base64 padding: it may then be decoded in two ways, which doubles the cost."""
    return None if salt is None else salt.endswith("=")


# From a hash and a recipe to a check, or to the reason why there is none.

RUNS = str.maketrans(
    {
        **dict.fromkeys("0123456789", "0"),
        **dict.fromkeys("abcdef", "a"),
        **dict.fromkeys("ghijklmnopqrstuvwxyz", "g"),
        **dict.fromkeys("ABCDEF", "A"),
        **dict.fromkeys("GHIJKLMNOPQRSTUVWXYZ", "G"),
    }
)
"""The classes of letters and digits that shape keys distinguish."""
SEPARATORS = re.compile(r"[^0-9A-Za-z+/.=]")
BEGINNING = re.compile(r"\$[^$]{0,40}\$|\{[^}]{0,40}\}|[A-Za-z0-9_.@+-]{1,24}[$:|]")
"""The beginning of a hash that names its format, such as `$2b$`, `{SSHA}` and `pbkdf2_sha256$`."""
SHOWN = 10
"""Formats that a rejection names."""


@dataclass(slots=True)
class PreparedRecipe:
    """A recipe with the data that is looked up once for all rows that use it."""

    recipe: Recipe
    peppers: tuple[bytes, ...] = field(repr=False)
    parse: Callable[[StoredHash], Check]
    numbers: dict[str, int] = field(default_factory=dict)
    """Recipe numbers by the cost of the hash."""


def parser_of(recipe: Recipe) -> Callable[[StoredHash], Check]:
    """Return the function that parses the hashes of a recipe. Raises `RejectedRow` for an unknown format."""
    try:
        return registry.reader_of(recipe.format)
    except UnknownFormat as error:
        raise RejectedRow(Reason.UNKNOWN_FORMAT, str(error)) from None


def parse(prepared: PreparedRecipe, text: str, salt: str | None, username: str | None) -> tuple[StoredHash, Check]:
    """Parse a hash by its recipe. Raises `RejectedRow`, and `NoUsername` if another name may work."""
    pepper = prepared.peppers[0] if prepared.peppers else None
    stored = StoredHash(text, prepared.recipe, salt, username, pepper, prepared.peppers[1:])
    try:
        check = prepared.parse(stored)
        require_affordable(check.work)
    except NoUsername:
        raise
    except TooCostly as error:
        raise RejectedRow(Reason.TOO_COSTLY, str(error)) from None
    except MalformedHash as error:
        raise RejectedRow(Reason.MALFORMED_HASH, str(error)) from None
    except UnusableHash as error:
        raise RejectedRow(Reason.UNKNOWN_FORMAT, str(error)) from None
    return stored, check


ANY_SALT = "00" * 8
"""A salt in each encoding."""


def fits(prepared: PreparedRecipe, text: str, salt: str, username: str | None) -> bool:
    """Return whether a hash with this salt can be parsed."""
    try:
        parse(prepared, text, salt, username)
    except RejectedRow:
        return False
    return True


def uses_pepper(stored: StoredHash, check: Check) -> bool:
    """Return whether the pepper affects the check of a hash."""
    try:
        without = registry.check(replace(stored, pepper=None, more_peppers=()))
    except UnusableHash:
        return True
    return pickle.dumps(without) != pickle.dumps(check)


SALTED_IN_TEXT = frozenset({"bcrypt", "argon2", "ruby_scrypt", "ruby_first_scrypt"})
"""Formats whose text contains their salt: a row may have another one, as those of Metabase and Authlogic."""


def _may_miss(salt: str, format_name: str, text: str) -> bool:
    return _is_digest(format_name) or (format_name in SALTED_IN_TEXT and salt not in text)


def uses_salt(stored: StoredHash, check: Check) -> bool:
    """Return whether the salt affects the check of a hash."""
    try:
        without = registry.check(replace(stored, salt=None))
    except UnusableHash:
        return True
    return pickle.dumps(without) != pickle.dumps(check)


def parse_named(
    prepared: PreparedRecipe, text: str, salt: str | None, username: str | None
) -> tuple[StoredHash, Check]:
    """Parse a hash in the named format; if it does not match, the error also names the formats that it resembles."""
    try:
        return parse(prepared, text, salt, username)
    except RejectedRow as refusal:
        looks = [each.name for each in registry.candidates(text)]
        if refusal.reason is not Reason.MALFORMED_HASH or not looks:
            raise
        raise RejectedRow(refusal.reason, f"{refusal.detail}; it looks like {' or '.join(looks[:SHOWN])}") from None


def only_candidate(text: str) -> Format:
    """Return the only format whose shape a hash has. Raises `RejectedRow` if there is none, or more than one."""
    found = registry.candidates(text)
    if not found:
        raise RejectedRow(Reason.UNKNOWN_SHAPE, "name its format, or a formula")
    if len(found) > 1:
        names, more = ", ".join(each.name for each in found[:SHOWN]), ", …" if len(found) > SHOWN else ""
        raise RejectedRow(Reason.AMBIGUOUS_SHAPE, f"name its format ({names}{more}) or a formula")
    return found[0]


ShapeKey = tuple[str, str, tuple[tuple[int, frozenset[str]], ...]]


def shape_key(text: str) -> ShapeKey | None:
    """Return a key that texts with the same candidate formats share; None if the candidates must be looked up.

    It contains the beginning, the separators in order, and for each field between them the length and the classes of
    characters. Comparing a text with the shape of every format takes 0.3 ms, this takes 5 µs. Only for hashes with
    a marker at the beginning, since the format of bare digests and base64 may depend on each character.
    """
    begin = BEGINNING.match(text)
    if begin is None:
        return None
    rest = text[begin.end() :]
    fields = SEPARATORS.split(rest.translate(RUNS))
    return begin[0], "".join(SEPARATORS.findall(rest)), tuple([(len(field), frozenset(field)) for field in fields])


# From the columns of a row and the settings of its source to a recipe.

RECIPE_COLUMNS = OPTIONS | {"format", "iterations", "charset", "pepper_env", "salt_encoding", "options"}

EMPTY_IS_SAID = frozenset({"passwd_hash_algo"})
"""Options for which an empty column has a meaning: Gitea's rows from before the column existed."""
LONGEST_OPTIONS = 500
"""Characters: recipes are indexed by them, and an entry of PostgreSQL's B-tree is limited to 2,704 bytes."""


def read_recipe(fields: Mapping[str, object], source: Source) -> Recipe:
    """Create the recipe of a row; its format is empty if the row names none. Raises `RejectedRow`."""
    return Recipe(
        format=recipe_text(fields, "format") or "",
        charset=_charset(recipe_text(fields, "charset")) or source.charset,
        pepper_env=_pepper_env(fields, source),
        iterations=_whole(fields, "iterations") or source.iterations,
        salt_encoding=_salt_encoding(recipe_text(fields, "salt_encoding")) or source.salt_encoding,
        options={**source.options, **_options(fields)},
    )


def _pepper_env(fields: Mapping[str, object], source: Source) -> str | None:
    """Return the variable of the source. A row must not name one: it could have any variable hashed."""
    if recipe_text(fields, "pepper_env") is not None:
        lines = f'[sources.{source.name}] and under it pepper_env = "NAME_OF_THE_VARIABLE"'
        raise RejectedRow(
            Reason.BAD_COLUMN, f"pepper_env must not be a column of a row; write in the file of SOURCES {lines}"
        )
    return source.pepper_env


NULLS = frozenset({"\\N", "NULL", "null", "(null)", "[NULL]", "<NULL>", "<null>", "None"})
"""What exports write for a missing value: COPY and MySQL, SQL Server, Oracle, DBeaver, DataGrip, scripts."""
WORDS = frozenset({"null", "None"})
"""Those of them that may be a random salt."""


def recipe_text(fields: Mapping[str, object], name: str) -> str | None:
    """Return a column that identifies no person as text; None also for NULL spellings. Raises `RejectedRow`."""
    value = text_of(fields, name)
    if value not in NULLS:
        return value
    if name == "salt" and value in WORDS:
        raise RejectedRow(
            Reason.BAD_COLUMN,
            f"the salt {value} may be a real one or a missing value: --null {value} reads it as a missing value",
        )
    return None


def text_of(fields: Mapping[str, object], name: str) -> str | None:
    """Return a column as text; None if it is missing or empty. Raises `RejectedRow` for another value."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise RejectedRow(Reason.BAD_COLUMN, f"{name} is not a text")


def _whole(fields: Mapping[str, object], name: str) -> int | None:
    text = recipe_text(fields, name)
    if text is None:
        return None
    if not (text.strip().isascii() and text.strip().isdigit()) or len(text) > MAX_DIGITS:
        raise RejectedRow(Reason.BAD_COLUMN, f"{name} is not a whole number")
    return int(text)


def _charset(name: str | None) -> str | None:
    if name is not None and not is_charset(name):
        raise RejectedRow(Reason.BAD_COLUMN, f"unknown charset {name!r}")
    return name


def _salt_encoding(name: str | None) -> str | None:
    if name is not None and name not in SALT_ENCODINGS:
        raise RejectedRow(Reason.BAD_COLUMN, f"salt_encoding must be one of {', '.join(SALT_ENCODINGS)}")
    return name


def _options(fields: Mapping[str, object]) -> dict[str, str]:
    """Return the options of a row, from the JSON column `options` and from columns named like a parameter."""
    given = fields.get("options")
    options = _object(given) if given else {}
    for name in OPTIONS & fields.keys():
        value = recipe_text(fields, name)
        if value is not None or name in EMPTY_IS_SAID:
            options[name] = value or ""
    if sum(map(len, options.values())) + sum(map(len, options)) > LONGEST_OPTIONS:
        raise RejectedRow(Reason.BAD_COLUMN, f"options are longer than {LONGEST_OPTIONS} characters")
    return dict(sorted(options.items()))


def _object(given: object) -> dict[str, str]:
    if isinstance(given, str):
        try:
            given = json_lines.decode(given)
        except ValueError:
            given = None
    if not isinstance(given, dict):
        raise RejectedRow(Reason.BAD_COLUMN, "options is not a JSON object")
    return {str(name): str(value) for name, value in given.items() if value is not None}


HASH_COLUMNS = RECIPE_COLUMNS | {"password_hash", "salt", "username", "user"}
MOST_MET = 10_000
"""Maximum recipes and costs in the caches. A store has a handful; if every row has its own parameters, none occurs
again, and keeping them all would take a kilobyte per row."""

HEX_PREFIXES = ("\\x", "0x", "0X")
"""What databases write before binary values in hex."""

Resolved = tuple[int, str | None, str | None]
"""The number of a recipe, a salt, and a username."""


@immutable
class NewRecipe:
    """A recipe that is new to this load, in the form that the store keeps."""

    number: int
    format: str
    parameters: dict[str, Any] = field(repr=False)
    cost: str
    dummy_hash: dict[str, Any] = field(repr=False)
    work: float
    """Its share of the cost limit of one sign-in."""


class HashResolver:
    """Resolves the hashes of one load, and numbers their recipes."""

    def __init__(self, source: Source, environment: Mapping[str, str]) -> None:
        self._source = source
        self._environment = environment
        self._plain = read_recipe({}, source)
        self._formats = tuple(name for name in (source.format, *source.other_formats) if name)
        # Without one of these caches, resolving an export of mixed hashes takes 4.2 times the CPU time (`_alike`), 7.6
        # (`_shapes`), 7.8 (`_recipes`, whose objects are part of the other keys) or 4.6 (`_prepared`): bench, `caches`.
        self._recipes: dict[tuple[object, ...], Recipe] = {}
        self._prepared: dict[tuple[int, str], PreparedRecipe] = {}
        self._shapes: dict[ShapeKey, Format] = {}
        self._alike: dict[ParseKey | None, int] = {}
        self._numbered = 0
        self._met = 0
        """Number of recipes and costs in the caches."""
        self.new: list[NewRecipe] = []
        """New recipes that the caller has not processed yet."""
        self.named_by_login = 0
        """Number of hashes that include a name that no column contains, so that the login is used."""

        self.unused_peppers: set[str] = set()
        """Formats, with their costs, that do not use the pepper of the source."""
        self.unused_salts: set[str] = set()
        """Formats that do not use the salt of their row."""

    def resolve(self, fields: Mapping[str, object], text: str, login: str | None = None) -> Resolved:
        """Return the number of the recipe that checks `text`, the salt and the username. Raises `RejectedRow`.

        If no column contains the name that was hashed, the login is used.
        """
        username = self._username(fields)
        try:
            return self._resolve(fields, text, username)
        except NoUsername as error:
            if self._source.username is not None or login is None:
                raise RejectedRow(Reason.MALFORMED_HASH, str(error)) from None
        self.named_by_login += 1
        return self._resolve(fields, text, login)

    def is_clear(self, fields: Mapping[str, object]) -> bool:
        """Return whether the row or its source declares passwords in clear, which may be any text."""
        name = recipe_text(fields, "format") if "format" in fields else None
        found = registry.find(name or self._source.format or "")
        return found is not None and found.name == "cleartext"

    def _resolve(self, fields: Mapping[str, object], text: str, username: str | None) -> Resolved:
        if self._met >= MOST_MET:
            self._forget()
        recipe = self._plain if RECIPE_COLUMNS.isdisjoint(fields) else self._recipe(fields)
        salt = recipe_text(fields, "salt") if "salt" in fields else None
        if salt is not None and recipe.salt_encoding == "hex" and salt[:2] in HEX_PREFIXES:
            salt = salt[2:]
        alike = parse_key(recipe, text, salt, username, self._formats)
        number = self._alike.get(alike)
        if number is None:
            number = self._parsed(recipe, text, salt, username)
            if alike is not None:
                self._alike[alike] = number
        return number, salt, username

    def _forget(self) -> None:
        """Clear the caches: a recipe that occurs again gets a new number, which the store maps to the same recipe.

        All caches at once: their keys contain the identity of recipes, which new objects may get again.
        """
        for known in (self._recipes, self._prepared, self._shapes, self._alike):
            known.clear()
        self._met = 0

    def _parsed(self, recipe: Recipe, text: str, salt: str | None, username: str | None) -> int:
        if recipe.format:
            prepared = self._prepare(recipe, recipe.format)
            stored, check = parse_named(prepared, text, salt, username)
        elif self._formats:
            prepared, stored, check = self._fitted(recipe, text, salt, username)
        else:
            prepared, stored, check = self._recognise(recipe, text, salt, username)
        name = prepared.recipe.format
        if salt is not None and name not in self.unused_salts and _may_miss(salt, name, text):
            self.unused_salts.update(() if uses_salt(stored, check) else (name,))
        return prepared.numbers.get(check.cost) or self._number(prepared, stored, check)

    def _recipe(self, fields: Mapping[str, object]) -> Recipe:
        """Return the recipe of a row, with an empty format if none is named; the same object for the same columns."""
        key = tuple([(name, str(fields[name])) for name in fields if name in RECIPE_COLUMNS])
        found = self._recipes.get(key)
        if found is None:
            found = self._recipes[key] = read_recipe(fields, self._source)
            self._met += 1
        return found

    def _prepare(self, recipe: Recipe, format_name: str) -> PreparedRecipe:
        key = id(recipe), format_name
        prepared = self._prepared.get(key)
        if prepared is None:
            named = recipe if recipe.format else replace(recipe, format=format_name)
            prepared = self._prepared[key] = PreparedRecipe(named, self._peppers(named), parser_of(named))
        return prepared

    def _fitted(
        self, recipe: Recipe, text: str, salt: str | None, username: str | None
    ) -> tuple[PreparedRecipe, StoredHash, Check]:
        """Parse by the first of the source's formats that the hash matches, otherwise by the hash's own description.

        A hash that matches a format except for the salt, which its row lacks, is rejected: like Metabase's bcrypt, it
        would be parsed as one without a salt, and every password would be wrong.
        """
        refusal: RejectedRow | None = None
        lacks_salt = False
        for name in self._formats:
            prepared = self._prepare(recipe, name)
            try:
                return prepared, *parse(prepared, text, salt, username)
            except RejectedRow as error:
                if error.reason is not Reason.MALFORMED_HASH:
                    raise
                refusal = refusal or error
                lacks_salt = lacks_salt or (salt is None and fits(prepared, text, ANY_SALT, username))
        if lacks_salt and refusal is not None:
            raise refusal
        try:
            return self._recognise(recipe, text, salt, username)
        except RejectedRow as error:
            looks = [each.name for each in registry.candidates(text)]
            assert refusal is not None  # noqa: S101 (the source has formats)
            more = f"; it looks like {' or '.join(looks[:SHOWN])}" if looks else ""
            raise RejectedRow(Reason.MALFORMED_HASH, f"{refusal.detail}{more}") from error

    def _recognise(
        self, recipe: Recipe, text: str, salt: str | None, username: str | None
    ) -> tuple[PreparedRecipe, StoredHash, Check]:
        """Parse a hash by its own description."""
        key = shape_key(text)
        found = None if key is None else self._shapes.get(key)
        if found is None:
            found = only_candidate(text)
            if key is not None:
                self._shapes[key] = found
                self._met += 1
        prepared = self._prepare(recipe, found.name)
        return prepared, *parse(prepared, text, salt, username)

    def _username(self, fields: Mapping[str, object]) -> str | None:
        if self._source.username is not None:
            return text_of(fields, self._source.username)
        named = text_of(fields, "username") if "username" in fields else None
        return named or (text_of(fields, "user") if "user" in fields else None)

    def _peppers(self, recipe: Recipe) -> tuple[bytes, ...]:
        names = pepper_names(recipe.pepper_env)
        missing = next((name for name in names if name not in self._environment), None)
        if missing is not None:
            raise RejectedRow(Reason.NO_PEPPER, missing)
        return tuple(self._environment[name].encode("utf-8", "surrogateescape") for name in names)

    def _number(self, prepared: PreparedRecipe, stored: StoredHash, check: Check) -> int:
        dummy_hash = dummy_hash_fields(registry.dummy_hash(stored))
        if stored.pepper is not None and not uses_pepper(stored, check):
            # The members of a family differ: Moodle's bcrypt has no pepper, its SHA-crypt has one.
            self.unused_peppers.add(f"{prepared.recipe.format} ({check.cost})")
        self._numbered += 1
        self._met += 1
        prepared.numbers[check.cost] = self._numbered
        parameters = recipe_parameters(prepared.recipe)
        self.new.append(
            NewRecipe(self._numbered, prepared.recipe.format, parameters, check.cost, dummy_hash, check.work)
        )
        return self._numbered
