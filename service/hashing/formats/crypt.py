"""crypt(3): MD5, SHA-1, SHA-2 and DES, yescrypt, Apache's `$apr1$` and FreeBSD's NT.

The layouts are those of crypt(5).
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import field
from functools import partial

from service.hashing import crypt_loops, libxcrypt, limits
from service.hashing.check import Comparison, Either
from service.hashing.digests import digest
from service.hashing.encodings import CRYPT64, encode, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, StoredHash
from service.hashing.formats.scrypt import scrypt
from service.hashing.shape import Shape
from service.immutable import immutable

# The check of a crypt(3) hash: the password is hashed with the stored hash as the setting, by libxcrypt or in Python.
#
# A password with a NUL is never right: C strings end there, so no such store ever accepted one, and truncating it would
# accept `right`, NUL, `junk`. libxcrypt rejects 512 bytes and more: MD5, SHA-1 and SHA-2 then run in Python, DES uses
# only eight anyway, and for the other methods no store can have accepted such a password.

Loop = Callable[[bytes], bytes]


@immutable
class CryptCheck:
    """A crypt(3) hash; the password is hashed with the stored hash as the setting."""

    setting: bytes = field(repr=False)
    """The setting for the library: the whole hash."""
    digest: bytes = field(repr=False)
    """The expected end of the result."""
    cost: str
    executor: Executor = Executor.THREAD
    charset: str = "utf-8"
    longest: int | None = None
    """Bytes that are used; the rest is dropped, if the method has always ignored it."""
    loop: Loop | None = field(default=None, repr=False)
    """The method in Python, which returns only the digest."""
    work: float = 0.0
    """The share of what one sign-in may cost."""

    @property
    def looped(self) -> bool:
        """Return whether the whole password is used: rounds then hash it again, or libxcrypt rejects a long one."""
        return self.longest is None

    def takes(self, password: str) -> bool:
        """Measure the password in the charset of the source."""
        return limits.is_short(password, self.charset, looped=self.looped)

    def verify(self, password: str) -> bool:
        """Return whether the hash of `password` ends in the digest."""
        secret = encode(password, self.charset)
        if secret is None or b"\0" in secret:
            return False
        made = self._hash(secret[: self.longest])
        return hmac.compare_digest(made[-len(self.digest) :] if self.longest is None else made, self.digest)

    def _hash(self, secret: bytes) -> bytes:
        by_library = self.executor is Executor.THREAD and len(secret) <= libxcrypt.LONGEST
        if by_library or self.loop is None:
            return self._by_library(secret) if len(secret) <= libxcrypt.LONGEST else b""
        return self.loop(secret)

    def _by_library(self, secret: bytes) -> bytes:
        made = libxcrypt.crypt(secret, self.setting)
        if not made:
            raise RuntimeError("libxcrypt rejects the parameters of the hash")  # not a verdict on the password
        return made


def check(
    stored: StoredHash,
    setting: str,
    digest: str,
    cost: str,
    loop: Loop | None = None,
    longest: int | None = None,
    work: float = 0.0,
) -> CryptCheck:
    """Return a check that uses the library if possible, else `loop`."""
    raw = setting.encode()
    supported = libxcrypt.supports(raw)
    if not supported and loop is None:
        raise MalformedHash("this machine has no libxcrypt that supports the method of this hash")
    executor = Executor.THREAD if supported else Executor.PROCESS
    return CryptCheck(raw, digest.encode(), cost, executor, stored.recipe.charset, longest, loop, work)


# The methods of crypt(3) based on DES: traditional, bigcrypt, crypt16, BSDi.
#
# bigcrypt (HP-UX, Digital Unix) hashes each block of eight characters, with the beginning of the previous block as the
# salt. crypt16 (Ultrix) hashes two blocks of eight, with 20 and 5 rounds. Two blocks of either look the same.

MAX_BSDI_ROUNDS = 8_000_000
"""1.5 s; the format's maximum is twice as many, and BSDi's default was 725."""
DES_KEY = 8
"""Characters that traditional DES uses; the rest is ignored, as in every implementation."""
BIGCRYPT_KEY = 128
"""Characters that bigcrypt uses, in sixteen blocks of DES."""
CRYPT16_ROUNDS = (20, 5)
_DIGIT = r"[./0-9A-Za-z]"


@immutable
class BigcryptOrCrypt16:
    """Both interpretations of 24 characters; both always run."""

    bigcrypt: CryptCheck = field(repr=False)
    salt: str = field(repr=False)
    digest: bytes = field(repr=False)
    executor: Executor = Executor.THREAD
    cost: str = "bigcrypt 2"
    work: float = 0.0
    looped: bool = False

    def takes(self, password: str) -> bool:
        """Return whether bigcrypt accepts the length."""
        return self.bigcrypt.takes(password)

    def verify(self, password: str) -> bool:
        """Return whether either interpretation matches."""
        return self.bigcrypt.verify(password) | hmac.compare_digest(self._crypt16(password), self.digest)

    def _crypt16(self, password: str) -> bytes:
        """Return crypt16 by BSDi's method: the same DES, with the traditional salt and other round counts."""
        secret = encode(password, self.bigcrypt.charset)
        if secret is None or b"\0" in secret:
            return b""
        blocks = (secret[:DES_KEY], secret[DES_KEY : 2 * DES_KEY])
        return b"".join(self._block(*pair) for pair in zip(blocks, CRYPT16_ROUNDS, strict=True))

    def _block(self, secret: bytes, rounds: int) -> bytes:
        return libxcrypt.crypt(secret, f"_{CRYPT64[rounds]}...{self.salt}..".encode("ascii"))[-11:]


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
    work = limits.check_rounds(rounds, MAX_BSDI_ROUNDS, "bsdi_crypt")
    return check(stored, match[0], match["digest"], f"bsdi_crypt {rounds}", work=work)


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


