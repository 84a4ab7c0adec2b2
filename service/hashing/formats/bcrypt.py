"""bcrypt in its variants.

Algorithm: Provos and Mazières, USENIX 1999. `$2a$`, `$2b$` and `$2y$` name the same computation. `$2$` and `$2x$` name
two historical bugs (https://www.openwall.com/crypt/), which differ only in how the password becomes the 72-byte key, so
they are reproduced there. Legacy stores silently truncated passwords at 72 bytes, and so does this module.
"""

import base64
import hmac
import logging
import re
import time
from collections.abc import Callable
from dataclasses import field
from functools import partial
from typing import Literal

import bcrypt

from service.hashing import libxcrypt, limits
from service.hashing.check import Comparison
from service.hashing.digests import digest, keyed_digest
from service.hashing.encodings import BCRYPT64, encode
from service.hashing.executor import Executor
from service.hashing.format import Check, StoredHash
from service.hashing.interleaved.engine import BcryptJob, job_of
from service.hashing.interleaved.interleaving import Interleavable
from service.hashing.shape import Shape, Wrapped
from service.immutable import immutable

# The fastest available bcrypt that agrees with the bcrypt package.
#
# libxcrypt is faster than the package on many machines. The package remains the reference and the fallback for
# passwords that libxcrypt cannot hash.

Name = Literal["package", "libxcrypt"]
Hash = Callable[[bytes, bytes], bytes]
"""Computes the whole hash from a password and a salt (`$2b$`, cost and 22 characters), like `bcrypt.hashpw`."""

SALT = b"$2b$04$abcdefghijklmnopqrstuu"
PROBES = (b"", b"a", b"U*U", "pässwörd Ω 😀".encode(), b"\xff\xff\xa3" * 11, bytes(range(1, 73)), b"x" * 71, b"x" * 72)
"""Passwords whose hashes distinguish a correct bcrypt from the historical bugs: 8-bit bytes, and the 72-byte limit."""


def by_libxcrypt(secret: bytes, salt: bytes) -> bytes:
    """Hash like the package, using libxcrypt if it can take the password."""
    # C strings end at a NUL, so "right\0junk" would be "right".
    if len(secret) > libxcrypt.LONGEST or b"\0" in secret:
        return bcrypt.hashpw(secret, salt)
    return libxcrypt.crypt(secret, salt) or bcrypt.hashpw(secret, salt)


class FastBcrypt:
    """bcrypt by the package, until `choose` has found a faster implementation."""

    def __init__(self) -> None:
        self._hash: Hash = bcrypt.hashpw

    def __call__(self, secret: bytes, salt: bytes) -> bytes:
        """Hash `secret`, at most 72 bytes, under `salt`."""
        return self._hash(secret, salt)

    def choose(self, wanted: Name | None = None) -> Name:
        """Verify and time the available implementations, use the fastest or the one `wanted`, and return its name.

        Called at start; took 59 ms of CPU time when measured.
        """
        self._hash = bcrypt.hashpw
        if wanted == "package" or not libxcrypt.supports(SALT):
            return "package"
        if not equal(by_libxcrypt):
            logging.getLogger(__name__).warning("libxcrypt's bcrypt differs from the bcrypt package's: not used")
            return "package"
        faster = wanted == "libxcrypt" or _seconds(by_libxcrypt) < _seconds(bcrypt.hashpw)
        self._hash = by_libxcrypt if faster else bcrypt.hashpw
        return "libxcrypt" if faster else "package"


fastest_bcrypt = FastBcrypt()
"""The shared instance of this process."""


def equal(other: Hash) -> bool:
    """Return whether `other` agrees with the package on every probe."""
    return all(other(probe, SALT) == bcrypt.hashpw(probe, SALT) for probe in PROBES)


def _seconds(candidate: Hash) -> float:
    """Time `candidate` at a cost that takes a few milliseconds: the fastest of five runs, since noise only adds."""

    def once() -> float:
        began = time.perf_counter()
        candidate(b"password", SALT.replace(b"$04$", b"$06$"))
        return time.perf_counter() - began

    return min(once() for _ in range(5))


KEY = 72
"""Bytes of key that bcrypt uses."""
TAIL = r"(?P<cost>[0-9]{2})\$(?P<salt>[./A-Za-z0-9]{22})(?P<digest>[./A-Za-z0-9]{31})"
ANY = r"\$2(?P<variant>[abxy]?)\$" + TAIL

Prepare = Callable[[bytes], bytes]


def plain(secret: bytes) -> bytes:
    """Return the key of `$2a$`, `$2b$` and `$2y$`."""
    return secret


