"""Layouts of single applications around well-known functions. Knows layouts; computes no function itself.

Sources: Apache Shiro's Shiro1CryptFormat, Elasticsearch's Hasher, Mattermost's phcparser, Jenkins's
HudsonPrivateSecurityRealm, SonarQube's CredentialsLocalAuthentication, Gitea's user model. What is a formula and no
more is in `products`.
"""

import re
from functools import partial

from service.passwords import limits
from service.passwords.bcrypt import BCRYPT
from service.passwords.columns import DIGEST, iterations_of, salt_text, separated
from service.passwords.comparison import Comparison
from service.passwords.digests import SIZES, digest, for_rounds
from service.passwords.encodings import HEX, to_bytes, unbase64, undigest_column, unhex
from service.passwords.format import Check, Executor, Format, MalformedHash, StoredHash
from service.passwords.pbkdf2 import pbkdf2_check
from service.passwords.shape import Shape, Wrapped

FEW_ROUNDS = 100
"""Digests that take less than a hop to a worker process."""
GITEA_ITERATIONS = 50_000
GITEA_SALT = 10
_BASE64 = r"[A-Za-z0-9+/]*={0,2}"


def shiro(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """A digest of salt and password, and then of the last digest alone."""
    hashed, value = for_rounds(name), salt + secret
    for _ in range(rounds):
        value = hashed(value)
    return value


def read_shiro(stored: StoredHash, match: re.Match[str]) -> Check:
    """Name of the digest, rounds, salt and digest in base64."""
    name, rounds = match["name"].lower().replace("-", ""), limits.number(match["rounds"])
    key = unbase64(match["digest"])
    if len(key) != SIZES[name]:
        raise MalformedHash("the digest does not have the length of its function")
    limits.check_rounds(rounds)
    executor = Executor.INLINE if rounds <= FEW_ROUNDS else Executor.PROCESS
    derive = partial(shiro, name, unbase64(match["salt"]), rounds)
    return Comparison(derive, key, f"shiro {name} x{rounds}", executor, stored.recipe.charset)


def stretched(check: Comparison, secret: bytes) -> bytes:
    """PBKDF2 of the hex of SHA-512, for passwords that may be long."""
    return check.derive(digest("sha512", secret).hex().encode("ascii"))


def read_elastic_stretch(stored: StoredHash, match: re.Match[str]) -> Check:
    """Iterations, salt and digest, as in `{PBKDF2}`."""
    inner = pbkdf2_check(
        stored, "sha512", limits.number(match["iterations"]), unbase64(match["salt"]), unbase64(match["digest"])
    )
    return Comparison(partial(stretched, inner), inner.key, inner.cost, inner.executor, inner.charset)


def read_mattermost(stored: StoredHash, match: re.Match[str]) -> Check:
    """Function, work factor and length by name."""
    prf, key = match["prf"].lower(), unbase64(match["digest"])
    if len(key) != limits.number(match["length"]):
        raise MalformedHash("the digest does not have the length that it names")
    return pbkdf2_check(stored, prf, limits.number(match["iterations"]), unbase64(match["salt"]), key)


def read_sonarqube(stored: StoredHash, match: re.Match[str]) -> Check:
    """SHA-512; the salt in base64, whatever the source says of salts."""
    salt = unbase64(salt_text(stored))
    return pbkdf2_check(stored, "sha512", limits.number(match["iterations"]), salt, unbase64(match["digest"]))


def read_gitea(stored: StoredHash, match: re.Match[str]) -> Check:
    """A salt of ten characters is text, as in old releases; a longer one is in hex."""
    salt, iterations = salt_text(separated(stored, match)), iterations_of(stored, GITEA_ITERATIONS)
    raw = unhex(salt) if HEX.fullmatch(salt) and len(salt) != GITEA_SALT else to_bytes(salt, "utf-8")
    return pbkdf2_check(stored, "sha256", iterations, raw, undigest_column(match["digest"]))


FORMATS: tuple[Format, ...] = (
    Shape(
        "shiro1",
        re.compile(
            rf"\$shiro1\$(?P<name>MD5|SHA-1|SHA-256|SHA-384|SHA-512)\$(?P<rounds>[0-9]+)"
            rf"\$(?P<salt>{_BASE64})\$(?P<digest>[A-Za-z0-9+/]{{16,}}={{0,2}})"
        ),
        read_shiro,
        ("shiro", "apache_shiro", "apache_shiro_1", "nexus"),
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
    Shape("gitea", re.compile(DIGEST), read_gitea, ("gitea_pbkdf2", "forgejo"), names_itself=False),
)
