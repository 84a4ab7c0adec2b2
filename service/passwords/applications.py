"""Layouts of single applications around well-known functions. Knows layouts; computes no function itself.

Sources: Apache Shiro's Shiro1CryptFormat, Elasticsearch's Hasher, Mattermost's phcparser, Jenkins's
HudsonPrivateSecurityRealm, SonarQube's CredentialsLocalAuthentication, OFBiz's HashCrypt, Bugzilla's bz_crypt,
Bitrix's CUser, IonAuth's hash_password, Authlogic's Sha512, Gitea's, Grafana's and Discourse's user models.
"""

import re
from functools import partial

from service.passwords import limits
from service.passwords.bcrypt import BCRYPT
from service.passwords.columns import DIGEST, iterations_of, salt_text, separated
from service.passwords.comparison import Comparison
from service.passwords.digests import SIZES, digest, for_rounds
from service.passwords.encodings import HEX, to_bytes, unbase64, undigest_column, unhex
from service.passwords.format import Check, Format, Lane, MalformedHash, StoredHash
from service.passwords.pbkdf2 import pbkdf2_check
from service.passwords.product import Product
from service.passwords.shape import Shape, Wrapped

FEW_ROUNDS = 100
"""Digests that take less than a hop to a worker process."""
GITEA_ITERATIONS = 50_000
GITEA_SALT = 10
_BASE64 = r"[A-Za-z0-9+/]*={0,2}"
_HEX = r"[0-9A-Fa-f]"


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
    lane = Lane.INLINE if rounds <= FEW_ROUNDS else Lane.PROCESS
    derive = partial(shiro, name, unbase64(match["salt"]), rounds)
    return Comparison(derive, key, f"shiro {name} x{rounds}", lane, stored.recipe.charset)


def stretched(check: Comparison, secret: bytes) -> bytes:
    """PBKDF2 of the hex of SHA-512, for passwords that may be long."""
    return check.derive(digest("sha512", secret).hex().encode("ascii"))


def read_elastic_stretch(stored: StoredHash, match: re.Match[str]) -> Check:
    """Iterations, salt and digest, as in `{PBKDF2}`."""
    inner = pbkdf2_check(
        stored, "sha512", limits.number(match["iterations"]), unbase64(match["salt"]), unbase64(match["digest"])
    )
    return Comparison(partial(stretched, inner), inner.key, inner.cost, inner.lane, inner.charset)


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
    Product(
        "jenkins_sha256",
        "sha256($pass.'{'.$salt.'}')",
        (),
        re.compile(rf"(?P<salt>[^:{{}}$]{{1,64}}):(?P<digest>{_HEX}{{64}})"),
        names_itself=False,
    ),
    Product(
        "ofbiz",
        "sha1($salt.$pass)",
        ("ofbiz_sha",),
        re.compile(r"\$SHA(?:-1)?\$(?P<salt>[^$]{1,64})\$(?P<digest>[A-Za-z0-9_-]{27}=?)"),
    ),
    Product(
        "bugzilla",
        "sha256($pass.$salt)",
        (),
        re.compile(r"(?P<salt>[^,]{8,16}),(?P<digest>[A-Za-z0-9+/]{43})\{SHA-256\}"),
    ),
    Product(
        "bitrix",
        "md5($salt.$pass)",
        ("1c_bitrix",),
        re.compile(rf"(?P<salt>[!-~]{{8}})(?P<digest>{_HEX}{{32}})"),
        names_itself=False,
    ),
    Product(
        "ionauth",
        "left(sha1($salt.$pass), 30)",
        ("ion_auth",),
        re.compile(r"(?P<salt>[0-9a-f]{10})(?P<digest>[0-9a-f]{30})"),
        names_itself=False,
    ),
    Product("authlogic_sha512", "sha512_hex^20($pass.$salt)", (), names_itself=False),
    Shape("gitea", re.compile(DIGEST), read_gitea, ("gitea_pbkdf2", "forgejo"), names_itself=False),
    Product("grafana", "pbkdf2_sha256($pass, $salt, 10000, 50)", (), names_itself=False),
    Product("discourse", "pbkdf2_sha256($pass, $salt, $iterations, 32)", (), names_itself=False, iterations=64_000),
    Product("cakephp", "sha1($pepper.$pass)", ("cakephp2",), names_itself=False),
    Product("kentico", "sha256($pass.$salt)", ("wso2",), names_itself=False),
    Product("smf21", "bcrypt(strtolower($user).$pass)", ("smf_bcrypt",), names_itself=False),
    Product(
        "mongodb_cr",
        "md5($user.':mongo:'.$pass)",
        (),
        re.compile(rf"(?:\$mongodb\$0\$(?P<user>[^$]+)\$)?(?P<digest>{_HEX}{{32}})"),
        names_itself=False,
    ),
    Product(
        "solarwinds",
        "sha512(pbkdf2_sha1_bin($pass, left($user.'1244352345234', 8), 1000, 1024))",
        ("solarwinds_orion",),
        re.compile(r"\$solarwinds\$0\$(?P<user>[^$]+)\$(?P<digest>[A-Za-z0-9+/]{86}==)"),
    ),
    Product(
        "empirecms",
        "md5($salt2.'E!m^p-i(r#e.C:M?S'.md5(md5($pass).$salt1).'d)i.g^o-d'.$salt1)",
        ("empire_cms",),
        names_itself=False,
    ),
)
