"""The methods of crypt(3) that DES computes: traditional, bigcrypt, crypt16, BSDi. Knows layouts; libxcrypt computes.

bigcrypt (HP-UX, Digital Unix) hashes each eight characters, under the beginning of the block before. crypt16 (Ultrix)
hashes twice eight characters, with 20 and 5 rounds. Two blocks of either look the same.
"""

import hmac
import re
from dataclasses import field

from service.immutable import immutable
from service.passwords import crypt_library
from service.passwords.crypt_check import CryptCheck, check
from service.passwords.encodings import CRYPT64, encode
from service.passwords.format import Check, Executor, MalformedHash, StoredHash, TooCostly
from service.passwords.shape import Shape

MAX_BSDI_ROUNDS = 8_000_000
"""1.5 s; the most that fits a hash is twice as many, and BSDi's default was 725."""
DES_KEY = 8
"""Characters that traditional DES reads; what follows is ignored, as it always was."""
BIGCRYPT_KEY = 128
"""Characters that bigcrypt reads, in sixteen blocks of DES."""
CRYPT16_ROUNDS = (20, 5)
_DIGIT = r"[./0-9A-Za-z]"


@immutable
class BigcryptOrCrypt16:
    """Both readings of 24 characters; both are always made."""

    bigcrypt: CryptCheck = field(repr=False)
    salt: str = field(repr=False)
    digest: bytes = field(repr=False)
    executor: Executor = Executor.THREAD
    cost: str = "bigcrypt 2"

    def verify(self, password: str) -> bool:
        """Accept what either accepts."""
        return self.bigcrypt.verify(password) | hmac.compare_digest(self._crypt16(password), self.digest)

    def _crypt16(self, password: str) -> bytes:
        """BSDi's method with traditional salt and other rounds is the same DES."""
        secret = encode(password, self.bigcrypt.charset)
        if secret is None or b"\0" in secret:
            return b""
        blocks = (secret[:DES_KEY], secret[DES_KEY : 2 * DES_KEY])
        return b"".join(self._block(*pair) for pair in zip(blocks, CRYPT16_ROUNDS, strict=True))

    def _block(self, secret: bytes, rounds: int) -> bytes:
        return crypt_library.crypt(secret, f"_{CRYPT64[rounds]}...{self.salt}..".encode("ascii"))[-11:]


def _des(stored: StoredHash, match: re.Match[str]) -> Check:
    return check(stored, match[0], match[0], "des_crypt", longest=DES_KEY)


def _bigcrypt(stored: StoredHash, match: re.Match[str]) -> Check:
    blocks = (len(match[0]) - 2) // 11
    made = check(stored, match[0], match[0], f"bigcrypt {blocks}", longest=BIGCRYPT_KEY)
    if blocks > len(CRYPT16_ROUNDS):
        return made
    return BigcryptOrCrypt16(made, match["salt"], match["digest"].encode("ascii"))


def _bsdi(stored: StoredHash, match: re.Match[str]) -> Check:
    rounds = sum(CRYPT64.index(digit) << 6 * i for i, digit in enumerate(match["rounds"]))
    if rounds > MAX_BSDI_ROUNDS:
        raise TooCostly(f"bsdi_crypt with {rounds} rounds is above {MAX_BSDI_ROUNDS}")
    if rounds < 1:
        raise MalformedHash("bsdi_crypt has at least one round")
    return check(stored, match[0], match["digest"], f"bsdi_crypt {rounds}")


_BIGCRYPT = rf"(?!(?:md5)?[0-9A-Fa-f]+$)(?P<salt>{_DIGIT}{{2}})(?P<digest>(?:{_DIGIT}{{11}}){{2,16}})"
_BSDI = rf"_(?P<rounds>{_DIGIT}{{4}})(?P<salt>{_DIGIT}{{4}})(?P<digest>{_DIGIT}{{11}})"
DES_FORMATS = (
    Shape(
        "des_crypt",
        re.compile(rf"(?P<salt>{_DIGIT}{{2}})(?P<digest>{_DIGIT}{{11}})"),
        _des,
        ("descrypt", "unix_crypt"),
    ),
    Shape("bigcrypt", re.compile(_BIGCRYPT), _bigcrypt, ("crypt16",)),
    Shape("bsdi_crypt", re.compile(_BSDI), _bsdi, ("bsdicrypt",)),
)
