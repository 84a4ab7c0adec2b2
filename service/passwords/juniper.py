"""Juniper's devices: ScreenOS (NetScreen), and IVE (Secure Access, Pulse). Knows layouts; MD5 and crypt(3) are others'.

ScreenOS: MD5 of name, a fixed text and password, in its own base64 with letters between. IVE: crypt(3)'s MD5,
enciphered with AES under a key that all devices share. Sources: hashcat's modes 22 and 501.
"""

import base64
import re
from dataclasses import replace
from functools import partial

from Crypto.Cipher import AES

from service.immutable import immutable
from service.passwords import crypt3
from service.passwords.columns import username_of
from service.passwords.comparison import Comparison
from service.passwords.digests import digest
from service.passwords.encodings import STANDARD64, encode
from service.passwords.format import Check, MalformedHash, StoredHash
from service.passwords.shape import BLANK, Shape

BYTES = 16
REALM = b":Administration Tools:"
MARKS = {0: "n", 6: "r", 12: "c", 17: "s", 23: "t", 29: "n"}
"""The letters that ScreenOS puts between, by their places."""
MD5_CRYPT = crypt3.FORMATS[0]
IVE_KEY = bytes.fromhex("a6707a7e8df91059dea70ae52f9c2442")
IVE_HEAD = 12
"""Bytes before what is enciphered: the start of the initialisation vector, which NULs fill up."""
IVE_LENGTH = 64
_IVE = re.compile(r"[A-Za-z0-9+/]{102}==")
_IVE_INSIDE = re.compile(r"\$1\$[!-#%-9;-~]{1,8}\$[./0-9A-Za-z]{22}")


def screenos(username: bytes, secret: bytes) -> bytes:
    """Each two bytes of MD5 are three digits of base64."""
    hashed = digest("md5", username + REALM + secret)
    pairs = (int.from_bytes(hashed[place : place + 2], "big") for place in range(0, BYTES, 2))
    letters = [STANDARD64[pair >> shift & 0x3F] for pair in pairs for shift in (12, 6, 0)]
    for place, mark in MARKS.items():
        letters.insert(place, mark)
    return "".join(letters).encode("ascii")


def open_ive(head: bytes, closed: bytes) -> bytes:
    """Decipher what stands behind `head`."""
    return AES.new(IVE_KEY, AES.MODE_CBC, head.ljust(BYTES, b"\0")).decrypt(closed)


def close_ive(head: bytes, inner: bytes) -> bytes:
    """The reverse, of a text that NULs fill up."""
    return AES.new(IVE_KEY, AES.MODE_CBC, head.ljust(BYTES, b"\0")).encrypt(inner.ljust(IVE_LENGTH, b"\0"))


@immutable
class Ive:
    """A hash of crypt(3) that is enciphered. All rows have the same salt."""

    name: str
    aliases: tuple[str, ...]

    def recognises(self, text: str) -> bool:
        """Tell whether a hash of crypt(3) comes out."""
        return self._opened(text) is not None

    def parse(self, stored: StoredHash) -> Check:
        """Read what comes out."""
        _, inner = self._require(stored.hash)
        return MD5_CRYPT.parse(replace(stored, hash=inner))

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Encipher another hash of crypt(3)."""
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


_DIGIT = r"[A-Za-z0-9+/]"
_SCREENOS = (
    rf"n(?P<digest1>{_DIGIT}{{5}})r(?P<digest2>{_DIGIT}{{5}})c(?P<digest3>{_DIGIT}{{4}})"
    rf"s(?P<digest4>{_DIGIT}{{5}})t(?P<digest5>{_DIGIT}{{5}})n"
)
FORMATS = (
    Shape(
        "screenos",
        re.compile(rf"(?P<text>{_SCREENOS})(?::(?P<user>.+))?"),
        _screenos,
        ("netscreen", "juniper_netscreen"),
    ),
    Ive("juniper_ive", ("juniper_sa", "pulse_secure", "ive")),
)
