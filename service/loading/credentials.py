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
        "supplementalcredentials", "passwordhistory", "oldpasswordhash", "bcrypt", "argon2",
    }
)  # fmt: skip
"""Names of columns of password hashes in products and directories, in lower case without separators."""
PARTS = ("passw", "pwd", "passhash", "pwhash", "credential", "cryptpass")
NOT_SECRET = re.compile(
    r"(at|on|date|time|timestamp|changed?|updated|created|lastset|set|expir\w*|count|hint|question|age|must\w*|reset\w*"
    r"|force\w*|flag|type|algo|algorithm|salt|policy|url|email|enabled|required|version|format|attempts|id)$"
)
"""How the name of a column ends that speaks of a password and does not hold it, as `passwordChangedAt` does."""

MARKED = re.compile(
    r"""\s*(?:b['"])?(?:\$[A-Za-z0-9_.-]{1,30}\$|\{[A-Za-z0-9_.-]{2,30}\}\S|[A-Za-z0-9_]{2,30}\$\S*\$"""
    r"|(?:pbkdf2|scrypt):\S|\*[0-9A-F]{40}\s*$|\\x24|0x24)"
)
"""How a hash begins that describes itself; whether it is one its format says."""
HARMLESS = re.compile(
    r"(?i)(?:true|false|null|none|yes|no|[yn01]|\\n|[0-9]{1,4}|[0-9]{4}-[0-9]{2}-[0-9]{2}.*|[0-9]{10,13})?$"
)
"""Values of a column that speaks of a password, as a flag or a date."""
DEEPEST = 6


def is_credential_name(name: str) -> bool:
    """Tell whether a column may hold a password or its hash, by its name in any case, spelling and nesting."""
    last = name.rpartition(".")[2].strip()
    plain = re.sub(r"[^a-z0-9]", "", last.lower())
    if plain in NAMES:
        return True
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last).lower()
    return any(part in plain for part in PARTS) and not NOT_SECRET.search(words.replace("-", "_").replace(" ", "_"))


def is_hash(value: object) -> bool:
    """Tell whether a value is a hash that describes itself."""
    if not isinstance(value, str) or not MARKED.match(value):
        return False
    text = value.strip()
    return bool(registry.candidates(text)) or bool(re.match(r"\\x24|0x24|b['\"]\$|\{[A-Za-z0-9_-]+\}\S{8}", text))


def holds_hash(name: str, value: object) -> bool:
    """Tell whether a column holds what may be a hash: by its value, or by its name where the value may be one."""
    if is_hash(value):
        return True
    if not is_credential_name(name):
        return False
    text = value.strip() if isinstance(value, str) else value
    return isinstance(text, str) and not HARMLESS.match(text) and text not in ("*", "x", "!", "!!")


def leaves(fields: Mapping[str, object], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Give every value of a row with its dotted path, through objects and the first members of lists."""
    for key, value in fields.items():
        path = f"{prefix}{key}"
        inner: object = value
        if isinstance(inner, list) and inner:
            path, inner = (f"{path}.0", inner[0]) if isinstance(inner[0], dict) else (path, inner[0])
        if isinstance(inner, dict) and depth < DEEPEST:
            yield from leaves({str(name): each for name, each in inner.items()}, f"{path}.", depth + 1)
        else:
            yield path, inner
