"""crypt(3) in its methods of MD5, SHA-1 and SHA-2, Apache's `$apr1$` and FreeBSD's NT. Knows layouts and bounds.

The layouts are those of crypt(5). The methods of DES are in `crypt_des`, yescrypt and its kin in `yescrypt`.
"""

import re
from collections.abc import Callable
from functools import partial

from service.passwords import crypt_loops, limits
from service.passwords.comparison import Comparison, Either
from service.passwords.crypt_check import CryptCheck, check
from service.passwords.crypt_des import DES_FORMATS
from service.passwords.digests import digest
from service.passwords.encodings import CRYPT64, unhex
from service.passwords.format import Check, Executor, MalformedHash, StoredHash, TooCostly
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
_DIGIT = r"[./0-9A-Za-z]"


def _salt(match: re.Match[str]) -> bytes:
    """As the bytes that it had: crypt(3) knows no charset."""
    return match["salt"].encode()


def _md5_loop(salt: bytes, magic: bytes, secret: bytes) -> bytes:
    return crypt_loops.md5_crypt(secret, salt, magic).encode()


def _sha2_loop(algorithm: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    return crypt_loops.sha2_crypt(algorithm, secret, salt, rounds).encode()


def _sha1_loop(salt: bytes, rounds: int, secret: bytes) -> bytes:
    raw = crypt_loops.sha1_crypt(secret, salt, rounds)
    return crypt_loops.encode(raw + raw[:1]).encode()


def _md5(stored: StoredHash, match: re.Match[str]) -> Check:
    setting = f"$1${match['salt']}${match['digest']}"
    return check(stored, setting, match["digest"], "md5_crypt", partial(_md5_loop, _salt(match), b"$1$"))


def _apr1(stored: StoredHash, match: re.Match[str]) -> Check:
    """A method that libxcrypt lacks: a thousand rounds of MD5 in Python."""
    loop = partial(_md5_loop, _salt(match), b"$apr1$")
    key = match["digest"].encode()
    return CryptCheck(b"", key, "apr_md5_crypt", Executor.PROCESS, stored.recipe.charset, loop=loop)


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
    text = _complete(match["digest"])
    setting = f"$sha1${rounds}${match['salt']}${text}"
    return check(stored, setting, text, f"sha1_crypt {rounds}", partial(_sha1_loop, _salt(match), rounds))


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


def _nt(stored: StoredHash, match: re.Match[str]) -> Check:
    """FreeBSD widens each byte of the password to 16 bits, others write its characters in UTF-16: both are tried."""
    key, charset = unhex(match["digest"]), stored.recipe.charset
    return Either(
        Comparison(_nt_of_bytes, key, "nt_crypt", charset=charset),
        Comparison(partial(digest, "md4"), key, "nt", charset="utf-16-le"),
    )


def _nt_of_bytes(secret: bytes) -> bytes:
    return digest("md4", b"".join(bytes((byte, 0)) for byte in secret))


def _shape(name: str, pattern: str, read: Callable[[StoredHash, re.Match[str]], Check], *aliases: str) -> Shape:
    return Shape(name, re.compile(pattern), read, aliases)


def _of_digest(length: int) -> str:
    return rf"(?P<digest>{_DIGIT}{{{length}}})"


_SALT = r"(?P<salt>[^$:\x00-\x20\x7f]{0,%d})"
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
    *DES_FORMATS,
    _shape("nt_crypt", r"\$3\$\$(?P<digest>[0-9a-f]{32})", _nt, "freebsd_nt"),
)
