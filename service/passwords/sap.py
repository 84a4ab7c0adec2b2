"""SAP's code versions B (BCODE, MD5) and F and G's PASSCODE (SHA-1), under the user's name. Knows no version H.

Both make a first digest of password and name, which says how much of a fixed text goes into the second. Version B reads
eight characters, without case, in SAP's own numbering of characters; F takes UTF-8 as it is. Sources: hashcat's modes
7700 and 7800, and tables USR02 of SAP (fields BCODE and PASSCODE).
"""

import re
from collections.abc import Callable
from functools import partial

from service.passwords.digests import digest
from service.passwords.encodings import unhex
from service.passwords.format import Check, NoUsername, StoredHash
from service.passwords.shape import Shape
from service.passwords.text_comparison import TextComparison

B_LONGEST = 8
"""Characters of a password that version B reads; what follows is ignored, as it always was."""
UNKNOWN = 0xFF
B_SIGNS = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
B_CODES = bytes.fromhex("3f40415043444 54b47484d4e54515346 56555c495d4a42 585b59ff524c 575e5a4f".replace(" ", ""))
"""What stands for these in version B."""
B_DIGITS = 0x35
"""What stands for 0; the other digits follow. Letters count from 1."""
B_TEXT = bytes.fromhex(
    "1477f3d4bb7123d003ff479355aa6691f2886b99bfcb321a19d9a7822249a251e2b733718b9f5d014470ae11ef28f00d"
)
F_TEXT = bytes.fromhex(
    "91ac51149f67544324e73be028747bc2863313eb5a4fcb5c080a73370e5d1c2f338fe6e5f89baedd16f24b8d2ce1d4dc"
    "b0cbdf9dd4706d17f94d423f9b1b11949f5bc19b06059d039d5e138a1e9a6ae8d97c141758c72af6a199630ad7fd70c3"
    "f65e741303c90b042698f7268a929325b0a20d23ed63796d1332fa3c35029aa3b3dd8e0a24bf51c37ccd559f37af944c"
    "29085282b23b4e379f170791113bfdcd"
)
LEAST = 0x20
"""Bytes of the fixed text, or of what is mixed with it, that always go in."""


def _coded(text: str) -> bytes:
    return bytes(_code(character) for character in text.upper())


def _code(character: str) -> int:
    if "A" <= character <= "Z":
        return ord(character) - ord("A") + 1
    if "0" <= character <= "9":
        return ord(character) - ord("0") + B_DIGITS
    place = B_SIGNS.find(character)
    return B_CODES[place] if place >= 0 else UNKNOWN


def _mixed(first: bytes, secret: bytes, name: bytes) -> bytes:
    """Password and name, byte by byte, with bytes of the fixed text between."""
    size = LEAST | sum(first[i] & 3 for i in (0, 1, 2, 3, 5))
    made, used, named = bytearray(), 0, 0
    while len(made) < size:
        if used < len(secret):
            if first[15 - used] & 1:
                made.append(B_TEXT[-1 - used])
            made.append(secret[used])
            used += 1
        if named < len(name):
            made.append(name[named])
            named += 1
        made.append(B_TEXT[len(made) - used - named])
        made.append(0)
    return bytes(made[:size])


def bcode(username: str, password: str) -> bytes:
    """Version B: MD5, folded to half."""
    secret, name = _coded(password[:B_LONGEST]), _coded(username)
    raw = digest("md5", _mixed(digest("md5", secret + name), secret, name))
    return bytes(a ^ b for a, b in zip(raw[:8], raw[8:], strict=True))


def passcode(username: str, password: str) -> bytes:
    """Version F: SHA-1."""
    secret, name = password.encode(), username.upper().encode()
    first = digest("sha1", secret + name)
    size = LEAST + sum(byte % 6 for byte in first[:10])
    start = sum(byte % 8 for byte in first[10:])
    return digest("sha1", secret + F_TEXT[start : start + size] + name)


def _read(derive: Callable[[str, str], bytes], stored: StoredHash, match: re.Match[str]) -> Check:
    username = match["user"] or stored.username or stored.salt
    if username is None:
        raise NoUsername("the format needs a username")
    key = unhex(match["digest"])
    known = key if any(key[len(key) // 2 :]) else key[: len(key) // 2]
    return TextComparison(partial(_known, derive, len(known), username.strip()), known, derive.__name__, padded=True)


def _known(derive: Callable[[str, str], bytes], length: int, username: str, password: str) -> bytes:
    """RFC_READ_TABLE gave only the first half of the field, which then ends in zeros."""
    return derive(username, password)[:length]


_USER = r"(?:(?P<user>.{1,40})\$)?(?P<digest>(?:[0-9A-Fa-f]{2}){%d})"
FORMATS = (
    Shape("sap_b", re.compile(_USER % 8), partial(_read, bcode), ("sap_codvn_b", "sap_bcode"), names_itself=False),
    Shape(
        "sap_f",
        re.compile(_USER % 20),
        partial(_read, passcode),
        ("sap_codvn_f", "sap_codvn_g", "sap_g", "sap_passcode"),
        names_itself=False,
    ),
)
