"""Transformations that products apply to a typed password before they hash it, as functions over text.

Each function is pure. `docs/typed-passwords.md` says which product applies which, with a link to its code.
"""

import hashlib
import html.entities
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial

from service.hashing.formats.scram import saslprep

PHP_BLANKS = " \t\n\r\0\x0b"
"""The characters that PHP's `trim` removes at both ends. Excludes form feed and NO-BREAK SPACE."""
C_BLANKS = " \t\n\v\f\r"
"""The characters that C's `isspace` accepts."""
DOTNET_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""The characters that .NET's `Char.IsWhiteSpace` accepts; Python's `str.isspace` accepts U+001C to U+001F too."""
JAVA_BLANKS = "".join(map(chr, range(0x21)))
"""The characters that Java's `String.trim` removes at both ends: U+0000 to U+0020."""
FORUM_BLANKS = " \t\n\r\0\x0b\xa0"
"""The characters that PunBB's `forum_trim` removes."""

_SLASHED = str.maketrans({"'": "\\'", '"': '\\"', "\\": "\\\\", "\0": "\\0"})
_COMPAT = {"&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;"}
_QUOTES = {**_COMPAT, "'": "&#039;"}
_COMPAT_TABLE, _QUOTES_TABLE = str.maketrans(_COMPAT), str.maketrans(_QUOTES)
_SPECIAL = {entity: character for character, entity in _QUOTES.items()} | {"&#39;": "'", "&nbsp;": " "}
_SPECIAL_PATTERN = re.compile("|".join(map(re.escape, _SPECIAL)))
_ENTITY = re.compile(r"&(?:#(?P<decimal>[0-9]{1,7})|#[xX](?P<hex>[0-9A-Fa-f]{1,6})|(?P<name>[A-Za-z][A-Za-z0-9]*));")
_CONTROLS = dict.fromkeys((*range(9), 0x0B, 0x0C, *range(0x0E, 0x20)))
_BIDIRECTIONAL = (*range(0x200D, 0x2010), *range(0x202A, 0x2030))
_FILLERS = (0x0337, 0x0338, 0x115F, 0x1160, *_BIDIRECTIONAL, 0x205F, 0x3164, 0xFEFF, 0xFFA0, 0xFFF9, 0xFFFA, 0xFFFB)
_FLUXBB: dict[int, str | None] = {
    **dict.fromkeys((*_FILLERS, 0x200B, 0x200C, 0x2060, 0xFFFC, 0xFFFD)),
    **dict.fromkeys((*range(0x2000, 0x200B), 0x3000), " "),
}
_PUNBB = dict.fromkeys((*_FILLERS, 0, 0xAD, *range(0x2000, 0x200C), 0x3000))
_QUOTE_ENTITIES = str.maketrans({'"': "&#34;", "'": "&#39;"})
_SUGAR = {'"': "&quot;", "'": "&#039;", "<": "&lt;", ">": "&gt;", "\0": ""}
_SUGAR_TABLE, _SUITE_TABLE = str.maketrans(_SUGAR), str.maketrans({**_SUGAR, "`": "&#96;"})
_SCRIPT = re.compile("javascript:", re.IGNORECASE)
_ESCAPED_NUL = re.compile(r"\\0+|\0+")
SURROGATES = range(0xD800, 0xE000)
BCRYPT_KEY = 72
"""Bytes of a password that bcrypt uses."""


def addslashes(text: str) -> str:
    """Apply PHP's `addslashes`: a backslash before quotes and backslashes; NUL becomes a backslash and the digit 0."""
    return text.translate(_SLASHED)


def stripslashes(text: str) -> str:
    """Apply PHP's `stripslashes`: the reverse; a single backslash is removed."""
    return re.sub(r"\\(.?)", lambda match: "\0" if match[1] == "0" else match[1], text, flags=re.DOTALL)


def htmlspecialchars_compat(text: str) -> str:
    """Apply PHP's `htmlspecialchars` with ENT_COMPAT: `'` is unchanged; an entity is encoded again."""
    return text.translate(_COMPAT_TABLE)


def htmlspecialchars_quotes(text: str) -> str:
    """Apply PHP's `htmlspecialchars` with ENT_QUOTES: `'` becomes `&#039;`."""
    return text.translate(_QUOTES_TABLE)


