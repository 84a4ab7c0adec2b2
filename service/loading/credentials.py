"""Columns and values that look like credentials: they must not be stored as attributes, nor be overlooked as hashes."""

import re
from collections.abc import Iterator, Mapping

from service.hashing import registry

NAMES = frozenset(
    {
        "pass", "pw", "hash", "secret", "digest", "credential", "credentials", "passwordhash", "password",
        "userpassword",
        "encryptedpassword", "hashedpassword", "passwd", "userpass", "pwhash", "passhash", "cryptedpassword", "pwd",
        "authpassword", "sambantpassword", "sambalmpassword", "sambapasswordhistory", "unicodepwd", "ntpwdhistory",
        "lmpwdhistory", "pwdhistory", "dbcspwd", "ntlmhash", "nthash", "lmhash", "ipanthash", "krbprincipalkey",
        "supplementalcredentials", "passwordhistory", "oldpasswordhash", "bcrypt", "argon2", "secretdata",
        "senha", "contrasena", "contrasea", "motdepasse", "mdp", "kennwort", "wachtwoord", "haslo", "clave",
    }
)  # fmt: skip
"""Names of columns of password hashes in products and directories, in lower case without separators."""
WORDS = frozenset({"pass", "pw", "pwd", "passwd"})
"""Words that show that a name is about a password."""
HASH_WORDS = frozenset(
    {
        "hash", "hashed", "salted", "digest", "verifier", "crypt", "crypted", "encrypted", "shadow", "secret", "auth",
        "md4", "md5", "sha", "sha1", "sha224", "sha256", "sha384", "sha512", "ntlm", "nt", "lm", "pbkdf2", "scrypt",
    }
)  # fmt: skip
"""Words that suggest a hash if the value also has the length of a digest."""
DIGEST = re.compile(
    r"\s*(?:0x|\\x)?(?:(?:[0-9A-Fa-f]{8}){4,8}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})(?::\S+)?\s*"
    r"|\s*(?:[A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{27}=|[A-Za-z0-9+/]{38}==|[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{64}"
    r"|[A-Za-z0-9+/]{86}==)\s*"
)
"""Hex and base64 of 16 to 64 bytes, the lengths of MD5 to SHA-512; with a salt after a colon."""
PARTS = ("passw", "pwd", "passhash", "pwhash", "credential", "cryptpass")
NOT_SECRET = re.compile(
    r"(at|on|date|time|timestamp|changed?|updated|created|lastset|set|expir\w*|count|hint|question|age|must\w*|reset\w*"
    r"|force\w*|flag|type|algo|algorithm|salt|policy|url|email|enabled|required|version|format|attempts|id)$"
)
"""Suffixes of columns that are about a password but do not hold it, such as `passwordChangedAt`."""

MARKED = re.compile(
    r"""\s*(?:b['"])?(?:\$[A-Za-z0-9_.-]{1,30}\$|\{[A-Za-z0-9_.-]{2,30}\}\S|[A-Za-z0-9_]{2,30}\$\S*\$"""
    r"|(?:pbkdf2|scrypt):\S|\*[0-9A-F]{40}\s*$|\\x24|0x24)"
)
"""The beginning of a hash that identifies its format; the format decides whether it is one."""
HARMLESS = re.compile(
    r"(?i)(?:true|false|null|none|yes|no|[yn01]|\\n|[0-9]{1,4}|[0-9]{4}-[0-9]{2}-[0-9]{2}.*|[0-9]{10,13})?$"
)
"""Values such as flags and dates in a column whose name is about a password."""
DEEPEST = 20
MEMBERS = 8
"""Maximum items of a list that are examined."""


def is_credential_name(name: str) -> bool:
    """Return whether a column may hold a password or its hash, judged by its name in any case, spelling and nesting."""
    last = name.rpartition(".")[2].strip()
    plain = re.sub(r"[^a-z0-9]", "", last.lower())
    if plain in NAMES:
        return True
    if not (WORDS.intersection(_words(last)) or any(part in plain for part in PARTS)):
        return False
    return not NOT_SECRET.search("_".join(_words(last)))


def _words(name: str) -> list[str]:
    """Split a name at separators and capitals; `pass1` becomes the word `pass`."""
    parts = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())
    return [part if part in HASH_WORDS else part.rstrip("0123456789") or part for part in parts]


def is_hash(value: object) -> bool:
    """Return whether a value is a hash whose beginning identifies its format."""
    if not isinstance(value, str) or not MARKED.match(value):
        return False
    text = value.strip()
    return bool(registry.candidates(text)) or bool(re.match(r"\\x24|0x24|b['\"]\$|\{[A-Za-z0-9_-]+\}\S{8}", text))


def holds_hash(name: str, value: object) -> bool:
    """Return whether a column may hold a hash, judged by its value, or by its name if the value may be one."""
    if is_hash(value):
        return True
    if not isinstance(value, str):
        return False
    if is_credential_name(name):
        text = value.strip()
        return not HARMLESS.match(text) and text not in ("*", "x", "!", "!!")
    return bool(HASH_WORDS.intersection(_words(name.rpartition(".")[2]))) and DIGEST.fullmatch(value) is not None


def leaves(fields: Mapping[str, object], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield every value of a row with its dotted path, through objects and the first members of lists.

    The first item of a list of plain values stands for all, under the path of the list.
    """
    for key, value in fields.items():
        yield from _leaves(f"{prefix}{key}", value, depth)


def _leaves(path: str, value: object, depth: int) -> Iterator[tuple[str, object]]:
    if depth < DEEPEST and isinstance(value, dict):
        yield from leaves({str(name): each for name, each in value.items()}, f"{path}.", depth + 1)
    elif depth < DEEPEST and isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        for number, each in enumerate(value[:MEMBERS]):
            yield from _leaves(f"{path}.{number}", each, depth + 1)
    else:
        yield path, value[0] if isinstance(value, list) and value else value