# yescrypt, its GOST variant and the crypt(3) form of scrypt.
#
# Parameters are variable-length numbers: https://www.openwall.com/yescrypt/ and PARAMETERS in its sources.

_HAS_PARALLELISM = 1
_HAS_TIME = 2


def read_number(text: str, at: int, least: int) -> tuple[int, int]:
    """Read a number of at least `least` at `at`; return it and its end. Its first digit encodes its length."""
    first, low, high, more, number = _digit(text, at), 0, 47, 0, least
    while first > high:
        number += (high + 1 - low) << 6 * more
        low, more = high + 1, more + 1
        high = low + (62 - high) // 2
    number += (first - low) << 6 * more
    for i in range(1, more + 1):
        number += _digit(text, at + i) << 6 * (more - i)
    return number, at + 1 + more


def _digit(text: str, at: int) -> int:
    if at >= len(text):
        raise MalformedHash("the parameters of yescrypt end too early")
    return CRYPT64.index(text[at])


def read_parameters(text: str) -> tuple[int, int, int, int]:
    """Return N, r, p and t. Raises `MalformedHash` for parameters that no known implementation writes."""
    _, at = read_number(text, 0, 0)
    log_n, at = read_number(text, at, 1)
    r, at = read_number(text, at, 1)
    p, t = 1, 0
    if at < len(text):
        has, at = read_number(text, at, 1)
        if has & _HAS_PARALLELISM:
            p, at = read_number(text, at, 2)
        if has & _HAS_TIME:
            t, at = read_number(text, at, 1)
    if at != len(text) or log_n > 40:  # noqa: PLR2004 (far above any memory, and a shift that stays cheap)
        raise MalformedHash("the parameters of yescrypt have a part that is not known")
    return 1 << log_n, r, p, t


def _yescrypt(stored: StoredHash, match: re.Match[str]) -> Check:
    n, r, p, t = read_parameters(match["parameters"])
    work = limits.check_scrypt_work(n, r, p * (t + 1))
    cost = f"{match['method']}escrypt {n},{r},{p},{t}".replace("gyescrypt", "gost_yescrypt")
    return check(stored, match[0], match["digest"], cost, work=work)


def _scrypt7_digest(n: int, r: int, p: int, salt: bytes, secret: bytes) -> bytes:
    return crypt_loops.encode_little(scrypt(n, r, p, salt, 32, secret))[:43].encode("ascii")


def _scrypt7(stored: StoredHash, match: re.Match[str]) -> Check:
    n = 1 << CRYPT64.index(match["n"])
    r, p = (sum(CRYPT64.index(digit) << 6 * i for i, digit in enumerate(match[name])) for name in ("r", "p"))
    work = limits.check_scrypt(n, r, p)
    # Not by libxcrypt: it rejects a salt with a `+`, which libpass writes.
    derive = partial(_scrypt7_digest, n, r, p, match["salt"].encode("utf-8"))
    key, cost = match["digest"].encode("ascii"), f"scrypt {n},{r},{p}"
    return Comparison(derive, key, cost, Executor.THREAD, stored.recipe.charset, padded=True, work=work)