def htmlspecialchars_decode(text: str) -> str:
    """Apply SMF's `un_htmlspecialchars`: the five special characters and `&nbsp;`, in one pass."""
    return _SPECIAL_PATTERN.sub(lambda match: _SPECIAL[match[0]], text)


def unescape_html(text: str) -> str:
    """Apply PHP's `html_entity_decode` with ENT_QUOTES: entities of HTML 4.01 and numeric ones, in one pass."""
    return _ENTITY.sub(_decoded, text)


def _decoded(match: re.Match[str]) -> str:
    if match["name"]:
        point = html.entities.name2codepoint.get(match["name"])
    else:
        point = int(match["decimal"]) if match["decimal"] else int(match["hex"], 16)
    return match[0] if point is None or point > sys.maxunicode or point in SURROGATES else chr(point)


def decode_angles(text: str) -> str:
    """Apply GLPI's `unclean_cross_side_scripting_deep`: `&lt;` and `&gt;` become `<` and `>`."""
    return text.replace("&lt;", "<").replace("&gt;", ">")


def unix_newlines(text: str) -> str:
    """Replace CRLF and CR by LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def phpbb_clean(text: str) -> str:
    """Apply the `type_cast_helper` of phpBB since late 3.2: `unix_newlines`; NUL and U+FEFF are removed."""
    return unix_newlines(text).replace("\0", "").replace("\ufeff", "")


def fluxbb_clean(text: str) -> str:
    """Apply FluxBB's `remove_bad_characters`: removes control and invisible characters, replaces wide blanks."""
    return strip_controls(text).translate(_FLUXBB)


def punbb_clean(text: str) -> str:
    """Apply PunBB's `forum_remove_bad_characters`, then `forum_trim`, which removes NO-BREAK SPACE too."""
    return text.translate(_PUNBB).strip(FORUM_BLANKS)


def prestashop_clean(text: str) -> str:
    """Apply PrestaShop's `Tools::getValue`: removes NUL and backslashes before zeros, then `stripslashes`."""
    return stripslashes(_ESCAPED_NUL.sub("", text))


_TO_ANGLE = r"""(?:[^>"']|"[^"]*"?|'[^']*'?)*>?"""
_MARKUP = re.compile(rf"<!-(?:-.*?(?<=--)>|-.*|{_TO_ANGLE})|<!{_TO_ANGLE}|<(?=\?)(?!\?xm[lL])(?:.*?\?>|.*)", re.DOTALL)


def filter_string(text: str) -> str:
    """Apply PHP's `FILTER_SANITIZE_STRING`: quotes become `&#34;` and `&#39;`; tags are removed, also unclosed ones."""
    return _without_tags(text.translate(_QUOTE_ENTITIES), "")


def strip_tags(text: str) -> str:
    """Apply PHP's `strip_tags`: as `filter_string`, but `<` before a blank is no tag, and quotes are kept."""
    return _without_tags(text, C_BLANKS)


def _without_tags(text: str, no_tag: str) -> str:
    """Remove tags and NUL; `<` before a character of `no_tag` begins none."""
    found, depth, quote, rest = "", 0, "", text
    while rest:
        skipped = None if depth else _MARKUP.match(rest)
        character, rest = rest[0], rest[skipped.end() if skipped else 1 :]
        if skipped:
            continue
        if quote or (depth and character in "\"'"):
            quote = character if not quote else "" if character == quote else quote
        elif character == "<" and not (rest and rest[0] in no_tag):
            depth += 1
        elif not depth:
            found += character
        elif character == ">":
            depth -= 1
    return found.replace("\0", "")


def sugarcrm_clean(text: str) -> str:
    """Apply the `securexss` of SugarCRM and SuiteCRM: quotes and angle brackets become entities, and NUL is removed."""
    return _SCRIPT.sub("java script:", text).replace("&quot;", "&#38;").translate(_SUGAR_TABLE)


def suitecrm_clean(text: str) -> str:
    """Apply `sugarcrm_clean` as of SuiteCRM 7.12, which encodes the backtick too."""
    return _SCRIPT.sub("java script:", text).replace("&quot;", "&#38;").translate(_SUITE_TABLE)


