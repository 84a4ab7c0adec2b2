"""Which names are the same name. Pure text; knows no database.

Okta holds logins to be the same that differ only in case or diacritics, and lets nobody choose another rule.
https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/ (profile.login)
"""

import unicodedata

LOGIN_KEY_RULE = 1
"""Stored beside the keys: a changed rule needs a migration that makes every key anew."""

MAX_NAME = 1024
"""Bytes in UTF-8. Okta's logins end at 100 characters, and a row of an index must stay under 2,704 bytes."""


def login_key(name: str) -> str:
    """Make the key under which all spellings of a name meet: case and diacritics removed (rule 1)."""
    if name.isascii():
        return name.lower()
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
    plain = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    return unicodedata.normalize("NFC", plain)


def is_too_long(name: str) -> bool:
    """Tell whether a name may be longer than an index can hold."""
    return len(name.encode("utf-8", "surrogatepass")) > MAX_NAME


def is_short(key: str) -> bool:
    """Tell whether a key can only be the local part of a login."""
    return "@" not in key
