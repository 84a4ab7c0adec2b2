"""Hashes of applications: Nextcloud, ownCloud, MediaWiki, XenForo and others."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from service.hashing import limits
from service.hashing.check import Comparison
from service.hashing.columns import DIGEST, salt_text, separated
from service.hashing.digests import SIZES, digest, for_rounds
from service.hashing.encodings import HEX, HEX_DIGIT, to_bytes, unbase64, undigest_column, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, Format, MalformedHash, StoredHash
from service.hashing.formats import phpass
from service.hashing.formats.argon2 import ARGON2, ARGON2_VERSION, argon2_check
from service.hashing.formats.bcrypt import BCRYPT, plain, read_bcrypt
from service.hashing.formats.multiple import AnyOf
from service.hashing.formats.pbkdf2 import pbkdf2_check
from service.hashing.formats.product import Product
from service.hashing.formats.scrypt import scrypt_check
from service.hashing.shape import BLANK, Shape, Wrapped, is_text
from service.immutable import immutable

# Layouts of single applications based on well-known functions.
#
# Sources: Shopware's Components/Password/Encoder/Sha256, Apache Shiro's Shiro1CryptFormat, Elasticsearch's Hasher,
# Mattermost's phcparser, Jenkins's HudsonPrivateSecurityRealm, SonarQube's CredentialsLocalAuthentication, Gitea's user
# model. Formats that are just a formula are in `products`.

FEW_ROUNDS = 100
"""Digests that take less time than a hand-over to a worker process."""
GITEA_ITERATIONS = (10_000, 50_000, 320_000)
"""Gitea's three settings; a column without numbers means the first, the only one before numbers were stored."""
GITEA_KEY = 50
"""Bytes."""
DISCOURSE_ITERATIONS = (64_000, 600_000)
"""Before 2023 and since."""
DISCOURSE_KEY = 32
GITEA_SALT = 10
_BASE64 = r"[A-Za-z0-9+/]*={0,2}"