# The salt's last digit has spare bits that must be zero, so a dummy hash keeps it.
_DIGEST = rf"\$(?P<digest>{_DIGIT}{{43}})"
_PATTERN = rf"\$(?P<method>%s)\$(?P<parameters>{_DIGIT}{{3,30}})\$(?P<salt>{_DIGIT}{{0,85}}){_DIGIT}?" + _DIGEST
_PATTERN7 = (
    rf"\$7\$(?P<n>{_DIGIT})(?P<r>{_DIGIT}{{5}})(?P<p>{_DIGIT}{{5}})(?P<salt>[^$:\x00-\x20\x7f]{{0,128}})" + _DIGEST
)
YESCRYPT_FORMATS = (
    Shape("yescrypt", re.compile(_PATTERN % "y"), _yescrypt),
    Shape("gost_yescrypt", re.compile(_PATTERN % "gy"), _yescrypt, ("gost-yescrypt",)),
    Shape("scrypt_crypt", re.compile(_PATTERN7), _scrypt7, ("scrypt7", "scrypt $7$")),
)


MAX_SHA2_ROUNDS = 1_500_000
"""1.8 s of SHA-256, the slower of the two. libpass uses 656,000 and 535,000, all others 5,000."""
SHA2_ROUNDS = 5000
"""The rounds of a hash that states none."""
MIN_SHA2_ROUNDS = 1000
"""The algorithm raises lower values to this one before writing them, so a hash never contains a lower value."""
MAX_SHA1_ROUNDS = 1_000_000
"""1.4 s; NetBSD's default is 24,680 at most."""
MAX_SUN_ROUNDS = 1_000_000
"""1.8 s, including the fixed 4,096 rounds."""
SUN_ROUNDS = 4096


def _salt(match: re.Match[str]) -> bytes:
    """Return the bytes unchanged: crypt(3) has no charset."""
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
    """Parse apr1, which libxcrypt lacks: a thousand rounds of MD5 in Python."""
    loop = partial(_md5_loop, _salt(match), b"$apr1$")
    key = match["digest"].encode()
    return CryptCheck(b"", key, "apr_md5_crypt", Executor.PROCESS, stored.recipe.charset, loop=loop)


def _sha2(algorithm: str, stored: StoredHash, match: re.Match[str]) -> Check:
    rounds = SHA2_ROUNDS if match["rounds"] is None else limits.number(match["rounds"])
    work = limits.check_rounds(rounds, MAX_SHA2_ROUNDS, f"{algorithm}_crypt")
    if rounds < MIN_SHA2_ROUNDS:
        raise MalformedHash(f"{algorithm}_crypt has at least {MIN_SHA2_ROUNDS} rounds")
    loop = partial(_sha2_loop, algorithm, _salt(match), rounds)
    return check(stored, match[0], match["digest"], f"{algorithm}_crypt {rounds}", loop, work=work)


def _sha1(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse sha1crypt. The last of its 21 bytes repeats the first; some writers leave it zero, so it is rewritten."""
    rounds = limits.number(match["rounds"])
    work = limits.check_rounds(rounds, MAX_SHA1_ROUNDS, "sha1_crypt")
    text = _complete(match["digest"])
    setting = f"$sha1${rounds}${match['salt']}${text}"
    loop = partial(_sha1_loop, _salt(match), rounds)
    return check(stored, setting, text, f"sha1_crypt {rounds}", loop, work=work)


def _complete(text: str) -> str:
    """Replace the last of the digest's 21 bytes by the first, if it is zero."""
    first, last = (sum(CRYPT64.index(text[i + j]) << 6 * j for j in range(4)) for i in (0, 24))
    if last & 0xFF:
        return text
    return text[:24] + crypt_loops.encode((last | first >> 16).to_bytes(3, "big"))


def _sun(stored: StoredHash, match: re.Match[str]) -> Check:
    rounds = limits.number(match["rounds"] or "0") + SUN_ROUNDS
    work = limits.check_rounds(rounds, MAX_SUN_ROUNDS, "sun_md5_crypt")
    return check(stored, match[0], match["digest"], f"sun_md5_crypt {rounds}", work=work)


def _nt(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse an NT hash. FreeBSD widens each byte of the password to 16 bits, others use UTF-16: both are tried."""
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
