"""The MD5 hashes of Cisco's PIX and ASA firewalls, and IOS's types 4 and 7. Knows no network.

PIX: MD5 of the password and up to four characters of the name, padded with NUL to 16 bytes; of each four bytes of
digest the last is dropped. ASA (7.0 and later) reads up to 32 characters. A longer password is never right: the
devices refuse it. Type 7 is no hash: the password, combined with a fixed text from a place in it on.
"""

import re
from functools import partial

from service.passwords.comparison import Comparison
from service.passwords.crypt_loops import encode_little
from service.passwords.digests import digest
from service.passwords.encodings import CRYPT64, to_bytes, unbase64_alphabet, unhex
from service.passwords.format import Check, MalformedHash, StoredHash
from service.passwords.shape import Shape

PIX_LENGTH = 16
ASA_LENGTH = 32
NAME_LENGTH = 4
ASA_NAMELESS = 28
"""Bytes of a password from which on the ASA leaves the name out."""
TYPE7 = b"dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"
"""What a password is combined with, the same in every device."""
TYPE7_LENGTH = 25
_DIGIT = r"[./0-9A-Za-z]"


def pix(username: bytes, secret: bytes) -> bytes:
    """The encoded twelve bytes."""
    return _encoded(secret, secret + _repeated(username), PIX_LENGTH, PIX_LENGTH)


def asa(username: bytes, secret: bytes) -> bytes:
    """As on the PIX where both are short."""
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
    """The password itself."""
    return secret


def _type7(stored: StoredHash, match: re.Match[str]) -> Check:
    """Two decimal digits say where in the text it begins."""
    start, raw = int(match["start"]), unhex(match["digest"])
    if start >= len(TYPE7) or len(raw) > TYPE7_LENGTH:
        raise MalformedHash("the beginning or the length is beyond what IOS writes")
    key = bytes(byte ^ TYPE7[(start + i) % len(TYPE7)] for i, byte in enumerate(raw))
    return Comparison(same, key, "none", charset=stored.recipe.charset)


_TYPE7 = re.compile(r"(?:7 )?(?P<start>[0-9]{2})(?P<digest>(?:[0-9A-Fa-f]{2})+)")
_FIREWALL = re.compile(rf"(?P<digest>{_DIGIT}{{16}})(?::(?P<user>.*))?")
FORMATS = (
    Shape("cisco_pix", _FIREWALL, partial(_firewall, "cisco_pix")),
    Shape("cisco_asa", _FIREWALL, partial(_firewall, "cisco_asa")),
    Shape("cisco_type4", re.compile(rf"(?:\$4\$)?(?P<digest>{_DIGIT}{{43}})"), _type4, ("cisco4",), names_itself=False),
    Shape("cisco_type7", _TYPE7, _type7, ("cisco7",), names_itself=False),
)
