"""Spring Security's encoders, by the `{id}` prefix of DelegatingPasswordEncoder.

Source: spring-security, PasswordEncoderFactories and the classes it names. The pepper is Spring's secret. `{noop}` is
the password itself. `{ldap}` contains a directory's scheme.
"""

import re
from functools import partial

from service.hashing import limits
from service.hashing.check import Comparison
from service.hashing.columns import iterations_of, option
from service.hashing.digests import SIZES, digest
from service.hashing.encodings import HEX, to_bytes, unbase64, undigest, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, Format, MalformedHash, StoredHash
from service.hashing.formats import ldap
from service.hashing.formats.argon2 import ARGON2
from service.hashing.formats.bcrypt import BCRYPT
from service.hashing.formats.pbkdf2 import pbkdf2_check
from service.hashing.formats.scrypt import SPRING_SCRYPT
from service.hashing.shape import Shape, Wrapped

STANDARD_ROUNDS = 1024
V5_5 = ("sha1", 185_000)
V5_8 = ("sha256", 310_000)
"""PRF and iterations of both generations of Pbkdf2PasswordEncoder, whose salts have 8 and 16 bytes."""
KEY = 32
"""Bytes of the digest of both."""
V5_8_ALIASES = ("spring_pbkdf2@SpringSecurity_v5_8",)
DIGESTS = {"MD4": "md4", "MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def salted(name: str, salt: bytes, secret: bytes) -> bytes:
    """Return the digest of the password followed by the salt."""
    return digest(name, secret + salt)


def standard(salt: bytes, pepper: bytes, secret: bytes) -> bytes:
    """Return StandardPasswordEncoder's iterated SHA-256 of salt, pepper and password."""
    key = salt + pepper + secret
    for _ in range(STANDARD_ROUNDS):
        key = digest("sha256", key)
    return key


def read_message_digest(name: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a salt used as text with its braces, after the password."""
    salt = to_bytes(match["braced"] or "", stored.recipe.charset)
    derive = partial(salted, name, salt)
    key = undigest(match["digest"], SIZES[name])
    return Comparison(derive, key, f"{name}(password.salt)", charset=stored.recipe.charset)


def read_pbkdf2(generation: tuple[str, int], stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse salt and digest in hex or base64; the pepper follows the salt. The source may state other parameters."""
    prf, iterations = generation
    prf = option(stored, "algorithm", prf).lower()
    if prf not in ("sha1", "sha256", "sha512"):
        raise MalformedHash("the option algorithm must be sha1, sha256 or sha512")
    text = match["digest"]
    raw = unhex(text) if HEX.fullmatch(text) else unbase64(text)
    salt = raw[:-KEY] + (stored.pepper or b"")
    return pbkdf2_check(stored, prf, iterations_of(stored, iterations), salt, raw[-KEY:])


def read_standard(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse 8 bytes of salt and the digest in hex."""
    raw = unhex(match["digest"])
    derive = partial(standard, raw[:8], stored.pepper or b"")
    work = limits.check_rounds(STANDARD_ROUNDS)
    return Comparison(derive, raw[8:], f"sha256 x{STANDARD_ROUNDS}", Executor.PROCESS, stored.recipe.charset, work=work)


def same(secret: bytes) -> bytes:
    """Return the password itself."""
    return secret


def read_plain(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the password after the prefix; trailing blanks belong to it."""
    text = stored.hash[len(stored.hash) - len(stored.hash.lstrip()) :][match.start("digest") :]
    return Comparison(same, to_bytes(text, stored.recipe.charset), "none", charset=stored.recipe.charset)


def _message_digest(name: str) -> Shape:
    size = SIZES[DIGESTS[name]]
    digest_text = rf"(?P<digest>[0-9a-f]{{{2 * size}}}|[A-Za-z0-9+/]{{{-(-4 * size // 3)}}}={{0,2}})"
    braced = r"(?P<braced>\{(?P<salt>[^}]*)\})"
    optional = "?" if name == "MD4" else ""  # without salt, the others are parsed as directories' schemes
    return Shape(
        f"spring_{name}",
        re.compile(rf"(?i)\{{{name}\}}{braced}{optional}{digest_text}"),
        partial(read_message_digest, DIGESTS[name]),
        # A text with only the name has no salt; the name is not read as one.
        bare=re.compile(rf"(?i)(?:\{{{name}\}})?{braced}?{digest_text}"),
    )


HEX_80 = r"(?P<digest>[0-9a-f]{80})"
PBKDF2 = r"(?P<digest>[0-9a-f]{80}|[0-9a-f]{96}|[A-Za-z0-9+/]{54}==|[A-Za-z0-9+/]{64})"
OLD, NEW = partial(read_pbkdf2, V5_5), partial(read_pbkdf2, V5_8)

FORMATS: tuple[Format, ...] = (
    Wrapped("spring_bcrypt", re.compile(r"\{bcrypt\}"), (BCRYPT,)),
    Wrapped("spring_argon2", re.compile(r"\{argon2(?:@SpringSecurity_v5_[28])?\}"), (ARGON2,)),
    Wrapped("spring_braced_scrypt", re.compile(r"\{scrypt(?:@SpringSecurity_v(?:4_1|5_8))?\}"), (SPRING_SCRYPT,)),
    Shape("spring_pbkdf2", re.compile(r"\{pbkdf2(?:@SpringSecurity_v5_5)?\}" + PBKDF2), OLD),
    Shape("spring_pbkdf2_v5_8", re.compile(r"\{pbkdf2@SpringSecurity_v5_8\}" + PBKDF2), NEW, V5_8_ALIASES),
    Shape("spring_bare_pbkdf2", re.compile(PBKDF2), OLD, names_itself=False),
    Shape("spring_bare_pbkdf2_v5_8", re.compile(PBKDF2), NEW, names_itself=False),
    Shape("spring_sha256", re.compile(r"(?:\{sha256\})(?P<digest>[0-9a-f]{80})"), read_standard, ("spring_standard",)),
    Shape("spring_bare_standard", re.compile(HEX_80), read_standard, names_itself=False),
    *(_message_digest(name) for name in DIGESTS),
    Wrapped("spring_ldap", re.compile(r"\{ldap\}"), ldap.FORMATS),
    Shape("spring_noop", re.compile(r"\{noop\}(?P<digest>.+)"), read_plain, aliases=("noop",)),
)
