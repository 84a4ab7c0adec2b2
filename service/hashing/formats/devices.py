"""Hashes of network devices, and of products that fold or pad their digests.

Progress OpenEdge's ENCODE: sixteen letters from a CRC-16 over the password folded to sixteen bytes. Dahua's cameras and
recorders: eight characters, each the sum of two bytes of MD5. Radmin 2: MD5 of the password padded to 100 bytes.
Sources: hashcat's modes 26200, 24900 and 9900.
"""

import base64
import hashlib
import re
import string
from dataclasses import replace
from functools import partial

from Crypto.Cipher import AES

from service.hashing import limits
from service.hashing.check import Comparison
from service.hashing.columns import username_of
from service.hashing.crypt_loops import encode_little
from service.hashing.digests import digest
from service.hashing.encodings import (
    CRYPT64,
    HEX_DIGIT,
    STANDARD64,
    encode,
    to_bytes,
    unbase64,
    unbase64_alphabet,
    unhex,
)
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, StoredHash
from service.hashing.formats import crypt
from service.hashing.formats.pbkdf2 import pbkdf2_check
from service.hashing.shape import BLANK, Shape
from service.immutable import immutable

# The MD5 hashes of Cisco's PIX and ASA firewalls, and IOS's types 4 and 7.
#
# PIX: MD5 of the password and up to four characters of the name, padded with NUL to 16 bytes; every fourth byte of the
# digest is dropped. ASA (7.0 and later) uses up to 32 characters. A longer password is never right: the devices reject
# it. Type 7 is not a hash: the password is XORed with a fixed text, starting at a given offset.

PIX_LENGTH = 16
ASA_LENGTH = 32
NAME_LENGTH = 4
ASA_NAMELESS = 28
"""Length in bytes from which the ASA omits the name."""
TYPE7 = b"dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"
"""The text that passwords are XORed with, the same in every device."""
TYPE7_LENGTH = 25
_DIGIT = r"[./0-9A-Za-z]"


def pix(username: bytes, secret: bytes) -> bytes:
    """Return the twelve encoded bytes."""
    return _encoded(secret, secret + _repeated(username), PIX_LENGTH, PIX_LENGTH)


def asa(username: bytes, secret: bytes) -> bytes:
    """Return the same as on the PIX if password and name are short."""
    named = secret + _repeated(username) if len(secret) < ASA_NAMELESS else secret
    return _encoded(secret, named, ASA_LENGTH, ASA_LENGTH if len(named) > PIX_LENGTH else PIX_LENGTH)


def _encoded(secret: bytes, named: bytes, longest: int, size: int) -> bytes:
    if len(secret) > longest:
        return b""
    raw = digest("md5", named[:size].ljust(size, b"\0"))
    return encode_little(bytes(byte for i, byte in enumerate(raw) if i % 4 != 3)).encode("ascii")  # noqa: PLR2004


def _repeated(username: bytes) -> bytes:
    return (username * NAME_LENGTH)[:NAME_LENGTH]


def _firewall(name: str, stored: StoredHash, match: re.Match[str]) -> Check:
    username = to_bytes(match["user"] or stored.username or stored.salt or "", "utf-8")
    derive = partial({"cisco_pix": pix, "cisco_asa": asa}[name], username)
    return Comparison(derive, match["digest"].encode("ascii"), name, charset=stored.recipe.charset, padded=True)


def _type4(stored: StoredHash, match: re.Match[str]) -> Check:
    key = unbase64_alphabet(match["digest"], CRYPT64)
    return Comparison(partial(digest, "sha256"), key, "sha256", charset=stored.recipe.charset)


def same(secret: bytes) -> bytes:
    """Return the password itself."""
    return secret


