"""What applications wrap around bcrypt, mostly a digest before it. Knows no bcrypt without a wrapping.

Where the text is a plain bcrypt hash (Devise, Meteor, WoltLab, vBulletin 5), only its name tells the format.
"""

import base64
import re
from functools import partial

from service.passwords.bcrypt import ANY, BCRYPT, hash_bcrypt, read_bcrypt, read_plain, salt_of
from service.passwords.digests import digest, keyed_digest
from service.passwords.format import Check, StoredHash
from service.passwords.shape import Shape, Wrapped

PHP_BLANK = b" \t\n\r\0\x0b"
"""What PHP's trim() removes."""


def hex_digest(name: str, secret: bytes) -> bytes:
    """The digest in lower-case hex."""
    return digest(name, secret).hex().encode("ascii")


def base64_sha256(secret: bytes) -> bytes:
    """What passlib's first version hashes."""
    return base64.b64encode(digest("sha256", secret))


def base64_hmac_sha256(salt: bytes, secret: bytes) -> bytes:
    """What passlib's second version hashes, keyed with the text of the salt."""
    return base64.b64encode(keyed_digest("sha256", salt, secret))


def wordpress(secret: bytes) -> bytes:
    """What WordPress 6.8 hashes; it trims a password when it hashes it and when somebody signs in."""
    return base64.b64encode(keyed_digest("sha384", b"wp-sha384", secret.strip(PHP_BLANK)))


def bcrypt_text(mark: bytes, salt: bytes, secret: bytes) -> bytes:
    """What WoltLab hashes: the whole text of a bcrypt hash, which begins with the same mark as the stored one."""
    return hash_bcrypt(secret, salt).replace(b"$2b$", mark, 1)


def read_passlib(stored: StoredHash, match: re.Match[str]) -> Check:
    """Either version of passlib's bcrypt_sha256."""
    if match["version"] is None:
        return read_bcrypt(base64_sha256, stored, match)
    return read_bcrypt(partial(base64_hmac_sha256, match["salt"].encode("ascii")), stored, match)


def read_double(stored: StoredHash, match: re.Match[str]) -> Check:
    """The text of a bcrypt hash as the password of another, under one salt."""
    mark = f"$2{match['variant']}$".encode("ascii")
    return read_bcrypt(partial(bcrypt_text, mark, salt_of(match)), stored, match, times=2)


def _of_hex(name: str, *aliases: str) -> Shape:
    read = partial(read_bcrypt, partial(hex_digest, name))
    return Shape(f"bcrypt_of_hex_{name}", re.compile(ANY), read, aliases, names_itself=False)


PASSLIB = re.compile(
    r"\$bcrypt-sha256\$(?:(?P<version>v=2),t=2[aby],r=|2[aby],)(?P<cost>[0-9]{1,2})"
    r"\$(?P<salt>[./A-Za-z0-9]{22})\$(?P<digest>[./A-Za-z0-9]{31})"
)
HEX_SHA256 = _of_hex("sha256", "bcrypt_of_sha256", "meteor")

FORMATS = (
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
