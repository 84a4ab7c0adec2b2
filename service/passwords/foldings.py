"""Products whose digests are folded or padded in ways of their own. Knows layouts; MD5 is others'.

Progress OpenEdge's ENCODE: sixteen letters, of a CRC-16 over the password folded to sixteen bytes. Dahua's cameras and
recorders: eight characters, each the sum of two bytes of MD5. Radmin 2: MD5 of the password filled up to 100 bytes.
Sources: hashcat's modes 26200, 24900 and 9900.
"""

import re
import string

from service.passwords.comparison import Comparison
from service.passwords.digests import digest
from service.passwords.encodings import HEX_DIGIT, unhex
from service.passwords.format import Check, StoredHash
from service.passwords.shape import Shape

BYTES = 16
OPENEDGE_START = 17
OPENEDGE_PASSES = 5
CRC16 = 0xA001
"""The polynomial x^16 + x^15 + x^2 + 1, the lowest bit first."""
DAHUA = string.digits + string.ascii_uppercase + string.ascii_lowercase
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


def dahua(secret: bytes) -> bytes:
    """Each two bytes of MD5 are one of 62 characters, so that 47 bits are left of it."""
    hashed = digest("md5", secret)
    sums = (hashed[place] + hashed[place + 1] for place in range(0, BYTES, 2))
    return "".join(DAHUA[each % len(DAHUA)] for each in sums).encode("ascii")


def radmin(secret: bytes) -> bytes:
    """NULs behind the password."""
    return digest("md5", secret[:RADMIN_LENGTH].ljust(RADMIN_LENGTH, b"\0"))


def _openedge(stored: StoredHash, match: re.Match[str]) -> Check:
    key = match["digest"].encode("ascii")
    return Comparison(openedge, key, "openedge", charset=stored.recipe.charset, padded=True)


def _dahua(stored: StoredHash, match: re.Match[str]) -> Check:
    return Comparison(dahua, match["digest"].encode("ascii"), "dahua", charset=stored.recipe.charset)


def _radmin(stored: StoredHash, match: re.Match[str]) -> Check:
    return Comparison(radmin, unhex(match["digest"]), "radmin2", charset=stored.recipe.charset, padded=True)


FORMATS = (
    Shape("openedge", re.compile(r"(?P<digest>[A-Za-z]{16})"), _openedge, ("progress_encode",), names_itself=False),
    Shape(
        "dahua",
        re.compile(r"\$dahua\$(?P<digest>[0-9A-Za-z]{8})"),
        _dahua,
        ("dahua_md5", "dahua_authentication_md5"),
        bare=re.compile(r"(?P<digest>[0-9A-Za-z]{8})"),
    ),
    Shape(
        "radmin2",
        re.compile(rf"\$radmin2\$(?P<digest>{HEX_DIGIT}{{32}})"),
        _radmin,
        ("radmin",),
        bare=re.compile(rf"(?P<digest>{HEX_DIGIT}{{32}})"),
    ),
)
