"""Decisions on an export from its first rows, before any is stored: columns, missing values, products, ignored columns.

Each decision is made once, printed, and applies to every later row; a row that contradicts it is rejected.
"""

import itertools
import re
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from service.loading.credentials import DIGEST, holds_hash, is_credential_name, is_hash, leaves
from service.loading.files.row import FaultyRow, Row
from service.loading.product_columns import product_of
from service.loading.product_tables import Recognised, is_generic, recognise
from service.loading.rows import OWN_COLUMNS, Decisions, is_null_share, nulls_in
from service.loading.sources import Source
from service.store.attributes import BASE_PROFILE

EXAMINED = 10_000
"""Rows."""
EXAMINED_CHARACTERS = 1 << 26
"""Characters of the export after which fewer rows are examined: these rows are kept in memory."""
HEX_SALT = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
LITERAL_SALT = re.compile(r"(?:\\?\\x|0[xX])(?:[0-9A-Fa-f]{2})+|[xX]'(?:[0-9A-Fa-f]{2})+'|[bB](['\"]).+\1")
"""How databases and scripts write binary values."""
LOGINS = ("email", "mail", "username", "userName", "user_name", "userPrincipalName", "upn", "login_name", "name")
"""Columns that may hold the login, the most likely first."""
NAMED = 20
"""Maximum columns named in a message."""
HASH_NAMES = ("passwordhash", "encryptedpassword", "passwd", "userpass", "password")


class BadExport(Exception):
    """The export cannot be loaded as requested; the message names the option that helps."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The operator's options on attributes and values of an export."""

    attributes: frozenset[str] | None = None
    """Attributes to store, instead of those of the source."""
    forced: frozenset[str] = frozenset()
    nulls: frozenset[str] = frozenset()
    without_hashes: bool = False
    mapped: bool = True
    """Whether a missing login is an error."""
    columns: frozenset[str] = frozenset()
    """The column names in the export that --map renames."""
    place: str = ""
    """The file name, or the text of the query."""


@dataclass(slots=True)
class Examined:
    """An export whose first rows have been examined."""

    decisions: Decisions
    rows: Iterator[Row | FaultyRow]
    """All rows, including the examined ones."""
    source: Source
    """The source, with the format implied by the columns if the source names none."""
    notes: list[str] = field(default_factory=list)
    """The decisions as text."""


def examine(
    rows: Iterator[Row | FaultyRow], source: Source, asked: Asked, volume: Callable[[], int] = lambda: 0
) -> Examined:
    """Decide how to read an export. Raises `BadExport`, and `UnreadableFile` from the reader."""
    first = list(_first(rows, volume))
    fields = [row.fields for row in first if isinstance(row, Row)]
    columns = list(dict.fromkeys(itertools.chain.from_iterable(fields)))
    extra = asked.attributes if asked.attributes is not None else frozenset(source.attributes)
    declared = frozenset(BASE_PROFILE) | extra
    product = product_of(columns, fields)
    nulls = _count_nulls(fields, {"identifiers", "username", "user", "salt", source.username, *declared}, asked.nulls)
    null_columns = _null_columns(nulls, len(fields))
    kept = {null: number for null, number in nulls.items() if null[1] not in null_columns.get(null[0], ())}
    decided = Decisions(
        declared=declared,
        forced=asked.forced,
        null_columns=null_columns,
        null_texts=asked.nulls,
        product=product,
        examined=len(fields),
        kept_nulls=kept,
    )
    recognised = None if product else recognise({*columns, *asked.columns}, asked.place)
    source, product_notes = _with_product(source, recognised, columns)
    notes = [*_notes(decided, source, fields, asked), *_kept_nulls(kept), *product_notes]
    _require_login(columns, fields, asked)
    has_hashes = asked.without_hashes or _has_hashes(columns, decided)
    if not has_hashes:
        _require_no_hashes(fields, decided)
    _require_no_credentials(fields, decided)
    return Examined(replace(decided, has_hashes=has_hashes), itertools.chain(first, rows), source, notes)


def _first(rows: Iterator[Row | FaultyRow], volume: Callable[[], int]) -> Iterator[Row | FaultyRow]:
    begin = volume()
    for number, row in enumerate(rows, 1):
        yield row
        if number == EXAMINED or volume() - begin > EXAMINED_CHARACTERS:
            return


def _count_nulls(
    fields: Sequence[Mapping[str, object]], names: Collection[str | None], said: Collection[str]
) -> Counter[tuple[str, str]]:
    """Count the rows by column and spelling of NULL, without the spellings that --null has decided."""
    found: Counter[tuple[str, str]] = Counter()
    for row in fields:
        for name, value in row.items():
            if name in names:
                found.update((name, text) for text in nulls_in(name, value) if text not in said)
    return found


def _null_columns(found: Counter[tuple[str, str]], rows: int) -> dict[str, frozenset[str]]:
    decided = [null for null, number in found.items() if is_null_share(number, rows)]
    return {name: frozenset(text for own, text in decided if own == name) for name, _ in decided}


def _kept_nulls(kept: Mapping[tuple[str, str], int]) -> Iterator[str]:
    for (name, text), number in sorted(kept.items()):
        if name != "salt":  # rejected row by row
            option = f"--null {shlex.quote(text)}"
            yield f"warning: {text} is read as text in {name} ({number:,} rows); {option} reads it as a missing value"


