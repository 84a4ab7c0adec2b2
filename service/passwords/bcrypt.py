"""bcrypt in its variants, and what applications wrap around it. Knows no store and no thread.

Algorithm: Provos and Mazières, USENIX 1999. `$2a$`, `$2b$` and `$2y$` name one computation; `$2$` and `$2x$` name the two historical
faults of https://www.openwall.com/crypt/ and differ only in how the password becomes the 72 bytes of key, so they are undone there.
Old stores cut a password at 72 bytes without a word, and so do we.
"""

import base64
import re
from collections.abc import Callable
from functools import partial

import bcrypt

from service.passwords import limits
from service.passwords.comparison import Comparison
from service.passwords.digests import digest, keyed_digest
from service.passwords.encodings import BCRYPT64, to_base64_alphabet, unbase64_alphabet
from service.passwords.format import Check, Lane, StoredHash
from service.passwords.shape import Shape

KEY = 72
"""Bytes of key that bcrypt reads."""
TAIL = r"(?P<cost>[0-9]{2})\$(?P<salt>[./A-Za-z0-9]{22})(?P<digest>[./A-Za-z0-9]{31})"
ANY = r"\$2(?P<variant>[abxy]?)\$" + TAIL
BLANK = b" \t\n\r\0\x0b"
"""What PHP's trim() removes."""

Prepare = Callable[[bytes], bytes]


def hash_bcrypt(secret: bytes, salt: bytes) -> bytes:
    """Hash the first 72 bytes of `secret` under `salt`, which is `$2b$`, cost and 22 characters. The one place that computes bcrypt."""
    return bcrypt.hashpw(secret[:KEY], salt)


def plain(secret: bytes) -> bytes:
    """The key as `$2a$`, `$2b$` and `$2y$` take it."""
    return secret