def _type7(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hash; its two decimal digits are the offset in the text."""
    start, raw = int(match["start"]), unhex(match["digest"])
    if start >= len(TYPE7) or len(raw) > TYPE7_LENGTH:
        raise MalformedHash("the beginning or the length is beyond what IOS writes")
    key = bytes(byte ^ TYPE7[(start + i) % len(TYPE7)] for i, byte in enumerate(raw))
    return Comparison(same, key, "none", charset=stored.recipe.charset)


_TYPE7 = re.compile(r"(?:7 )?(?P<start>[0-9]{2})(?P<digest>(?:[0-9A-Fa-f]{2})+)")
_FIREWALL = re.compile(rf"(?P<digest>{_DIGIT}{{16}})(?::(?P<user>.*))?")
CISCO_FORMATS = (
    Shape("cisco_pix", _FIREWALL, partial(_firewall, "cisco_pix")),
    Shape("cisco_asa", _FIREWALL, partial(_firewall, "cisco_asa")),
    Shape("cisco_type4", re.compile(rf"(?:\$4\$)?(?P<digest>{_DIGIT}{{43}})"), _type4, ("cisco4",), names_itself=False),
    Shape("cisco_type7", _TYPE7, _type7, ("cisco7",), names_itself=False),
)


# Juniper's devices: ScreenOS (NetScreen), and IVE (Secure Access, Pulse).
#
# ScreenOS: MD5 of name, a fixed text and password, in its own base64 with letters between. IVE: crypt(3)'s MD5,
# encrypted with AES under a key that all devices share. Sources: hashcat's modes 22 and 501.

BYTES = 16
REALM = b":Administration Tools:"
MARKS = {0: "n", 6: "r", 12: "c", 17: "s", 23: "t", 29: "n"}
"""The letters that ScreenOS inserts, by position."""
MD5_CRYPT = crypt.FORMATS[0]
IVE_KEY = bytes.fromhex("a6707a7e8df91059dea70ae52f9c2442")
IVE_HEAD = 12
"""Bytes before the ciphertext: the start of the initialisation vector, which is padded with NULs."""
IVE_LENGTH = 64
_IVE = re.compile(r"[A-Za-z0-9+/]{102}==")
_IVE_INSIDE = re.compile(r"\$1\$[!-#%-9;-~]{1,8}\$[./0-9A-Za-z]{22}")


def screenos(username: bytes, secret: bytes) -> bytes:
    """Encode each two bytes of MD5 as three digits of base64."""
    hashed = digest("md5", username + REALM + secret)
    pairs = (int.from_bytes(hashed[place : place + 2], "big") for place in range(0, BYTES, 2))
    letters = [STANDARD64[pair >> shift & 0x3F] for pair in pairs for shift in (12, 6, 0)]
    for place, mark in MARKS.items():
        letters.insert(place, mark)
    return "".join(letters).encode("ascii")


def open_ive(head: bytes, closed: bytes) -> bytes:
    """Decrypt the bytes after `head`."""
    return AES.new(IVE_KEY, AES.MODE_CBC, head.ljust(BYTES, b"\0")).decrypt(closed)


def close_ive(head: bytes, inner: bytes) -> bytes:
    """Encrypt a text padded with NULs; the reverse of `open_ive`."""
    return AES.new(IVE_KEY, AES.MODE_CBC, head.ljust(BYTES, b"\0")).encrypt(inner.ljust(IVE_LENGTH, b"\0"))


@immutable
class Ive:
    """An encrypted crypt(3) hash. All rows have the same salt."""

    name: str
    aliases: tuple[str, ...]

    def recognises(self, text: str) -> bool:
        """Return whether the text decrypts to a crypt(3) hash."""
        return self._opened(text) is not None

    def parse(self, stored: StoredHash) -> Check:
        """Parse the decrypted hash."""
        _, inner = self._require(stored.hash)
        return MD5_CRYPT.parse(replace(stored, hash=inner))

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Encrypt another crypt(3) hash."""
        head, inner = self._require(stored.hash)
        made = MD5_CRYPT.dummy_hash(replace(stored, hash=inner))
        raw = head + close_ive(head, made.hash.encode("ascii"))
        return replace(made, hash=base64.b64encode(raw).decode("ascii"))

    def _opened(self, text: str) -> tuple[bytes, str] | None:
        bare = text.strip(BLANK)
        if not _IVE.fullmatch(bare):
            return None
        raw = base64.b64decode(bare)
        inner = open_ive(raw[:IVE_HEAD], raw[IVE_HEAD:]).decode("latin-1")
        match = _IVE_INSIDE.match(inner)
        return None if match is None else (raw[:IVE_HEAD], match[0])

    def _require(self, text: str) -> tuple[bytes, str]:
        opened = self._opened(text)
        if opened is None:
            raise MalformedHash(f"not in the shape of {self.name}")
        return opened


def _screenos(stored: StoredHash, match: re.Match[str]) -> Check:
    username = encode(match["user"] or username_of(stored), stored.recipe.charset)
    if username is None:
        raise MalformedHash("the charset cannot write the username")
    key = match["text"].encode("ascii")
    return Comparison(partial(screenos, username), key, "screenos", charset=stored.recipe.charset)


_BASE64_DIGIT = r"[A-Za-z0-9+/]"
_SCREENOS = (
    rf"n(?P<digest1>{_BASE64_DIGIT}{{5}})r(?P<digest2>{_BASE64_DIGIT}{{5}})c(?P<digest3>{_BASE64_DIGIT}{{4}})"
    rf"s(?P<digest4>{_BASE64_DIGIT}{{5}})t(?P<digest5>{_BASE64_DIGIT}{{5}})n"
)
JUNIPER_FORMATS = (
    Shape(
        "screenos",
        re.compile(rf"(?P<text>{_SCREENOS})(?::(?P<user>.+))?"),
        _screenos,
        ("netscreen", "juniper_netscreen"),
    ),
    Ive("juniper_ive", ("juniper_sa", "pulse_secure", "ive")),
)


# QNX's shadow file: an iterated digest of the salt and the password; since QNX 7, PBKDF2.
#
# `@m@digest@salt` is MD5, `@s@` SHA-256, `@S@` SHA-512; `@S,5000@` states the rounds. Source: hashcat's modes 19000 to
# 19210.

ROUNDS = 1000
PBKDF2_ROUNDS = 4096
MAX_ROUNDS = 100_000
"""Each round hashes the whole password again; QNX's default is 1,000."""
DIGESTS = {"m": "md5", "s": "sha256", "S": "sha512"}
DIGITS = {"m": 32, "s": 64, "S": 128}


def qnx(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """Hash the password once, and again in every round."""
    hashed = hashlib.new(name, salt, usedforsecurity=False)
    for _ in range(rounds + 1):
        hashed.update(secret)
    return hashed.digest()


def read_qnx(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the salt as text."""
    rounds = limits.number(match["rounds"] or str(ROUNDS))
    work = limits.check_rounds(rounds, MAX_ROUNDS, "qnx")
    if len(match["digest"]) != DIGITS[match["name"]]:
        raise MalformedHash("the digest does not have the length of its function")
    name = DIGESTS[match["name"]]
    derive = partial(qnx, name, match["salt"].encode("ascii"), rounds)
    cost = f"qnx {name} x{rounds}"
    key, charset = unhex(match["digest"]), stored.recipe.charset
    return Comparison(derive, key, cost, Executor.PROCESS, charset, work=work, looped=True)


def read_qnx7(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse salt and digest in base64."""
    rounds = limits.number(match["rounds"] or str(PBKDF2_ROUNDS))
    return pbkdf2_check(stored, "sha512", rounds, unbase64(match["salt"]), unbase64(match["digest"]))


_ROUNDS = r"(?:,(?P<rounds>[0-9]{1,9}))?"
QNX_FORMATS = (
    Shape(
        "qnx",
        re.compile(rf"@(?P<name>[msS]){_ROUNDS}@(?P<digest>[0-9a-f]{{32,128}})@(?P<salt>[!-?A-~]{{1,64}})"),
        read_qnx,
        ("qnx_md5", "qnx_sha256", "qnx_sha512"),
    ),
    Shape(
        "qnx7",
        re.compile(rf"@S{_ROUNDS}@(?P<digest>[A-Za-z0-9+/]{{86}}==)@(?P<salt>[A-Za-z0-9+/]{{1,88}}={{0,2}})"),
        read_qnx7,
    ),
)


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
    """XOR all blocks of the password into one, with its first byte last."""
    folded = 0
    for start in range(0, len(secret), BYTES):
        folded ^= int.from_bytes(secret[start : start + BYTES][::-1], "big")
    return folded


def openedge(secret: bytes) -> bytes:
    """Mix the password into sixteen bytes five times; each pair of bytes becomes a CRC over all of them."""
    scratch, value, folded = bytearray(BYTES), OPENEDGE_START, _folded(secret)
    for _ in range(OPENEDGE_PASSES):
        scratch = bytearray((int.from_bytes(scratch, "big") ^ folded).to_bytes(BYTES, "big"))
        for place in range(0, BYTES, 2):
            for byte in reversed(scratch):
                value = value >> 8 ^ _TABLE[value & 0xFF] ^ _TABLE[byte]
            scratch[place : place + 2] = value.to_bytes(2, "little")
    return bytes(map(_letter, scratch))


def dahua(secret: bytes) -> bytes:
    """Map each two bytes of MD5 to one of 62 characters, which keeps 47 bits."""
    hashed = digest("md5", secret)
    sums = (hashed[place] + hashed[place + 1] for place in range(0, BYTES, 2))
    return "".join(DAHUA[each % len(DAHUA)] for each in sums).encode("ascii")


def radmin(secret: bytes) -> bytes:
    """Pad the password with NULs and hash it."""
    return digest("md5", secret[:RADMIN_LENGTH].ljust(RADMIN_LENGTH, b"\0"))


def _openedge(stored: StoredHash, match: re.Match[str]) -> Check:
    key = match["digest"].encode("ascii")
    return Comparison(openedge, key, "openedge", charset=stored.recipe.charset, padded=True)


def _dahua(stored: StoredHash, match: re.Match[str]) -> Check:
    return Comparison(dahua, match["digest"].encode("ascii"), "dahua", charset=stored.recipe.charset)


def _radmin(stored: StoredHash, match: re.Match[str]) -> Check:
    return Comparison(radmin, unhex(match["digest"]), "radmin2", charset=stored.recipe.charset, padded=True)


OTHER_FORMATS = (
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
