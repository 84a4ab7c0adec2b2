"""From the columns of a row and the settings of its source to a recipe. Knows columns; knows no hash."""

from collections.abc import Mapping

from service.actions.refusal import Reason, RejectedRow
from service.legacy import strict_json
from service.passwords.format import Recipe
from service.passwords.limits import MAX_DIGITS
from service.sources import Source
from service.sources.checks import OPTIONS, SALT_ENCODINGS

RECIPE_COLUMNS = OPTIONS | {"format", "iterations", "charset", "pepper_env", "salt_encoding", "options"}

LONGEST_OPTIONS = 500
"""Characters: recipes are looked up by them, and a row of PostgreSQL's B-trees ends at 2,704 bytes."""


def read_recipe(fields: Mapping[str, object], source: Source) -> Recipe:
    """Make the recipe of a row; its format is empty where neither row nor source names one. Raises `RejectedRow`."""
    return Recipe(
        format=text_of(fields, "format") or source.format or "",
        charset=_charset(text_of(fields, "charset")) or source.charset,
        pepper_env=text_of(fields, "pepper_env") or source.pepper_env,
        iterations=_whole(fields, "iterations") or source.iterations,
        salt_encoding=_salt_encoding(text_of(fields, "salt_encoding")) or source.salt_encoding,
        options={**source.options, **_options(fields)},
    )


def text_of(fields: Mapping[str, object], name: str) -> str | None:
    """Give a column as text; None where it is missing or empty. Raises `RejectedRow` for what is no text or number."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise RejectedRow(Reason.BAD_COLUMN, f"{name} is no text")


def _whole(fields: Mapping[str, object], name: str) -> int | None:
    text = text_of(fields, name)
    if text is None:
        return None
    if not (text.strip().isascii() and text.strip().isdigit()) or len(text) > MAX_DIGITS:
        raise RejectedRow(Reason.BAD_COLUMN, f"{name} is no whole number")
    return int(text)


def _charset(name: str | None) -> str | None:
    if name is not None:
        try:
            "a".encode(name)
        except (LookupError, UnicodeError):
            raise RejectedRow(Reason.BAD_COLUMN, f"no charset is called {name!r}") from None
    return name


def _salt_encoding(name: str | None) -> str | None:
    if name is not None and name not in SALT_ENCODINGS:
        raise RejectedRow(Reason.BAD_COLUMN, f"salt_encoding is none of {', '.join(SALT_ENCODINGS)}")
    return name


def _options(fields: Mapping[str, object]) -> dict[str, str]:
    """Give the options of a row: of the column `options`, a JSON object, and of those named like a parameter."""
    given = fields.get("options")
    options = _object(given) if given else {}
    for name in OPTIONS & fields.keys():
        value = text_of(fields, name)
        if value is not None:
            options[name] = value
    if sum(map(len, options.values())) + sum(map(len, options)) > LONGEST_OPTIONS:
        raise RejectedRow(Reason.BAD_COLUMN, f"options are longer than {LONGEST_OPTIONS} characters")
    return dict(sorted(options.items()))


def _object(given: object) -> dict[str, str]:
    if isinstance(given, str):
        try:
            given = strict_json.decode(given)
        except ValueError:
            given = None
    if not isinstance(given, dict):
        raise RejectedRow(Reason.BAD_COLUMN, "options is no JSON object")
    return {str(name): str(value) for name, value in given.items() if value is not None}