def shiro(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """Return a digest of salt and password, iterated over the last digest alone."""
    hashed, value = for_rounds(name), salt + secret
    for _ in range(rounds):
        value = hashed(value)
    return value


def read_shiro(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the name of the digest, the rounds, and salt and digest in base64."""
    name, rounds = match["name"].lower().replace("-", ""), limits.number(match["rounds"])
    key = unbase64(match["digest"])
    if len(key) != SIZES[name]:
        raise MalformedHash("the digest does not have the length of its function")
    work = limits.check_rounds(rounds)
    executor = Executor.INLINE if rounds <= FEW_ROUNDS else Executor.PROCESS
    derive = partial(shiro, name, unbase64(match["salt"]), rounds)
    return Comparison(derive, key, f"shiro {name} x{rounds}", executor, stored.recipe.charset, work=work)


def shopware(salt: bytes, rounds: int, secret: bytes) -> bytes:
    """Return SHA-256 over the hex of the last digest, the password and the salt; one round more than the hash says."""
    value = b""
    for _ in range(rounds + 1):
        value = hashlib.sha256(value + secret + salt).hexdigest().encode("ascii")
    return bytes.fromhex(value.decode("ascii"))


def read_shopware(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse rounds, salt and digest."""
    rounds = limits.number(match["rounds"])
    derive = partial(shopware, to_bytes(match["salt"], "utf-8"), rounds)
    work = limits.check_rounds(rounds + 1)
    cost, charset = f"shopware sha256 x{rounds}", stored.recipe.charset
    return Comparison(derive, unhex(match["digest"]), cost, Executor.PROCESS, charset, work=work, looped=True)


def stretched(check: Comparison, secret: bytes) -> bytes:
    """Return PBKDF2 of the hex of SHA-512, for passwords that may be long."""
    return check.derive(digest("sha512", secret).hex().encode("ascii"))


def read_elastic_stretch(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse iterations, salt and digest, as in `{PBKDF2}`."""
    inner = pbkdf2_check(
        stored, "sha512", limits.number(match["iterations"]), unbase64(match["salt"]), unbase64(match["digest"])
    )
    return replace(inner, derive=partial(stretched, inner), padded=False)


def read_mattermost(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse function, work factor and length, each by name."""
    prf, key = match["prf"].lower(), unbase64(match["digest"])
    if len(key) != limits.number(match["length"]):
        raise MalformedHash("the digest does not have the length that it names")
    return pbkdf2_check(stored, prf, limits.number(match["iterations"]), unbase64(match["salt"]), key)


def read_sonarqube(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse SHA-512; the salt is base64, even if the source declares another encoding."""
    salt = unbase64(salt_text(stored))
    return pbkdf2_check(stored, "sha512", limits.number(match["iterations"]), salt, unbase64(match["digest"]))


def read_gitea(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse by the option `passwd_hash_algo`, Gitea's column; without it, try each PBKDF2 setting of Gitea."""
    row = separated(stored, match)
    declared = stored.recipe.options.get("passwd_hash_algo")
    if declared is None and stored.recipe.iterations is None:
        return AnyOf(tuple(_gitea_pbkdf2(row, match, count, None) for count in GITEA_ITERATIONS))
    if declared is None:
        declared = f"pbkdf2${stored.recipe.iterations}"
    # An empty column dates from before the column existed.
    name, _, configuration = (declared or "pbkdf2").partition("$")
    numbers = [limits.number(part) for part in configuration.split("$") if part]
    try:
        return _gitea(row, match, name, numbers)
    except ValueError:
        raise MalformedHash("passwd_hash_algo has too few or too many numbers") from None


def _gitea(row: StoredHash, match: re.Match[str], name: str, numbers: list[int]) -> Check:
    match name:
        case "pbkdf2":
            iterations, length = (*numbers, GITEA_KEY)[:2] if numbers else (GITEA_ITERATIONS[0], GITEA_KEY)
            return _gitea_pbkdf2(row, match, iterations, length)
        case "argon2":
            passes, memory, lanes, length = numbers or (2, 65536, 8, GITEA_KEY)
            salt, key = _gitea_salt(row), _gitea_key(match, length)
            return argon2_check(row, "id", ARGON2_VERSION, (memory, passes, lanes), salt, key)
        case "scrypt":
            n, r, p, length = numbers or (65536, 16, 2, GITEA_KEY)
            return scrypt_check(row, (n, r, p), _gitea_salt(row), _gitea_key(match, length))
    raise MalformedHash("passwd_hash_algo names a function that Gitea does not have")


def _gitea_pbkdf2(row: StoredHash, match: re.Match[str], iterations: int, length: int | None) -> Comparison:
    return pbkdf2_check(row, "sha256", iterations, _gitea_salt(row), _gitea_key(match, length))


def _gitea_salt(row: StoredHash) -> bytes:
    """Return the salt: ten characters are text, as in old releases; a longer salt is hex."""
    salt = salt_text(row)
    return unhex(salt) if HEX.fullmatch(salt) and len(salt) != GITEA_SALT else to_bytes(salt, "utf-8")


def _gitea_key(match: re.Match[str], length: int | None) -> bytes:
    key = undigest_column(match["digest"])
    if length is not None and len(key) != length:
        raise MalformedHash(f"the digest has {len(key)} bytes, and the row's recipe gives {length}")
    return key


DISCOURSE = re.compile(r"\$?pbkdf2-sha256\$i=(?P<iterations>[0-9]+),l=(?P<length>[0-9]{1,3})\$?")


def read_discourse(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse by the option `password_algorithm`, Discourse's column; without it, try each count Discourse has used."""
    row, key = separated(stored, match), undigest_column(match["digest"])
    salt = to_bytes(salt_text(row), "utf-8")
    declared = stored.recipe.options.get("password_algorithm")
    if declared is not None:
        algorithm = DISCOURSE.fullmatch(declared)
        if algorithm is None or int(algorithm["length"]) != len(key):
            raise MalformedHash("password_algorithm is not what Discourse writes, or gives another length of digest")
        return pbkdf2_check(row, "sha256", limits.number(algorithm["iterations"]), salt, key)
    if len(key) != DISCOURSE_KEY:
        raise MalformedHash(f"the digest of Discourse has {DISCOURSE_KEY} bytes")
    if stored.recipe.iterations is not None:
        return pbkdf2_check(row, "sha256", stored.recipe.iterations, salt, key)
    return AnyOf(tuple(pbkdf2_check(row, "sha256", count, salt, key) for count in DISCOURSE_ITERATIONS))


def read_jenkins(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hashes of Jenkins in FIPS mode: SHA-512, salt and digest in hex."""
    iterations = limits.number(match["iterations"])
    return pbkdf2_check(stored, "sha512", iterations, unhex(match["salt"]), unhex(match["digest"]))


FORMATS: tuple[Format, ...] = (
    Shape(
        "shiro1",
        re.compile(
            rf"\$shiro1\$(?P<name>MD5|SHA-1|SHA-256|SHA-384|SHA-512)\$(?P<rounds>[0-9]+)"
            rf"\$(?P<salt>{_BASE64})\$(?P<digest>[A-Za-z0-9+/]{{16,}}={{0,2}})"
        ),
        read_shiro,
        ("apache_shiro_1",),
    ),
    Shape(
        "elasticsearch_stretch",
        re.compile(
            rf"\{{PBKDF2_STRETCH\}}(?P<iterations>[0-9]+)\$(?P<salt>{_BASE64})\$(?P<digest>[A-Za-z0-9+/]{{16,}}={{0,2}})"
        ),
        read_elastic_stretch,
        ("elastic_pbkdf2_stretch", "pbkdf2_stretch"),
    ),
    Shape(
        "mattermost_pbkdf2",
        re.compile(
            r"\$pbkdf2\$f=(?P<prf>SHA256|SHA512),w=(?P<iterations>[0-9]+),l=(?P<length>[0-9]{1,4})"
            rf"\$(?P<salt>{_BASE64})\$(?P<digest>[A-Za-z0-9+/]{{16,}}={{0,2}})"
        ),
        read_mattermost,
    ),
    Shape(
        "sonarqube_pbkdf2",
        re.compile(r"(?P<iterations>[0-9]{1,9})\$(?P<digest>[A-Za-z0-9+/]{86}==)"),
        read_sonarqube,
        names_itself=False,
    ),
    Wrapped("jenkins_bcrypt", re.compile(r"#jbcrypt:"), (BCRYPT,)),
    Shape(
        "jenkins_pbkdf2",
        re.compile(
            r"\$PBKDF2\$HMACSHA512:(?P<iterations>[0-9]+):(?P<salt>(?:[0-9a-f]{2})+)\$(?P<digest>(?:[0-9a-f]{2}){64})"
        ),
        read_jenkins,
    ),
    Wrapped("shiro2", re.compile(r"\$shiro2(?=\$)"), (ARGON2, BCRYPT), ("apache_shiro_2",)),
    Shape(
        "shopware_sha256",
        re.compile(rf"(?P<rounds>[0-9]{{1,7}}):(?P<salt>[!-9;-~]{{1,64}}):(?P<digest>{HEX_DIGIT}{{64}})"),
        read_shopware,
    ),
    Shape("gitea_digest", re.compile(DIGEST), read_gitea, ("gitea_pbkdf2",), names_itself=False),
    Shape("discourse", re.compile(DIGEST), read_discourse, names_itself=False),
)


# FSHP, the Fairly Secure Hashed Password: `{FSHPvariant|salt length|rounds}` and base64.
#
# Source: bdd/fshp-is-not-secure-anymore and passlib: PBKDF1 (RFC 8018) with password and salt exchanged.

VARIANTS = ("sha1", "sha256", "sha384", "sha512")
CHEAP = 50
"""Rounds that take microseconds."""


def fshp(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """Return the iterated digest of salt and password."""
    key = salt + secret
    for _ in range(rounds):
        key = digest(name, key)
    return key


def read_fshp(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hash; the variant selects the digest."""
    name, size = VARIANTS[int(match["variant"])], limits.number(match["size"])
    rounds, raw = limits.number(match["rounds"]), unbase64(match["digest"])
    work = limits.check_rounds(rounds)
    if len(raw) != size + SIZES[name]:
        raise MalformedHash("salt and digest do not have the lengths that the hash states")
    return Comparison(
        derive=partial(fshp, name, raw[:size], rounds),
        key=raw[size:],
        cost=f"fshp {name} x{rounds}",
        executor=Executor.INLINE if rounds <= CHEAP else Executor.PROCESS,
        charset=stored.recipe.charset,
        work=work,
    )


PATTERN = r"\{FSHP(?P<variant>[0-3])\|(?P<size>[0-9]+)\|(?P<rounds>[0-9]+)\}(?P<digest>[A-Za-z0-9+/]+={0,2})"

FSHP_FORMATS = (Shape("fshp", re.compile(PATTERN), read_fshp),)


# MediaWiki's hashes based on bcrypt, argon2, and on its own older ones, `:type:…`.
#
# Source: mediawiki/core includes/password. `:bcrypt:cost$salt$digest` splits bcrypt's text; `:argon2:` precedes the PHC
# string. `:pbkdf2-legacyA:` and `:pbkdf2-legacyB:` (maintenance/wrapOldPasswords.php) are PBKDF2 over the hex of the
# MD5 that was stored before: the parameters of both layers, their salts and the digest, separated by `!`.

Derive = Callable[[bytes], bytes]


def wrapped(salt: bytes | None, derive: Derive, secret: bytes) -> bytes:
    """Derive from the older hash: the MD5 in hex, hashed again after the salt if there is one."""
    inner = digest("md5", secret).hex().encode("ascii")
    if salt is not None:
        inner = digest("md5", salt + b"-" + inner).hex().encode("ascii")
    return derive(inner)


def read_wrapped(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse PBKDF2 over `:B:`, or over `:A:` with or without a salt."""
    salt = to_bytes(match["salt_inside"], "utf-8") if match["salt_inside"] else None
    key = unbase64(match["digest"])
    outer = pbkdf2_check(stored, match["prf"], limits.number(match["iterations"]), unbase64(match["salt"]), key)
    return replace(outer, derive=partial(wrapped, salt, outer.derive), padded=False)


_B64 = r"[A-Za-z0-9+/]"
_BCRYPT = r":bcrypt:(?P<cost>[0-9]{1,2})\$(?P<salt>[./A-Za-z0-9]{22})\$(?P<digest>[./A-Za-z0-9]{31})"
_WRAPPED = (
    r":pbkdf2-legacy[AB]:!(?P<prf>md5|sha1|sha256|sha384|sha512):(?P<iterations>[0-9]+):[0-9]+"
    rf"!(?P<salt_inside>[^!:]*)!(?P<salt>{_B64}+={{0,2}})!(?P<digest>{_B64}{{16,}}={{0,2}})"
)

MEDIAWIKI_FORMATS = (
    Shape("mediawiki_bcrypt", re.compile(_BCRYPT), partial(read_bcrypt, plain)),
    Wrapped("mediawiki_argon2", re.compile(r":argon2:"), (ARGON2,)),
    Shape("mediawiki_wrapped", re.compile(_WRAPPED), read_wrapped, ("pbkdf2_legacyA", "pbkdf2_legacyB")),
)


# XenForo's authentication data: PHP's serialisation, or JSON, of digest and salt.
#
# XenForo 1.0 and 1.1 hashed `digest(digest(password).salt)` with SHA-256 or SHA-1; 1.2 and later keep bcrypt, or
# phpass.

_IS = r"(?:;s:[0-9]{1,3}:|\s*:\s*)"
_THEN = r"(?:;s:[0-9]{1,3}:|\s*,\s*)"
_START = r"(?:a:[0-9]:\{s:4:|\{\s*)" + f'"hash"{_IS}"'
_END = rf"(?:{_THEN}\"hashFunc\"{_IS}\"[a-z0-9]+\")?[;\s]*\}}"


@immutable
class Enclosed:
    """A hash of another format inside the serialisation."""

    name: str
    pattern: re.Pattern[str]
    """Has a group `inner`."""
    inner: tuple[Format, ...]
    aliases: tuple[str, ...] = ()

    def recognises(self, text: str) -> bool:
        """Return whether the text contains a known hash."""
        return self._find(text) is not None

    def parse(self, stored: StoredHash) -> Check:
        """Parse the hash inside."""
        inner, match = self._require(stored.hash)
        return inner.parse(replace(stored, hash=match["inner"]))

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Replace the hash by the other format's dummy hash."""
        inner, match = self._require(stored.hash)
        made = inner.dummy_hash(replace(stored, hash=match["inner"]))
        start, end = match.span("inner")
        return replace(made, hash=match.string[:start] + made.hash + match.string[end:])

    def _find(self, text: str) -> tuple[Format, re.Match[str]] | None:
        match = self.pattern.fullmatch(text.strip(BLANK)) if is_text(text) else None
        if match is None:
            return None
        return next(((each, match) for each in self.inner if each.recognises(match["inner"])), None)

    def _require(self, text: str) -> tuple[Format, re.Match[str]]:
        found = self._find(text)
        if found is None:
            raise MalformedHash(f"not in the shape of {self.name}")
        return found


XENFORO_FORMATS: tuple[Format, ...] = (
    Product(
        "xenforo1",
        "sha256(sha256($pass).$salt) | sha1(sha1($pass).$salt)",
        ("xenforo1_sha256", "xenforo1_sha1"),
        re.compile(
            rf'{_START}(?P<digest>[0-9a-f]{{40}}|[0-9a-f]{{64}})"{_THEN}"salt"{_IS}"(?P<salt>[^"\\]{{0,128}})"{_END}'
        ),
    ),
    Enclosed(
        "xenforo2",
        re.compile(rf'{_START}(?P<inner>[^"]{{13,100}})"{_END}'),
        (BCRYPT, *phpass.FORMATS),
        ("xenforo_core12",),
    ),
)


# Nextcloud's and ownCloud's hashes: a version, a bar, and a hash of PHP's password_hash.
#
# Source: nextcloud/server lib/private/Security/Hasher.php: 1 is bcrypt, 2 argon2i, 3 argon2id.

NEXTCLOUD_FORMATS = (
    Wrapped(
        "nextcloud",
        re.compile(r"[123]\|"),
        (BCRYPT, ARGON2),
        aliases=("nextcloud_argon2id", "nextcloud_3_argon2id"),
        peppered=False,
    ),
)
