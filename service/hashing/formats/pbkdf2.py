"""PBKDF2 (RFC 8018) with its parameters in text, and as plain columns.

`$pbkdf2-sha256$29000$salt$digest` is passlib's (salt and digest in ab64; `$pbkdf2$` is SHA-1); with `i=100000,l=32` it
is Kratos's and the PHC's. `pbkdf2_sha256_columns` and similar parse a bare digest, hex or base64, with a salt column
and the iterations of the source or row; the length of the digest is then the length of the key.
"""

import hashlib
import re
from collections.abc import Callable
from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from service.hashing import limits
from service.hashing.check import Comparison, Either
from service.hashing.columns import DIGEST, iterations_of, option, other_interpretation, salt_of, separated
from service.hashing.digests import NOT_IN_HASHLIB, SIZES
from service.hashing.encodings import CRYPT64, to_bytes, unbase64, unbase64_alphabet, undigest_column, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, StoredHash
from service.hashing.shape import Shape

PRFS = frozenset(SIZES) - NOT_IN_HASHLIB - {name for name in SIZES if name.startswith("keccak")}
"""The digests for which OpenSSL computes PBKDF2."""
CHEAP = 50
"""Blocks that take less time than a hand-over to a thread."""
FAST: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
"""The digests for which OpenSSL 4.0.3 inside cryptography took 0.50 to 0.72 of the time of 3.0.19 inside Python 3.11.
Both release the GIL. docs/decisions/0014 has the figures."""


def pbkdf2(prf: str, salt: bytes, iterations: int, length: int, secret: bytes) -> bytes:
    """Compute PBKDF2-HMAC with the digest called `prf`."""
    if prf in FAST:
        return PBKDF2HMAC(FAST[prf](), length, salt, iterations).derive(secret)
    return hashlib.pbkdf2_hmac(prf, secret, salt, iterations, length)


