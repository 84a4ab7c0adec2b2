"""PBKDF2 in the layouts of single products that have no module of their own. Knows no layout of the great frameworks.

grub: iterations, salt and digest in hex, SHA-512. macOS (10.8 and later, as crackers write it): so too, after `$ml$`.
Cisco 8: SHA-256, 20,000 iterations, the salt as text, crypt(3)'s alphabet. MediaWiki: `:pbkdf2:sha512:iterations:` and
length, and base64. hashcat: `sha256:iterations:` and base64 (many home-made stores too). `$p5k2$`: SHA-1, iterations in
hex; Cryptacular (cta) decodes the salt, Dwayne Litzenberger (dlitz) takes the whole setting as salt. Mosquitto's auth
plug: `PBKDF2$sha256$iterations$`, the salt as text. Liferay: base64 of all, SHA-1, 160 bits.
"""

import re
from collections.abc import Callable

from service.passwords import limits
from service.passwords.encodings import CRYPT64, to_bytes, unbase64, unbase64_alphabet, unhex
from service.passwords.format import Check, StoredHash
from service.passwords.pbkdf2 import pbkdf2_check
from service.passwords.shape import Shape

Read = Callable[[StoredHash, re.Match[str]], Check]
CISCO_ITERATIONS = 20_000
DLITZ_DEFAULT = 400
"""Iterations where the text leaves them out."""


def _reader(salt: Callable[[str], bytes], digest: Callable[[str], bytes], prf: str | None = None) -> Read:
    """A reader of iterations in decimal, and of salt and digest as told."""

    def read(stored: StoredHash, match: re.Match[str]) -> Check:
        name, iterations = prf or match["prf"].lower(), limits.number(match["iterations"])
        return pbkdf2_check(stored, name, iterations, salt(match["salt"]), digest(match["digest"]))

    return read


def as_text(text: str) -> bytes:
    """The salt as its own characters."""
    return to_bytes(text, "utf-8")


def read_cisco(stored: StoredHash, match: re.Match[str]) -> Check:
    """Type 8."""
    key = unbase64_alphabet(match["digest"], CRYPT64)
    return pbkdf2_check(stored, "sha256", CISCO_ITERATIONS, as_text(match["salt"]), key)


def read_cta(stored: StoredHash, match: re.Match[str]) -> Check:
    """Iterations in hex."""
    iterations = int(match["iterations"], 16)
    return pbkdf2_check(stored, "sha1", iterations, unbase64(match["salt"]), unbase64(match["digest"]))


def read_dlitz(stored: StoredHash, match: re.Match[str]) -> Check:
    """The setting, from its first `$` to the end of the salt, is the salt."""
    iterations = int(match["iterations"], 16) if match["iterations"] else DLITZ_DEFAULT
    return pbkdf2_check(stored, "sha1", iterations, as_text(match["setting"]), unbase64(match["digest"]))


def read_liferay(stored: StoredHash, match: re.Match[str]) -> Check:
    """Bits of key and iterations as big-endian words, 8 bytes of salt, the digest."""
    raw = unbase64(match["header"] + match["digest"])
    return pbkdf2_check(stored, "sha1", int.from_bytes(raw[4:8], "big"), raw[8:16], raw[16:])


PRF = r"(?P<prf>md5|sha1|sha224|sha256|sha384|sha512)"
B64 = r"[A-Za-z0-9+/._-]*={0,2}"
LONG64 = r"(?P<digest>[A-Za-z0-9+/._-]{16,}={0,2})"
HEX = r"(?P<digest>(?:[0-9A-Fa-f]{2}){16,})"
HEX_SALT = r"(?P<salt>(?:[0-9A-Fa-f]{2})*)"
NUMBER = r"(?P<iterations>[0-9]+)"

FORMATS = (
    Shape(
        "grub_pbkdf2_sha512",
        re.compile(rf"(?:grub\.pbkdf2\.sha512\.){NUMBER}\.{HEX_SALT}\.{HEX}"),
        _reader(unhex, unhex, "sha512"),
        aliases=("grub", "grub2"),
    ),
    Shape(
        "macos_pbkdf2",
        re.compile(rf"\$ml\${NUMBER}\${HEX_SALT}\${HEX}"),
        _reader(unhex, unhex, "sha512"),
        aliases=("macos",),
    ),
    Shape(
        "cisco_type8",
        re.compile(r"\$8\$(?P<salt>[./A-Za-z0-9]{1,32})\$(?P<digest>[./A-Za-z0-9]{43})"),
        read_cisco,
        aliases=("cisco_8", "cisco8"),
    ),
    Shape(
        "mediawiki_pbkdf2",
        re.compile(rf":pbkdf2:{PRF}:{NUMBER}:[0-9]+:(?P<salt>{B64}):{LONG64}"),
        _reader(unbase64, unbase64),
    ),
    Shape("liferay", re.compile(r"(?P<header>AAAAo[A-D][A-Za-z0-9+/]{5})(?P<digest>[A-Za-z0-9+/]{37})"), read_liferay),
    Shape(
        "pbkdf2_colons",
        re.compile(rf"(?i){PRF}:{NUMBER}:(?P<salt>{B64}):{LONG64}"),
        _reader(unbase64, unbase64),
        aliases=("hashcat_pbkdf2", "pbkdf2_iter_salt_hash"),
    ),
    Shape(
        "mosquitto_pbkdf2",
        re.compile(rf"PBKDF2\${PRF}\${NUMBER}\$(?P<salt>{B64})\${LONG64}"),
        _reader(as_text, unbase64),
        aliases=("mosquitto",),
    ),
    Shape(
        "cta_pbkdf2_sha1",
        re.compile(
            r"\$p5k2\$(?P<iterations>[0-9a-f]{1,8})\$(?P<salt>[A-Za-z0-9_-]*={0,2})\$(?P<digest>[A-Za-z0-9_-]{27}=)"
        ),
        read_cta,
    ),
    Shape(
        "dlitz_pbkdf2_sha1",
        re.compile(
            r"(?P<setting>\$p5k2\$(?P<iterations>[0-9a-f]{0,8})\$(?P<salt>[./A-Za-z0-9]*))\$(?P<digest>[./A-Za-z0-9]{32})"
        ),
        read_dlitz,
    ),
)
