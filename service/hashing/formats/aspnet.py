"""ASP.NET Identity (versions 2 and 3) and the Membership providers before it.

Identity: base64 of a marker byte and the fields it selects (dotnet/aspnetcore PasswordHasher.cs). 0x00: PBKDF2-SHA1,
1,000 iterations, 16 bytes of salt, 32 of digest. 0x01: PRF, iterations and salt length as big-endian words, salt,
digest. Membership (SqlMembershipProvider, DNN, Sitecore, EPiServer): base64 of a digest of the salt and the password in
UTF-16, or of an HMAC; the salt is in base64 in its own column. Cracking tools write `$episerver$*0*salt*digest`.
"""

import re
from functools import partial

from service.hashing import limits
from service.hashing.check import Comparison, Either
from service.hashing.columns import salt_text, separated
from service.hashing.digests import SIZES, digest, keyed_digest
from service.hashing.encodings import unbase64, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, StoredHash
from service.hashing.formats.pbkdf2 import pbkdf2, pbkdf2_check
from service.hashing.shape import Shape

# The hashes that Azure AD Connect sends for a domain's passwords: `v1;PPH1_MD4,salt,iterations,digest;`.
#
# PBKDF2-SHA256 of the NT hash, written in upper-case hex in UTF-16. Source: dsinternals, hashcat mode 12800.

KEY = 32
"""Bytes."""


def azure(salt: bytes, iterations: int, secret: bytes) -> bytes:
    """Return PBKDF2 of the NT hash of a password in UTF-16."""
    nt = digest("md4", secret).hex().upper().encode("utf-16-le")
    return pbkdf2("sha256", salt, iterations, KEY, nt)


def read_azure(_stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hash; the charset is UTF-16, even if the source declares another."""
    iterations = limits.number(match["iterations"])
    work = limits.check_pbkdf2(iterations, KEY, KEY)
    derive, cost = partial(azure, unhex(match["salt"]), iterations), f"pbkdf2-sha256 {iterations}"
    return Comparison(derive, unhex(match["digest"]), cost, Executor.THREAD, UTF16, work=work)


PATTERN = r"(?i)v1;PPH1_MD4,(?P<salt>(?:[0-9a-f]{2})+),(?P<iterations>[0-9]+),(?P<digest>[0-9a-f]{64});?"

AZURE_FORMATS = (
    Shape("azure_ad_connect", re.compile(PATTERN), read_azure, aliases=("aad", "pph1_md4", "aad_connect")),
)


PRFS = ("sha1", "sha256", "sha512")
V2_ITERATIONS = 1000
V2_SALT = slice(1, 17)
V2_KEY = slice(17, None)
V3_HEADER = 13
UTF16 = "utf-16-le"


def read_v2(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse 49 bytes at fixed offsets."""
    raw = unbase64(match["header"] + match["digest"])
    return pbkdf2_check(stored, "sha1", V2_ITERATIONS, raw[V2_SALT], raw[V2_KEY])


def read_v3(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a header of three words, then salt and digest."""
    raw = unbase64(match["header"] + match["digest"])
    prf, iterations, size = (int.from_bytes(raw[at : at + 4], "big") for at in (1, 5, 9))
    salt, key = raw[V3_HEADER : V3_HEADER + size], raw[V3_HEADER + size :]
    if prf >= len(PRFS) or not salt or not key:
        raise MalformedHash("the header of the hash names lengths or functions that do not exist")
    return pbkdf2_check(stored, PRFS[prf], iterations, salt, key)


def membership(name: str, salt: bytes, secret: bytes) -> bytes:
    """Return the digest of the salt followed by the password."""
    return digest(name, salt + secret)


def keyed_membership(salt: bytes, secret: bytes) -> bytes:
    """Return HMAC-SHA256, the default of .NET 4; .NET fills the 64-byte key by repeating the salt."""
    return keyed_digest("sha256", (salt * KEYED)[:KEYED], secret)


def read_membership(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the digest, whose length selects the function; the salt is always base64."""
    salt = unbase64(match["salt_before"] or salt_text(separated(stored, match)))
    key = unbase64(match["digest"])
    name = BY_LENGTH.get(len(key))
    if name is None or not salt:
        raise MalformedHash("no Membership algorithm has a digest of this length, or the salt is missing")
    plain = Comparison(partial(membership, name, salt), key, f"{name}(salt.utf16le)", charset=UTF16)
    if name != "sha256":
        return plain
    return Either(plain, Comparison(partial(keyed_membership, salt), key, "hmac-sha256", charset=UTF16))


BY_LENGTH = {SIZES[name]: name for name in ("sha1", "sha256", "sha512")}
KEYED = 64
"""Bytes."""
BEFORE = r"\$episerver\$\*[01]\*(?P<salt_before>[A-Za-z0-9+/]+={0,2})\*"
DIGEST = r"(?P<digest>[A-Za-z0-9+/]{27,86}={0,2})"
BEHIND = rf"{DIGEST}(?::(?P<salt>[A-Za-z0-9+/]+={0, 2}))?"
SALT = "[A-Za-z0-9+/]{22}=="
"""The salt of 16 bytes that Umbraco 7 and 8 put before the digest."""
V2 = re.compile(r"(?P<header>A[A-P])(?P<digest>[A-Za-z0-9+/]{64}={0,2})")
V3 = re.compile(r"(?P<header>AQAAAA[A-Za-z0-9+/]{12})(?P<digest>[A-Za-z0-9+/]{14,}={0,2})")

IDENTITY = (Shape("aspnet_identity_v2", V2, read_v2), Shape("aspnet_identity_v3", V3, read_v3))

FORMATS = (
    *IDENTITY,
    Shape(
        "aspnet_membership",
        re.compile(rf"(?:{BEFORE})?{BEHIND}"),
        read_membership,
        aliases=(*(f"aspnet_membership_{name}" for name in BY_LENGTH.values()), "sqlmembership"),
        names_itself=False,
    ),
    Shape("umbraco_salted", re.compile(rf"(?P<salt_before>{SALT}){DIGEST}"), read_membership),
    Shape("episerver", re.compile(BEFORE + BEHIND), read_membership),
)
