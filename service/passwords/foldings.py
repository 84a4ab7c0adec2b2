"""Products whose digests are folded or padded in ways of their own. Knows layouts; MD5 is others'.

Progress OpenEdge's ENCODE: sixteen letters, of a CRC-16 over the password folded to sixteen bytes. ScreenOS
(NetScreen): MD5 of name, a fixed text and password, in its own base64 with letters between. Radmin 2: MD5 of the
password filled up to 100 bytes. Sources: hashcat's modes 26200, 22 and 9900.
"""

import re
from functools import partial

from service.passwords.columns import username_of
from service.passwords.comparison import Comparison
from service.passwords.digests import digest
from service.passwords.encodings import STANDARD64, encode, unhex
from service.passwords.format import Check, MalformedHash, StoredHash
from service.passwords.shape import Shape

BYTES = 16
OPENEDGE_START = 17
OPENEDGE_PASSES = 5
CRC16 = 0xA001
"""The polynomial x^16 + x^15 + x^2 + 1, the lowest bit first."""
REALM = b":Administration Tools:"
MARKS = {0: "n", 6: "r", 12: "c", 17: "s", 23: "t", 29: "n"}
"""The letters that ScreenOS puts between, by their places."""
RADMIN_LENGTH = 100


def _crc(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ CRC16 * (byte & 1)
    return byte


_TABLE = tuple(_crc(byte) for byte in range(256))


def _letter(byte: int) -> int:
    plain = byte & 0x7F
    return plain if chr(plain).isalpha() else (byte >> 4) + ord("a")


def _folded(secret: bytes) -> int:
    """All blocks of the password in one, its first byte last."""
    folded = 0
    for start in range(0, len(secret), BYTES):
        folded ^= int.from_bytes(secret[start : start + BYTES][::-1], "big")
    return folded


def openedge(secret: bytes) -> bytes:
    """Five times, the password is mixed into sixteen bytes, each pair of which becomes a CRC over all of them."""
    scratch, value, folded = bytearray(BYTES), OPENEDGE_START, _folded(secret)
    for _ in range(OPENEDGE_PASSES):
        scratch = bytearray((int.from_bytes(scratch, "big") ^ folded).to_bytes(BYTES, "big"))
        for place in range(0, BYTES, 2):
            for byte in reversed(scratch):
                value = value >> 8 ^ _TABLE[value & 0xFF] ^ _TABLE[byte]
            scratch[place : place + 2] = value.to_bytes(2, "little")
    return bytes(map(_letter, scratch))


def screenos(username: bytes, secret: bytes) -> bytes:
    """Each two bytes of MD5 are three digits of base64."""
    hashed = digest("md5", username + REALM + secret)
    pairs = (int.from_bytes(hashed[place : place + 2], "big") for place in range(0, BYTES, 2))
    letters = [STANDARD64[pair >> shift & 0x3F] for pair in pairs for shift in (12, 6, 0)]
    for place, mark in MARKS.items():
        letters.insert(place, mark)
    return "".join(letters).encode("ascii")


def radmin(secret: bytes) -> bytes:
    """NULs behind the password."""
    return digest("md5", secret[:RADMIN_LENGTH].ljust(RADMIN_LENGTH, b"\0"))


def _openedge(stored: StoredHash, match: re.Match[str]) -> Check:
    key = match["digest"].encode("ascii")
    return Comparison(openedge, key, "openedge", charset=stored.recipe.charset, padded=True)


def _screenos(stored: StoredHash, match: re.Match[str]) -> Check:
    username = encode(match["user"] or username_of(stored), stored.recipe.charset)
    if username is None:
        raise MalformedHash("the charset cannot write the username")
    key = match["text"].encode("ascii")
    return Comparison(partial(screenos, username), key, "screenos", charset=stored.recipe.charset)


def _radmin(stored: StoredHash, match: re.Match[str]) -> Check:
    return Comparison(radmin, unhex(match["digest"]), "radmin2", charset=stored.recipe.charset, padded=True)


_DIGIT = r"[A-Za-z0-9+/]"
_SCREENOS = (
    rf"n(?P<digest1>{_DIGIT}{{5}})r(?P<digest2>{_DIGIT}{{5}})c(?P<digest3>{_DIGIT}{{4}})"
    rf"s(?P<digest4>{_DIGIT}{{5}})t(?P<digest5>{_DIGIT}{{5}})n"
)
FORMATS = (
    Shape("openedge", re.compile(r"(?P<digest>[A-Za-z]{16})"), _openedge, ("progress_encode",), names_itself=False),
    Shape(
        "screenos",
        re.compile(rf"(?P<text>{_SCREENOS})(?::(?P<user>.+))?"),
        _screenos,
        ("netscreen", "juniper_netscreen"),
    ),
    Shape(
        "radmin2",
        re.compile(r"\$radmin2\$(?P<digest>[0-9A-Fa-f]{32})"),
        _radmin,
        ("radmin",),
        bare=re.compile(r"(?P<digest>[0-9A-Fa-f]{32})"),
    ),
)
