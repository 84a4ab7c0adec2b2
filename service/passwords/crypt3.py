"""crypt(3) in all its methods, and Apache's `$apr1$`. Knows layouts and bounds; the computing is the library's.

The layouts are those of crypt(5). A password with a NUL is never right: in C it ends there, so that no store of this
kind ever took one, and to cut it would accept `right`, NUL, `junk`. libxcrypt refuses 512 bytes and more: MD5, SHA-1
and SHA-2 then run in Python, DES reads only eight anyway, and for the others no store can have taken such a password.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from service.passwords import crypt_library, crypt_loops, limits
from service.passwords.encodings import CRYPT64, encode
from service.passwords.format import Check, Lane, MalformedHash, StoredHash, TooCostly
from service.passwords.shape import Shape

MAX_SHA2_ROUNDS = 1_500_000
"""1.8 s of SHA-256, which is the slower. libpass uses 656,000 and 535,000, everybody else 5,000."""
SHA2_ROUNDS = 5000
"""Where a hash names none."""
MIN_SHA2_ROUNDS = 1000
"""The algorithm raises lower numbers to this one before it writes them, so a hash never holds a lower one."""
MAX_SHA1_ROUNDS = 1_000_000
"""1.4 s; NetBSD's default is 24,680 at most."""
MAX_SUN_ROUNDS = 1_000_000
"""1.8 s, of which 4,096 rounds are always done."""
SUN_ROUNDS = 4096
MAX_BSDI_ROUNDS = 8_000_000
"""1.5 s; the most that fits a hash is twice as many, and BSDi's default was 725."""
DES_KEY = 8
"""Characters that traditional DES reads; what follows is ignored, as it always was."""
BIGCRYPT_KEY = 128
"""Characters that bigcrypt reads, in sixteen blocks of DES."""
SHA1_SIZE = 20
_DIGIT = r"[./0-9A-Za-z]"

Loop = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class CryptCheck:
    """A hash of crypt(3) that is hashed again under itself."""

    setting: bytes = field(repr=False)
    """What the library takes: the whole hash."""
    digest: bytes = field(repr=False)
    """The end of what it must give."""
    cost: str
    lane: Lane = Lane.THREAD
    charset: str = "utf-8"
    longest: int | None = None
    """Bytes that count; the rest is cut, where the method has always ignored it."""
    loop: Loop | None = field(default=None, repr=False)
    """The method in Python, which gives the digest alone."""

    def verify(self, password: str) -> bool:
        """Tell whether the hash of `password` ends in the digest."""
        secret = encode(password, self.charset)
        if secret is None or b"\0" in secret:
            return False
        made = self._hash(secret[: self.longest])
        return hmac.compare_digest(made[-len(self.digest) :] if self.longest is None else made, self.digest)

    def _hash(self, secret: bytes) -> bytes:
        by_library = self.lane is Lane.THREAD and len(secret) <= crypt_library.LONGEST
        if by_library or self.loop is None:
            return crypt_library.crypt(secret, self.setting) if len(secret) <= crypt_library.LONGEST else b""
        return self.loop(secret)


def check(
    stored: StoredHash,
    setting: str,
    digest: str,
    cost: str,
    loop: Loop | None = None,
    longest: int | None = None,
) -> CryptCheck:
    """A check by the library where it can, else by `loop`."""
    raw = setting.encode()
    supported = crypt_library.supports(raw)
    if not supported and loop is None:
        raise MalformedHash("this machine has no libxcrypt that knows the method of this hash")
    lane = Lane.THREAD if supported else Lane.PROCESS
    return CryptCheck(raw, digest.encode(), cost, lane, stored.recipe.charset, longest, loop)


def _salt(match: re.Match[str]) -> bytes:
    """As the bytes that it had: crypt(3) knows no charset."""
    return match["salt"].encode()


def _md5_loop(salt: bytes, magic: bytes, secret: bytes) -> bytes:
    return crypt_loops.md5_crypt(secret, salt, magic).encode()


