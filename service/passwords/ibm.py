"""IBM's user databases: RACF of z/OS under DES, and IBM i (AS/400) under SHA-1. Knows no newer method of either.

RACF enciphers the user's name under the password, both in EBCDIC, of eight characters. IBM i, at password level 2 and
above, hashes name (ten characters) and password in UTF-16. Sources: hashcat's mode 8500, John the Ripper's as400-ssha1.
"""

import re
from functools import partial

from Crypto.Cipher import DES

from service.passwords.columns import username_of
from service.passwords.digests import digest
from service.passwords.encodings import HEX_DIGIT, unhex
from service.passwords.format import Check, StoredHash
from service.passwords.several import AnyOf
from service.passwords.shape import Shape
from service.passwords.text_comparison import TextComparison

EBCDIC = "cp037"
RACF_LENGTH = 8
"""Characters of a name and of a password."""
AS400_LENGTH = 10
"""Characters that a name is filled up to."""


def racf(username: str, password: str) -> bytes:
    """The key is the password, each byte of it XOR 0x55 and shifted by a bit."""
    if len(password) > RACF_LENGTH:
        return b""
    name, secret = (text.ljust(RACF_LENGTH).encode(EBCDIC) for text in (username.upper()[:RACF_LENGTH], password))
    key = bytes((byte ^ 0x55) << 1 & 0xFF for byte in secret)
    return DES.new(key, DES.MODE_ECB).encrypt(name)  # noqa: S304 (what RACF holds)


def racf_capitals(username: str, password: str) -> bytes:
    """The password in capitals, as where MIXEDCASE is not set."""
    return racf(username, password.upper())


def as400(username: str, password: str) -> bytes:
    """SHA-1 of name and password."""
    return digest("sha1", (username.upper().ljust(AS400_LENGTH) + password).encode("utf-16-be"))


def _racf(stored: StoredHash, match: re.Match[str]) -> Check:
    """The hash does not say whether case counts: both are tried."""
    username, key = match["user"] or username_of(stored), unhex(match["digest"])
    return AnyOf(tuple(TextComparison(partial(each, username), key, "racf") for each in (racf, racf_capitals)))


def _as400(stored: StoredHash, match: re.Match[str]) -> Check:
    return TextComparison(partial(as400, match["user"] or username_of(stored)), unhex(match["digest"]), "as400")


FORMATS = (
    Shape(
        "racf",
        re.compile(rf"\$racf\$\*(?P<user>[^*]{{1,8}})\*(?P<digest>{HEX_DIGIT}{{16}})"),
        _racf,
        ("racf_des", "zos_racf"),
        bare=re.compile(rf"(?P<user>)(?P<digest>{HEX_DIGIT}{{16}})"),
    ),
    Shape(
        "as400_ssha1",
        re.compile(rf"\$as400ssha1\$(?P<digest>{HEX_DIGIT}{{40}})\$(?P<user>.{{1,10}})"),
        _as400,
        ("as400", "ibm_i", "os400"),
        bare=re.compile(rf"(?P<user>)(?P<digest>{HEX_DIGIT}{{40}})"),
    ),
)