def remove_nul(text: str) -> str:
    """Remove NUL, as MantisBT's `gpc_get_string` does."""
    return text.replace("\0", "")


def collapse_spaces(text: str) -> str:
    """Collapse runs of U+0020 into one."""
    return re.sub(" +", " ", text)


def underscore_angles(text: str) -> str:
    """Replace `<` and `>` by `_`, as osCommerce's `tep_sanitize_string` does."""
    return text.replace("<", "_").replace(">", "_")


def strip_controls(text: str) -> str:
    """Remove U+0000 to U+001F, except TAB, LF and CR."""
    return text.translate(_CONTROLS)


def ascii_ignore(text: str) -> str:
    """Remove characters outside ASCII."""
    return text.encode("ascii", "ignore").decode("ascii")


def cesu8(text: str) -> bytes:
    """Encode in CESU-8 (Unicode Technical Report 26): UTF-8 of each UTF-16 unit by itself."""
    units = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
    return "".join(map(chr, units)).encode("utf-8", "surrogatepass")


def latin1_or_utf8(text: str) -> bytes:
    """Encode in Latin-1 if it has all characters, else in UTF-8, as Zope's `AuthEncoding.to_bytes` does."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")


def cp1252_or_utf8(text: str) -> bytes:
    """Encode each character in Windows-1252, or in UTF-8 if it is not in it, as phpBB 3's `utf8_to_cp1252` does."""
    return b"".join(_cp1252_or_utf8(character) for character in text)


def _cp1252_or_utf8(character: str) -> bytes:
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("utf-8")


def sha512_if_long(secret: bytes) -> bytes:
    """Return Bun's key for bcrypt: more than 72 bytes are replaced by the 64 bytes of their SHA-512."""
    return hashlib.sha512(secret).digest() if len(secret) > BCRYPT_KEY else secret


def needs_symfony_digest(secret: bytes) -> bool:
    """Return whether Symfony 5.3 and later hash a digest instead, because bcrypt would truncate it or stop at a NUL."""
    return len(secret) > BCRYPT_KEY or b"\0" in secret


def _normalised(form: str) -> Callable[[str], str]:
    return lambda text: unicodedata.normalize(form, text)  # type: ignore[arg-type]  # one of the four forms below


OF_TEXT: Mapping[str, Callable[[str], str]] = {
    "trim": lambda text: text.strip(PHP_BLANKS),
    "strip": str.strip,
    "trim_dotnet": lambda text: text.strip(DOTNET_BLANKS),
    "trim_java": lambda text: text.strip(JAVA_BLANKS),
    "addslashes": addslashes,
    "stripslashes": stripslashes,
    "htmlspecialchars_compat": htmlspecialchars_compat,
    "htmlspecialchars_quotes": htmlspecialchars_quotes,
    "htmlspecialchars_decode": htmlspecialchars_decode,
    "decode_angles": decode_angles,
    "unescape_html": unescape_html,
    "nfc": _normalised("NFC"),
    "nfd": _normalised("NFD"),
    "nfkc": _normalised("NFKC"),
    "nfkd": _normalised("NFKD"),
    "saslprep": saslprep,
    "saslprep_query": partial(saslprep, query=True),
    "collapse_spaces": collapse_spaces,
    "underscore_angles": underscore_angles,
    "strip_controls": strip_controls,
    "unix_newlines": unix_newlines,
    "ascii_ignore": ascii_ignore,
    "phpbb_clean": phpbb_clean,
    "fluxbb_clean": fluxbb_clean,
    "punbb_clean": punbb_clean,
    "prestashop_clean": prestashop_clean,
    "filter_string": filter_string,
    "strip_tags": strip_tags,
    "sugarcrm_clean": sugarcrm_clean,
    "suitecrm_clean": suitecrm_clean,
    "remove_nul": remove_nul,
}
"""Functions from text to text."""
TO_BYTES: Mapping[str, Callable[[str], bytes]] = {
    "cesu8": cesu8,
    "latin1_or_utf8": latin1_or_utf8,
    "cp1252_or_utf8": cp1252_or_utf8,
}
"""Functions from text to bytes: these are charsets."""