def pbkdf2_check(stored: StoredHash, prf: str, iterations: int, salt: bytes, key: bytes) -> Comparison:
    """Return the check against `key`, whose length is derived; raises `MalformedHash` or `TooCostly`."""
    work = limits.check_pbkdf2(iterations, len(key), SIZES[prf])
    blocks = -(-len(key) // SIZES[prf])
    return Comparison(
        derive=partial(pbkdf2, prf, salt, iterations, len(key)),
        key=key,
        cost=f"pbkdf2-{prf.replace('_', '-')} {iterations}" + (f" x{blocks}" if blocks > 1 else ""),
        executor=Executor.INLINE if iterations * blocks <= CHEAP else Executor.THREAD,
        charset=stored.recipe.charset,
        padded=True,
        work=work,
    )


def read_mcf(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse passlib's, the PHC's or Kratos's string. Kratos computes SHA-3 for its names sha224 and sha384."""
    prf = match["prf"] or "sha1"
    if match["length"] and prf in ("sha224", "sha384"):
        prf = prf.replace("sha", "sha3_")
    return pbkdf2_check(
        stored, prf, limits.number(match["iterations"]), unbase64(match["salt"]), unbase64(match["digest"])
    )


def read_any(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a string that states its parameters, or a bare digest whose source or row names the hash function."""
    if "iterations" in match.re.groupindex:
        return read_mcf(stored, match)
    prf = option(stored, "digest").lower().replace("-", "")
    if prf not in COLUMNS:
        raise MalformedHash("the option digest names a hash function that is not supported with PBKDF2")
    return read_columns(prf, stored, match)


def read_columns(prf: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a bare digest with its salt in a column or before it; ambiguous texts are tried in both ways."""
    key, iterations = undigest_column(match["digest"]), iterations_of(stored)
    check = pbkdf2_check(stored, prf, iterations, salt_of(separated(stored, match)), key)
    other = other_interpretation(stored, match, SIZES[prf])
    # If both would take too long, only the interpretation that the documentation gives first is tried.
    if other is None or 2 * iterations * -(-len(other[1]) // SIZES[prf]) > limits.MAX_PBKDF2_BLOCKS:
        return check
    return Either(check, pbkdf2_check(stored, prf, iterations, *other))


BASE64 = r"[A-Za-z0-9+/._-]*={0,2}"
MCF = (
    r"\$pbkdf2(?:-(?P<prf>md5|sha1|sha224|sha256|sha384|sha512))?\$(?:i=)?(?P<iterations>[0-9]+)(?:,l=(?P<length>[0-9]+))?"
    rf"\$(?P<salt>{BASE64})\$(?P<digest>[A-Za-z0-9+/._-]{{16,}}={{0,2}})"
)
COLUMN = re.compile(DIGEST)
COLUMNS = {
    prf: Shape(f"pbkdf2_{prf}_columns", COLUMN, partial(read_columns, prf), names_itself=False)
    for prf in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
}
ALIASES = ("pbkdf2_mcf", "kratos_pbkdf2", "passlib_pbkdf2", "pbkdf2_columns", "pbkdf2_raw_columns")
PBKDF2 = Shape("pbkdf2", re.compile(MCF), read_any, ALIASES, bare=COLUMN)

FORMATS = (PBKDF2, *COLUMNS.values())


# PBKDF2 in the layouts of single products that have no module of their own.
#
# grub: iterations, salt and digest in hex, SHA-512. macOS (10.8 and later, as cracking tools write it): the same after
# `$ml$`. Cisco 8: SHA-256, 20,000 iterations, the salt as text, crypt(3)'s alphabet. MediaWiki:
# `:pbkdf2:sha512:iterations:` and length, and base64. hashcat: `sha256:iterations:` and base64 (many custom stores
# too). `$p5k2$`: SHA-1, iterations in hex; Cryptacular (cta) decodes the salt, Dwayne Litzenberger (dlitz) uses the
# whole setting as the salt. Mosquitto's auth plug: `PBKDF2$sha256$iterations$`, the salt as text; Mosquitto itself:
# `$7$iterations$` and base64, SHA-512. Liferay: base64 of all fields, SHA-1, 160 bits.

Read = Callable[[StoredHash, re.Match[str]], Check]
CISCO_ITERATIONS = 20_000
DLITZ_DEFAULT = 400
"""Iterations of a text that omits them."""


def _reader(salt: Callable[[str], bytes], digest: Callable[[str], bytes], prf: str | None = None) -> Read:
    """Return a parser for decimal iterations and for salt and digest in the given encodings."""

    def read(stored: StoredHash, match: re.Match[str]) -> Check:
        name, iterations = prf or match["prf"].lower(), limits.number(match["iterations"])
        return pbkdf2_check(stored, name, iterations, salt(match["salt"]), digest(match["digest"]))

    return read


def as_text(text: str) -> bytes:
    """Return the salt's characters as bytes."""
    return to_bytes(text, "utf-8")


def read_cisco(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse type 8."""
    key = unbase64_alphabet(match["digest"], CRYPT64)
    return pbkdf2_check(stored, "sha256", CISCO_ITERATIONS, as_text(match["salt"]), key)


def read_cta(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse iterations in hex."""
    iterations = int(match["iterations"], 16)
    return pbkdf2_check(stored, "sha1", iterations, unbase64(match["salt"]), unbase64(match["digest"]))


def read_dlitz(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hash; the salt is the setting from its first `$` to the end of the salt."""
    iterations = int(match["iterations"], 16) if match["iterations"] else DLITZ_DEFAULT
    return pbkdf2_check(stored, "sha1", iterations, as_text(match["setting"]), unbase64(match["digest"]))


def read_liferay(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the key's bits and the iterations as big-endian words, 8 bytes of salt, and the digest."""
    raw = unbase64(match["header"] + match["digest"])
    return pbkdf2_check(stored, "sha1", int.from_bytes(raw[4:8], "big"), raw[8:16], raw[16:])


PRF = r"(?P<prf>md5|sha1|sha224|sha256|sha384|sha512)"
B64 = r"[A-Za-z0-9+/._-]*={0,2}"
LONG64 = r"(?P<digest>[A-Za-z0-9+/._-]{16,}={0,2})"
HEX = r"(?P<digest>(?:[0-9A-Fa-f]{2}){16,})"
HEX_SALT = r"(?P<salt>(?:[0-9A-Fa-f]{2})*)"
NUMBER = r"(?P<iterations>[0-9]+)"

LAYOUTS = (
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
    ),
    Shape(
        "mosquitto_pbkdf2_sha512",
        re.compile(rf"\$7\${NUMBER}\$(?P<salt>[A-Za-z0-9+/]+={{0,2}})\$(?P<digest>[A-Za-z0-9+/]{{86}}==)"),
        _reader(unbase64, unbase64, "sha512"),
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


# PBKDF2 as NetIQ Self Service Password Reset and John the Ripper write it, all in hex.
#
# `$pbkdf2-hmac-sha1$iterations$salt$digest`, or dots in place of the last two dollars.


def read_sspr(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse iterations, salt and digest."""
    iterations = limits.number(match["iterations"])
    return pbkdf2_check(stored, match["prf"], iterations, unhex(match["salt"]), unhex(match["digest"]))


PATTERN = re.compile(
    r"\$pbkdf2-hmac-(?P<prf>md5|sha1|sha256|sha384|sha512)\$(?P<iterations>[0-9]+)"
    r"(?P<mark>[$.])(?P<salt>(?:[0-9A-Fa-f]{2})*)(?P=mark)(?P<digest>(?:[0-9A-Fa-f]{2}){16,})"
)

SSPR_FORMATS = (Shape("sspr_pbkdf2", PATTERN, read_sspr, aliases=("netiq_sspr_pbkdf2", "pbkdf2_hmac_hex")),)
