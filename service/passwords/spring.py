"""Spring Security's encoders, by the `{id}` that DelegatingPasswordEncoder writes before them. Knows no other product.

Source: spring-security, PasswordEncoderFactories and the classes it names. The pepper is what Spring calls the secret.
`{noop}` is the password itself. `{ldap}` holds a directory's scheme.
"""

import re
from functools import partial

from service.passwords import ldap
from service.passwords.argon2 import ARGON2
from service.passwords.bcrypt import BCRYPT
from service.passwords.columns import iterations_of
from service.passwords.comparison import Comparison
from service.passwords.digests import SIZES, digest
from service.passwords.encodings import to_bytes, unhex
from service.passwords.format import Check, Format, Lane, StoredHash
from service.passwords.pbkdf2 import pbkdf2_check
from service.passwords.scrypt import SPRING_SCRYPT
from service.passwords.shape import Shape, Wrapped

STANDARD_ROUNDS = 1024
V5_5 = ("sha1", 185_000, 8)
V5_8 = ("sha256", 310_000, 16)
"""PRF, iterations and bytes of salt of the two generations of Pbkdf2PasswordEncoder."""
V5_8_ALIASES = ("spring_pbkdf2@SpringSecurity_v5_8",)
DIGESTS = {"MD4": "md4", "MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def salted(name: str, salt: bytes, secret: bytes) -> bytes:
    """Digest of the password and the salt behind it."""
    return digest(name, secret + salt)


def standard(salt: bytes, pepper: bytes, secret: bytes) -> bytes:
    """StandardPasswordEncoder: SHA-256 of salt, pepper and password, over and over."""
    key = salt + pepper + secret
    for _ in range(STANDARD_ROUNDS):
        key = digest("sha256", key)
    return key


def read_message_digest(stored: StoredHash, match: re.Match[str]) -> Check:
    """The salt is its text with the braces around it, and stands behind the password."""
    name = DIGESTS[match["id"].upper()]
    salt = to_bytes(match["braced"] or "", stored.recipe.charset)
    derive = partial(salted, name, salt)
    return Comparison(derive, unhex(match["digest"]), f"{name}(password.salt)", charset=stored.recipe.charset)


def read_pbkdf2(generation: tuple[str, int, int], stored: StoredHash, match: re.Match[str]) -> Check:
    """Hex of salt and digest; the pepper stands behind the salt. The source may say other iterations."""
    prf, iterations, size = generation
    raw = unhex(match["digest"])
    return pbkdf2_check(stored, prf, iterations_of(stored, iterations), raw[:size] + (stored.pepper or b""), raw[size:])


def read_standard(stored: StoredHash, match: re.Match[str]) -> Check:
    """Hex of 8 bytes of salt and the digest."""
    raw = unhex(match["digest"])
    derive = partial(standard, raw[:8], stored.pepper or b"")
    return Comparison(derive, raw[8:], f"sha256 x{STANDARD_ROUNDS}", Lane.PROCESS, stored.recipe.charset)


def same(secret: bytes) -> bytes:
    """The password itself."""
    return secret


def read_plain(stored: StoredHash, match: re.Match[str]) -> Check:
    """What follows the mark is the password; blanks at its end belong to it."""
    text = stored.hash[len(stored.hash) - len(stored.hash.lstrip()) :][match.start("digest") :]
    return Comparison(same, to_bytes(text, stored.recipe.charset), "none", charset=stored.recipe.charset)


def _message_digest(name: str) -> Shape:
    digits = 2 * SIZES[DIGESTS[name]]
    optional = "?" if name == "MD4" else ""  # without salt the others are read as directories' schemes
    pattern = rf"(?i)\{{(?P<id>{name})\}}(?P<braced>\{{(?P<salt>[^}}]*)\}}){optional}(?P<digest>[0-9a-f]{{{digits}}})"
    return Shape(f"spring_{name}", re.compile(pattern), read_message_digest)


HEX_80 = r"(?P<digest>[0-9a-f]{80})"
HEX_96 = r"(?P<digest>[0-9a-f]{96})"
OLD, NEW = partial(read_pbkdf2, V5_5), partial(read_pbkdf2, V5_8)

FORMATS: tuple[Format, ...] = (
    Wrapped("spring_bcrypt", re.compile(r"\{bcrypt\}"), (BCRYPT,)),
    Wrapped("spring_argon2", re.compile(r"\{argon2(?:@SpringSecurity_v5_[28])?\}"), (ARGON2,)),
    Wrapped("spring_braced_scrypt", re.compile(r"\{scrypt(?:@SpringSecurity_v(?:4_1|5_8))?\}"), (SPRING_SCRYPT,)),
    Shape("spring_pbkdf2", re.compile(r"\{pbkdf2(?:@SpringSecurity_v5_5)?\}" + HEX_80), OLD),
    Shape("spring_pbkdf2_v5_8", re.compile(r"\{pbkdf2@SpringSecurity_v5_8\}" + HEX_96), NEW, V5_8_ALIASES),
    Shape("spring_bare_pbkdf2", re.compile(HEX_80), OLD, names_itself=False),
    Shape("spring_bare_pbkdf2_v5_8", re.compile(HEX_96), NEW, names_itself=False),
    Shape("spring_sha256", re.compile(r"(?:\{sha256\})(?P<digest>[0-9a-f]{80})"), read_standard, ("spring_standard",)),
    Shape("spring_bare_standard", re.compile(HEX_80), read_standard, names_itself=False),
    *(_message_digest(name) for name in DIGESTS),
    Wrapped("spring_ldap", re.compile(r"\{ldap\}"), ldap.FORMATS),
    Shape("spring_noop", re.compile(r"\{noop\}(?P<digest>.+)"), read_plain, aliases=("noop",)),
)