def _sha2_loop(algorithm: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    return crypt_loops.sha2_crypt(algorithm, secret, salt, rounds).encode()


def _sha1_loop(salt: bytes, rounds: int, secret: bytes) -> bytes:
    digest = crypt_loops.sha1_crypt(secret, salt, rounds)
    return crypt_loops.encode(digest + digest[:1]).encode()


def _md5(stored: StoredHash, match: re.Match[str]) -> Check:
    setting = f"$1${match['salt']}${match['digest']}"
    return check(stored, setting, match["digest"], "md5_crypt", partial(_md5_loop, _salt(match), b"$1$"))


def _apr1(stored: StoredHash, match: re.Match[str]) -> Check:
    """A method that libxcrypt lacks: a thousand rounds of MD5 in Python."""
    loop = partial(_md5_loop, _salt(match), b"$apr1$")
    digest = match["digest"].encode()
    return CryptCheck(b"", digest, "apr_md5_crypt", Lane.PROCESS, stored.recipe.charset, loop=loop)


def _sha2(algorithm: str, stored: StoredHash, match: re.Match[str]) -> Check:
    rounds = SHA2_ROUNDS if match["rounds"] is None else limits.number(match["rounds"])
    if rounds > MAX_SHA2_ROUNDS:
        raise TooCostly(f"{algorithm}_crypt with {rounds} rounds is above {MAX_SHA2_ROUNDS}")
    if rounds < MIN_SHA2_ROUNDS:
        raise MalformedHash(f"{algorithm}_crypt has at least {MIN_SHA2_ROUNDS} rounds")
    loop = partial(_sha2_loop, algorithm, _salt(match), rounds)
    return check(stored, match[0], match["digest"], f"{algorithm}_crypt {rounds}", loop)


def _sha1(stored: StoredHash, match: re.Match[str]) -> Check:
    """The last of the 28 characters' 21 bytes repeats the first; some writers leave it zero, so it is written anew."""
    rounds = limits.number(match["rounds"])
    if rounds > MAX_SHA1_ROUNDS:
        raise TooCostly(f"sha1_crypt with {rounds} rounds is above {MAX_SHA1_ROUNDS}")
    if rounds < 1:
        raise MalformedHash("sha1_crypt has at least one round")
    digest = _complete(match["digest"])
    setting = f"$sha1${rounds}${match['salt']}${digest}"
    return check(stored, setting, digest, f"sha1_crypt {rounds}", partial(_sha1_loop, _salt(match), rounds))


def _complete(text: str) -> str:
    """Put the first byte of the digest in the place of the last of the 21, if that is zero."""
    first, last = (sum(CRYPT64.index(text[i + j]) << 6 * j for j in range(4)) for i in (0, 24))
    if last & 0xFF:
        return text
    return text[:24] + crypt_loops.encode((last | first >> 16).to_bytes(3, "big"))


def _sun(stored: StoredHash, match: re.Match[str]) -> Check:
    rounds = limits.number(match["rounds"] or "0") + SUN_ROUNDS
    if rounds > MAX_SUN_ROUNDS:
        raise TooCostly(f"sun_md5_crypt with {rounds} rounds is above {MAX_SUN_ROUNDS}")
    return check(stored, match[0], match["digest"], f"sun_md5_crypt {rounds}")


def _des(stored: StoredHash, match: re.Match[str]) -> Check:
    return check(stored, match[0], match[0], "des_crypt", longest=DES_KEY)


def _bigcrypt(stored: StoredHash, match: re.Match[str]) -> Check:
    blocks = (len(match[0]) - 2) // 11
    return check(stored, match[0], match[0], f"bigcrypt {blocks}", longest=BIGCRYPT_KEY)


def _bsdi(stored: StoredHash, match: re.Match[str]) -> Check:
    rounds = sum(CRYPT64.index(digit) << 6 * i for i, digit in enumerate(match["rounds"]))
    if rounds > MAX_BSDI_ROUNDS:
        raise TooCostly(f"bsdi_crypt with {rounds} rounds is above {MAX_BSDI_ROUNDS}")
    if rounds < 1:
        raise MalformedHash("bsdi_crypt has at least one round")
    return check(stored, match[0], match["digest"], f"bsdi_crypt {rounds}")


def _nt(stored: StoredHash, match: re.Match[str]) -> Check:
    return check(stored, match[0], match["digest"], "nt_crypt")


def _shape(name: str, pattern: str, read: Callable[[StoredHash, re.Match[str]], Check], *aliases: str) -> Shape:
    return Shape(name, re.compile(pattern), read, aliases)


def _of_digest(length: int) -> str:
    return rf"(?P<digest>{_DIGIT}{{{length}}})"


_SALT = r"(?P<salt>[^$:\x00-\x20\x7f]{0,%d})"
_BIGCRYPT = rf"(?!(?:md5)?[0-9A-Fa-f]+$)(?P<salt>{_DIGIT}{{2}})(?P<digest>(?:{_DIGIT}{{11}}){{2,16}})"
_ROUNDS = r"(?:rounds=(?P<rounds>[0-9]{1,9})\$)?"
FORMATS = (
    _shape("md5_crypt", rf"\$(?:1|md5-crypt)\${_SALT % 8}\${_of_digest(22)}", _md5, "md5crypt", "kratos_md5-crypt"),
    _shape("apr_md5_crypt", rf"\$apr1\${_SALT % 8}\${_of_digest(22)}", _apr1, "apr1", "md5apr1", "apache_md5"),
    _shape("sha256_crypt", rf"\$5\${_ROUNDS}{_SALT % 16}\${_of_digest(43)}", partial(_sha2, "sha256"), "sha256crypt"),
    _shape("sha512_crypt", rf"\$6\${_ROUNDS}{_SALT % 16}\${_of_digest(86)}", partial(_sha2, "sha512"), "sha512crypt"),
    _shape(
        "sha1_crypt",
        rf"\$sha1\$(?P<rounds>[0-9]{{1,9}})\$(?P<salt>{_DIGIT}{{0,64}})\${_of_digest(28)}",
        _sha1,
        "sha1crypt",
    ),
    _shape(
        "sun_md5_crypt",
        rf"\$md5(?:[,$]rounds=(?P<rounds>[0-9]{{1,9}}))?\$(?P<salt>{_DIGIT}{{0,64}})\$\$?{_of_digest(22)}",
        _sun,
        "sunmd5",
        "sun_md5",
    ),
    _shape("des_crypt", rf"(?P<salt>{_DIGIT}{{2}}){_of_digest(11)}", _des, "descrypt", "unix_crypt"),
    _shape("bigcrypt", _BIGCRYPT, _bigcrypt),
    _shape("bsdi_crypt", rf"_(?P<rounds>{_DIGIT}{{4}})(?P<salt>{_DIGIT}{{4}}){_of_digest(11)}", _bsdi, "bsdicrypt"),
    _shape("nt_crypt", r"\$3\$\$(?P<digest>[0-9a-f]{32})", _nt, "freebsd_nt"),
)