def sign_extended(secret: bytes) -> bytes:
    """The key as the faulty `$2x$` takes it: a byte above 127 overwrites the bytes of its word before it."""
    cycle = secret + b"\0"
    words = [0] * (KEY // 4)
    for i in range(KEY):
        byte = cycle[i % len(cycle)]
        signed = byte | 0xFFFFFF00 if byte > 127 else byte
        words[i // 4] = (words[i // 4] << 8 | signed) & 0xFFFFFFFF
    return b"".join(word.to_bytes(4, "big") for word in words)


def unterminated(secret: bytes) -> bytes:
    """The key as the first `$2$` takes it: repeated without the NUL that later ends it."""
    return (secret * (KEY // max(1, len(secret)) + 1))[:KEY]


VARIANTS: dict[str, Prepare] = {"x": sign_extended, "": unterminated}


def hex_digest(name: str, secret: bytes) -> bytes:
    return digest(name, secret).hex().encode("ascii")


def base64_sha256(secret: bytes) -> bytes:
    return base64.b64encode(digest("sha256", secret))


def base64_hmac_sha256(salt: bytes, secret: bytes) -> bytes:
    return base64.b64encode(keyed_digest("sha256", salt, secret))


def wordpress(secret: bytes) -> bytes:
    """WordPress trims a password both when it hashes it and when somebody signs in."""
    return base64.b64encode(keyed_digest("sha384", b"wp-sha384", secret.strip(BLANK)))


def with_pepper(pepper: bytes, secret: bytes) -> bytes:
    return secret + pepper


def bcrypt_text(salt: bytes, secret: bytes) -> bytes:
    return hash_bcrypt(secret, salt)


def derive(prepare: Prepare, variant: Prepare, salt: bytes, secret: bytes) -> bytes:
    """The 31 characters of digest; none for a password that only a NUL makes look like another."""
    prepared = prepare(secret)
    if _is_disguised(prepared):
        return b""
    return hash_bcrypt(variant(prepared), salt)[-31:]


def _is_disguised(secret: bytes) -> bool:
    """bcrypt repeats the password with a NUL after it, so `a` NUL `a` is the same key as `a`."""
    head, nul, _ = secret.partition(b"\0")
    return bool(nul) and _schedule(head) == _schedule(secret)


def _schedule(secret: bytes) -> bytes:
    return unterminated(secret + b"\0")


def read_bcrypt(prepare: Prepare, stored: StoredHash, match: re.Match[str], *, times: int = 1) -> Check:
    """A check of the cost, salt and digest in `match`, on passwords that `prepare` has changed first."""
    cost = limits.number(match["cost"])
    limits.check_bcrypt(cost + times - 1)
    return Comparison(
        derive=partial(
            derive, prepare, VARIANTS.get(match.groupdict().get("variant", "b"), plain), salt_of(match)
        ),
        key=_tidy(match["digest"]),
        cost=f"bcrypt {cost}" + (f" x{times}" if times > 1 else ""),
        lane=Lane.THREAD,
        charset=stored.recipe.charset,
    )


def salt_of(match: re.Match[str]) -> bytes:
    return f"$2b${match['cost']}$".encode("ascii") + _tidy(match["salt"])


def _tidy(text: str) -> bytes:
    """Clear the spare bits of the last character, which some writers fill and the bcrypt package refuses."""
    return to_base64_alphabet(unbase64_alphabet(text, BCRYPT64), BCRYPT64).encode("ascii")


def read_plain(stored: StoredHash, match: re.Match[str]) -> Check:
    """bcrypt of the password, and of the pepper behind it where the source has one, as Devise does."""
    return read_bcrypt(partial(with_pepper, stored.pepper) if stored.pepper else plain, stored, match)


def read_passlib(stored: StoredHash, match: re.Match[str]) -> Check:
    """Version 2 keys the digest with the salt's text."""
    if match["version"] is None:
        return read_bcrypt(base64_sha256, stored, match)
    return read_bcrypt(partial(base64_hmac_sha256, match["salt"].encode("ascii")), stored, match)


def read_double(stored: StoredHash, match: re.Match[str]) -> Check:
    """bcrypt of the text of the bcrypt hash, under one salt."""
    return read_bcrypt(partial(bcrypt_text, salt_of(match)), stored, match, times=2)


def _of_hex(name: str, *aliases: str) -> Shape:
    read = partial(read_bcrypt, partial(hex_digest, name))
    return Shape(f"bcrypt_{name}", re.compile(ANY), read, aliases=aliases, names_itself=False)


PASSLIB = re.compile(
    r"\$bcrypt-sha256\$(?:(?P<version>v=2),t=2[aby],r=|2[aby],)(?P<cost>[0-9]{1,2})"
    r"\$(?P<salt>[./A-Za-z0-9]{22})\$(?P<digest>[./A-Za-z0-9]{31})"
)

FORMATS = (
    Shape(
        "bcrypt",
        re.compile(ANY),
        read_plain,
        aliases=("bcrypt_2a", "bcrypt_2b", "bcrypt_2y", "bcrypt_2x", "blowfish"),
    ),
    Shape(
        "devise_bcrypt",
        re.compile(ANY),
        read_plain,
        aliases=("devise", "devise_bcrypt_pepper"),
        names_itself=False,
    ),
    Shape("django_bcrypt", re.compile(r"bcrypt\$" + ANY), read_plain),
    Shape(
        "django_bcrypt_sha256",
        re.compile(r"bcrypt_sha256\$" + ANY),
        partial(read_bcrypt, partial(hex_digest, "sha256")),
    ),
    Shape("passlib_bcrypt_sha256", PASSLIB, read_passlib, aliases=("bcrypt_sha256",)),
    Shape(
        "wordpress_bcrypt",
        re.compile(r"\$wp" + ANY),
        partial(read_bcrypt, wordpress),
        aliases=("wordpress", "wp_bcrypt"),
    ),
    Shape(
        "woltlab_bcrypt",
        re.compile(ANY),
        read_double,
        ("woltlab", "woltlab4", "wbb4", "bcrypt_bcrypt"),
        names_itself=False,
    ),
    Shape("woltlab_double_bcrypt", re.compile(r"DoubleBcrypt:" + ANY), read_double),
    Shape("woltlab_single_bcrypt", re.compile(r"Bcrypt:" + ANY), read_plain),
    _of_hex("md5", "bcrypt_of_hex_md5", "vbulletin5"),
    _of_hex("sha1", "bcrypt_of_hex_sha1"),
    _of_hex("sha512", "bcrypt_of_hex_sha512"),
)