def _with_product(
    source: Source, recognised: Recognised | None, columns: Collection[str]
) -> tuple[Source, Iterable[str]]:
    """Return the source with the format of the recognised product if it names none, and report that."""
    if recognised is None:
        return source, ()
    table, because = recognised.table, recognised.because
    if source.format is not None:
        is_other = is_generic(source.format)
        warning = f"warning: the product is {table.format} by {because}, but {source.format} is used, as configured"
        return source, (warning,) if is_other else ()
    if table.needs and source.pepper_env is None:
        warning = (
            f"warning: the product is {table.format} by {because}, which may mix in {table.needs}: name the format "
            f"{table.format} in SOURCES, and with pepper_env the variable that holds it"
        )
        return source, (warning,)
    username = table.username if source.username is None and table.username in columns else source.username
    told = [f"format {table.format}, by {because}; --format or SOURCES overrides this"]
    if table.lacks:
        told.append(f"warning: export the column {table.lacks} too, if the table has it: only some counts are known")
    return replace(source, format=table.format, username=username), told


def _notes(decided: Decisions, source: Source, fields: Sequence[Mapping[str, object]], asked: Asked) -> Iterator[str]:
    if decided.product is not None:
        yield f"columns of {decided.product.name}: their algorithms and salts are read"
    for text in sorted({text for texts in decided.null_columns.values() for text in texts}):
        names = sorted(name for name, texts in decided.null_columns.items() if text in texts)
        yield f"{text} is read as a missing value in: {', '.join(names)}"
    if asked.nulls:
        yield f"read as a missing value in every column: {', '.join(sorted(asked.nulls))}"
    if source.salt_encoding == "text" and decided.product is None:
        yield from _salt_warnings([row["salt"] for row in fields if row.get("salt") and not row.get("salt_encoding")])


def _salt_warnings(salts: Sequence[object]) -> Iterator[str]:
    texts = [salt for salt in salts if isinstance(salt, str)]
    literal = sum(LITERAL_SALT.fullmatch(salt) is not None for salt in texts)
    in_hex = sum(HEX_SALT.fullmatch(salt) is not None for salt in texts)
    if literal:
        yield (
            f"warning: salts are written as bytes ({literal:,} of {len(salts):,} rows, as \\x… or b'…') and are used "
            'as text; set salt_encoding = "hex" in SOURCES, which reads \\x… and 0x…, or export them as they are'
        )
    elif 2 * in_hex > len(salts):
        yield (
            f"warning: the salts look like hex ({in_hex:,} of {len(salts):,} rows) and are used as text; "
            'if they stand for bytes, set salt_encoding = "hex" in SOURCES'
        )


def _require_login(columns: Sequence[str], fields: Sequence[Mapping[str, object]], asked: Asked) -> None:
    if "login" in columns or not fields or not asked.mapped:
        return
    paths = list(dict.fromkeys(path for row in fields[:100] for path, _ in leaves(row)))
    likely = [name for name in LOGINS if name in paths] or [path for path in paths if path.endswith(".address")]
    advice = f"--map {shlex.quote(likely[0])}=login" if likely else "--map COLUMN=login"
    raise BadExport(f"there is no column login; choose one: {advice} ({', '.join(columns[:NAMED])})")


def _has_hashes(columns: Collection[str], decided: Decisions) -> bool:
    renamed = decided.product.renamed if decided.product else {}
    is_keycloak = decided.product is not None and decided.product.name == "Keycloak"
    return is_keycloak or "password_hash" in columns or any(renamed.get(name) == "password_hash" for name in columns)


def _require_no_hashes(fields: Sequence[Mapping[str, object]], decided: Decisions) -> None:
    """Reject an export whose hashes are in a column other than `password_hash`."""
    found = Counter[str]()
    marked = set[str]()
    for row in fields:
        for path, value in leaves(row):
            # `digest` and similar names are parameters of formats, so only their values can show a hash.
            looks = _is_digest if path in OWN_COLUMNS else holds_hash
            if path.partition(".")[0] not in decided.forced and looks(path, value):
                found[path] += 1
                if is_hash(value):
                    marked.add(path)
    if not found:
        return
    best = max(found, key=lambda path: (path in marked, _likeness(path), found[path]))
    others = [path for path in found if path != best]
    also = f" (or {', '.join(others[:NAMED])})" if others else ""
    raise BadExport(
        f"no column is used as password_hash, but {best} looks like it: "
        f"--map {shlex.quote(best)}=password_hash{also}; --without-hashes loads the accounts without"
    )


def _is_digest(name: str, value: object) -> bool:
    """Return whether a column with a known meaning other than the hash contains a hash."""
    if name == "digest" and isinstance(value, str) and DIGEST.fullmatch(value):
        return True
    return name not in ("salt", "okta_id", "reason", "unreadable") and is_hash(value)


def _likeness(path: str) -> int:
    plain = re.sub(r"[^a-z0-9]", "", path.rpartition(".")[2].lower())
    return -HASH_NAMES.index(plain) if plain in HASH_NAMES else -len(HASH_NAMES)


def _require_no_credentials(fields: Sequence[Mapping[str, object]], decided: Decisions) -> None:
    for row in fields:
        for path, value in leaves({name: row[name] for name in row if name in decided.declared}):
            name = path.partition(".")[0]
            by_name = name not in BASE_PROFILE and holds_hash(path, value)
            if name not in decided.forced and (is_hash(value) or by_name):
                raise BadExport(
                    f"the attribute {name} looks like a credential, which would be sent to Okta and shown; "
                    f"leave it out, or say --force-attribute {name}"
                )


def ignored_lines(ignored: Collection[str]) -> Iterator[str]:
    """Return lines that name the ignored columns, separately those that look like credentials."""
    secret = sorted(name for name in ignored if is_credential_name(name))
    others = sorted(set(ignored) - set(secret))
    if others:
        yield f"ignored columns: {', '.join(others)}; --attributes keeps them"
    if secret:
        yield f"ignored columns that look like credentials: {', '.join(secret)}"