def hash_bcrypt(secret: bytes, salt: bytes, variant: Prepare = plain) -> bytes:
    """Hash the first 72 bytes of `secret` under `salt`: `$2b$`, cost and 22 characters. All bcrypt checks use this.

    Returns empty bytes for a secret that equals another one only because of its NULs.
    """
    return b"" if _is_disguised(secret) else fastest_bcrypt(variant(secret)[:KEY], salt)


def _is_disguised(secret: bytes) -> bool:
    """Return whether a shorter secret has the same key: a key is repeated with NULs, so `a` equals `a` NUL `a`."""
    head, nul, _ = secret.partition(b"\0")
    return bool(nul) and unterminated(head + b"\0") == unterminated(secret + b"\0")


def sign_extended(secret: bytes) -> bytes:
    """Return the key of the faulty `$2x$`: a byte above 0x7F overwrites the preceding bytes of its word."""
    cycle = secret + b"\0"
    words = [0] * (KEY // 4)
    for i in range(KEY):
        byte = cycle[i % len(cycle)]
        signed = byte | 0xFFFFFF00 if byte & 0x80 else byte
        words[i // 4] = (words[i // 4] << 8 | signed) & 0xFFFFFFFF
    return b"".join(word.to_bytes(4, "big") for word in words)


def unterminated(secret: bytes) -> bytes:
    """Return the key of the original `$2$`: repeated without the terminating NUL of later versions."""
    return (secret * (KEY // max(1, len(secret)) + 1))[:KEY]


VARIANTS: dict[str, Prepare] = {"x": sign_extended, "": unterminated}


def with_pepper(pepper: bytes, secret: bytes) -> bytes:
    """Append the pepper to the password, as Devise does."""
    return secret + pepper


@immutable
class BcryptCheck(Interleavable):
    """One bcrypt computation over the prepared password, compared in constant time."""

    prepare: Prepare = field(repr=False)
    """The application's transformation of the password before hashing."""
    variant: Prepare = field(repr=False)
    salt: bytes = field(repr=False)
    """`$2b$`, cost and 22 characters."""
    key: bytes = field(repr=False)
    """The 31 characters of the digest."""
    cost: str
    charset: str = "utf-8"
    work: float = 0.0
    """The share of what one sign-in may cost."""

    @property
    def executor(self) -> Executor:
        """C code that releases the GIL."""
        return Executor.THREAD

    @property
    def looped(self) -> bool:
        """False: the password is used once, as the key."""
        return False

    def takes(self, password: str) -> bool:
        """Measure the password in the charset of the source."""
        return limits.is_short(password, self.charset, looped=False)

    def verify(self, password: str) -> bool:
        """Return whether `password` is right; one that the source's charset cannot encode is not."""
        secret = encode(password, self.charset)
        return secret is not None and hmac.compare_digest(
            derive(self.prepare, self.variant, self.salt, secret), self.key
        )

    def bcrypt_job(self, password: str) -> BcryptJob | None:
        """Return the same check in binary form, or None if `verify` would reject without a computation."""
        secret = encode(password, self.charset)
        if secret is None or _is_disguised(secret := self.prepare(secret)):
            return None
        return job_of(self.variant(secret)[:KEY], self.salt + self.key)


def derive(prepare: Prepare, variant: Prepare, salt: bytes, secret: bytes) -> bytes:
    """Return the 31 characters of the digest."""
    return hash_bcrypt(prepare(secret), salt, variant)[-31:]


def read_bcrypt(prepare: Prepare, stored: StoredHash, match: re.Match[str], *, times: int = 1) -> Check:
    """Return a check of the cost, salt and digest in `match`, for passwords transformed by `prepare`."""
    cost = limits.number(match["cost"])
    work = limits.check_bcrypt(cost, times)
    variant = VARIANTS.get(match["variant"], plain) if "variant" in match.re.groupindex else plain
    salt, key, charset = salt_of(match), _tidy(match["digest"]), stored.recipe.charset
    if times == 1:
        return BcryptCheck(prepare, variant, salt, key, f"bcrypt {cost}", charset, work)
    return Comparison(
        derive=partial(derive, prepare, variant, salt),
        key=key,
        cost=f"bcrypt {cost} x{times}",
        executor=Executor.THREAD,
        charset=charset,
        work=work,
    )


def salt_of(match: re.Match[str]) -> bytes:
    """Return the salt of a match of `TAIL`, in the form that `hash_bcrypt` expects."""
    return f"$2b${int(match['cost']):02}$".encode("ascii") + _tidy(match["salt"])


def _tidy(text: str) -> bytes:
    """Clear the unused bits of the last character, which some writers set and the bcrypt package rejects."""
    spare = len(text) * 6 % 8
    # Decoding and encoding the whole text is equivalent, but took most of the time of loading a million bcrypt hashes.
    return (text[:-1] + BCRYPT64[BCRYPT64.index(text[-1]) >> spare << spare]).encode("ascii")


def read_plain(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a hash of the password, followed by the pepper if the source has one."""
    return read_bcrypt(partial(with_pepper, stored.pepper) if stored.pepper else plain, stored, match)


BCRYPT = Shape("bcrypt", re.compile(ANY), read_plain, aliases=("bcrypt_2a", "bcrypt_2b", "bcrypt_2y", "bcrypt_2x"))

FORMATS = (BCRYPT,)


# The transformations that applications apply before bcrypt, mostly a digest.
#
# If the text is a plain bcrypt hash (Devise, Meteor, WoltLab, vBulletin 5), only the name identifies the format.

PHP_BLANK = b" \t\n\r\0\x0b"
"""The characters that PHP's trim() removes."""


def hex_digest(name: str, secret: bytes) -> bytes:
    """Return the digest in lower-case hex."""
    return digest(name, secret).hex().encode("ascii")


def base64_sha256(secret: bytes) -> bytes:
    """Return the input of bcrypt in passlib's first version."""
    return base64.b64encode(digest("sha256", secret))


def base64_hmac_sha256(salt: bytes, secret: bytes) -> bytes:
    """Return the input of bcrypt in passlib's second version, keyed with the text of the salt."""
    return base64.b64encode(keyed_digest("sha256", salt, secret))


def wordpress(secret: bytes) -> bytes:
    """Return the input of bcrypt in WordPress 6.8, which trims passwords when hashing and at sign-in."""
    return base64.b64encode(keyed_digest("sha384", b"wp-sha384", secret.strip(PHP_BLANK)))


def bcrypt_text(prefix: bytes, salt: bytes, secret: bytes) -> bytes:
    """Return the input of bcrypt in WoltLab: the whole text of a bcrypt hash with the same prefix as the stored one."""
    return hash_bcrypt(secret, salt).replace(b"$2b$", prefix, 1)


def read_passlib(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse either version of passlib's bcrypt_sha256."""
    if match["version"] is None:
        return read_bcrypt(base64_sha256, stored, match)
    return read_bcrypt(partial(base64_hmac_sha256, match["salt"].encode("ascii")), stored, match)


def read_double(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a bcrypt hash of the text of another bcrypt hash, both with the same salt."""
    prefix = f"$2{match['variant']}$".encode("ascii")
    return read_bcrypt(partial(bcrypt_text, prefix, salt_of(match)), stored, match, times=2)


def _of_hex(name: str, *aliases: str) -> Shape:
    read = partial(read_bcrypt, partial(hex_digest, name))
    return Shape(f"bcrypt_of_hex_{name}", re.compile(ANY), read, aliases, names_itself=False)


PASSLIB = re.compile(
    r"\$bcrypt-sha256\$(?:(?P<version>v=2),t=2[aby],r=|2[aby],)(?P<cost>[0-9]{1,2})"
    r"\$(?P<salt>[./A-Za-z0-9]{22})\$(?P<digest>[./A-Za-z0-9]{31})"
)
HEX_SHA256 = _of_hex("sha256", "bcrypt_of_sha256")

WRAPPED_FORMATS = (
    Shape("devise", re.compile(ANY), read_plain, ("devise_bcrypt", "devise_bcrypt_pepper"), names_itself=False),
    Wrapped("django_bcrypt", re.compile(r"bcrypt\$?(?=\$2)"), (BCRYPT,)),
    Shape(
        "django_bcrypt_sha256",
        re.compile(r"bcrypt_sha256\$?" + ANY),
        partial(read_bcrypt, partial(hex_digest, "sha256")),
    ),
    Shape("passlib_bcrypt_sha256", PASSLIB, read_passlib),
    Shape(
        "wordpress_bcrypt",
        re.compile(r"\$wp" + ANY),
        partial(read_bcrypt, wordpress),
        ("wp_bcrypt", "wordpress_6_8_bcrypt"),
    ),
    _of_hex("md5", "bcrypt_md5", "bcrypt_of_md5", "vbulletin5"),
    _of_hex("sha1", "bcrypt_sha1", "bcrypt_of_sha1"),
    HEX_SHA256,
    _of_hex("sha512", "bcrypt_sha512", "bcrypt_of_sha512"),
    Shape("woltlab_bcrypt", re.compile(ANY), read_double, ("woltlab", "woltlab4", "wbb4"), names_itself=False),
    Shape("woltlab_double_bcrypt", re.compile(r"DoubleBcrypt:" + ANY), read_double),
    Wrapped("woltlab_single_bcrypt", re.compile(r"Bcrypt:"), (BCRYPT,)),
)
