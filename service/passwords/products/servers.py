"""Programs on servers whose accounts' hashes are a formula. Knows names and layouts; computes nothing.

Sources, where hashcat has no mode: Jenkins's HudsonPrivateSecurityRealm, Bugzilla's bz_crypt, the user models of
Grafana and Discourse.
"""

import re

from service.passwords.encodings import HEX_DIGIT
from service.passwords.product import Product

FORMATS = (
    Product("redmine", "sha1($salt.sha1($pass))"),
    Product(
        "jenkins_sha256",
        "sha256($pass.'{'.$salt.'}')",
        (),
        re.compile(rf"(?P<salt>[^:{{}}$]{{1,64}}):(?P<digest>{HEX_DIGIT}{{64}})"),
        names_itself=False,
    ),
    Product(
        "bugzilla",
        "sha256($pass.$salt)",
        (),
        re.compile(r"(?P<salt>[^,]{8,16}),(?P<digest>[A-Za-z0-9+/]{43})\{SHA-256\}"),
    ),
    Product("grafana", "pbkdf2_sha256($pass, $salt, 10000, 50)", (), names_itself=False),
    Product("discourse", "pbkdf2_sha256($pass, $salt, $iterations, 32)", (), names_itself=False, iterations=64_000),
    Product("hmailserver", "sha256($salt.$pass)", pattern=re.compile(r"(?P<salt>[0-9a-f]{6})(?P<digest>[0-9a-f]{64})")),
    Product("filezilla", "sha512($pass.$salt)", ("filezilla_server",), names_itself=False),
    Product(
        "authme",
        "sha256(sha256($pass).$salt)",
        ("authme_sha256",),
        re.compile(rf"\$SHA\$(?P<salt>[^$]*)\$(?P<digest>{HEX_DIGIT}{{64}})"),
    ),
    Product(
        "htdigest",
        "md5($user.':'.$salt.':'.$pass)",
        ("http_digest", "digest_ha1"),
        re.compile(rf"(?:(?P<user>[^:]*):(?P<salt>[^:]*):)?(?P<digest>{HEX_DIGIT}{{32}})"),
        names_itself=False,
    ),
)
