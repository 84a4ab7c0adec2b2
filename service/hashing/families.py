"""Names for several formats at once: a product or a function."""

import re
from collections.abc import Iterable, Mapping

from service.hashing import typed_passwords as typed
from service.hashing.format import Format
from service.hashing.formats import (
    applications,
    argon2,
    aspnet,
    bcrypt,
    cleartext,
    crypt,
    databases,
    enterprise,
    frameworks,
    kratos,
    ldap,
    node,
    pbkdf2,
    phpass,
    products,
    scram,
    scrypt,
    spring,
)
from service.hashing.formats.argon2 import ARGON2
from service.hashing.formats.bcrypt import BCRYPT
from service.hashing.formats.databases import ZOPE_MYSQL
from service.hashing.formats.product import Family
from service.hashing.formula.typed import TypedFormat
from service.hashing.shape import Wrapped
from service.hashing.typed_passwords import BY_FORMAT, RAW


def _typed(found: Format, interpretations: str, by_prefix: Mapping[str, str] | None = None) -> Format:
    return TypedFormat(found, interpretations, by_prefix or {})


def _product(*names: str) -> Iterable[Format]:
    return _named(products.FORMATS, *names)


def _named_formats(formats: Iterable[Format], *names: str) -> tuple[Format, ...]:
    return tuple(_named(formats, *names))


def _named(formats: Iterable[Format], *names: str) -> Iterable[Format]:
    by_name = {each.name: each for each in formats}
    return (by_name[name] for name in names)


CRYPT: tuple[Format, ...] = (BCRYPT, *crypt.FORMATS, *crypt.YESCRYPT_FORMATS)
PBKDF2: tuple[Format, ...] = (
    pbkdf2.PBKDF2,
    *frameworks.DJANGO_FORMATS,
    *frameworks.WERKZEUG_FORMATS,
    *pbkdf2.LAYOUTS,
    *ldap.LDAP_PBKDF2_FORMATS,
)
SCRYPT: tuple[Format, ...] = (
    *scrypt.FORMATS,
    *frameworks.DJANGO_FORMATS,
    *frameworks.WERKZEUG_FORMATS,
    *scrypt.LAYOUTS,
)
ORY: tuple[Format, ...] = (*kratos.FORMATS, *scrypt.FORMATS, *pbkdf2.FORMATS, *scrypt.FIREBASE_FORMATS)
ZITADEL: tuple[Format, ...] = (*kratos.FORMATS, *scrypt.FORMATS, *pbkdf2.FORMATS, *phpass.FORMATS, *CRYPT)

NONE: frozenset[str] = frozenset()
SALTED_BY_AUTHLOGIC = frozenset({"bcrypt", "ruby_scrypt", "ruby_first_scrypt"})
PHPBB_H = f"{typed.PHPBB} | {typed.PHPBB2_UNDER_PHPASS}"
"""phpBB 3 puts the MD5 of a row that phpBB 2 wrote under `$H$`."""
PHPBB_COMBINED_TYPED = _typed(phpass.PHPBB_COMBINED, PHPBB_H)
_TYPO3_INNER = (BCRYPT, ARGON2, pbkdf2.PBKDF2, *phpass.FORMATS, *crypt.FORMATS)
TYPO3_FORMATS: tuple[Format, ...] = (
    _typed(
        Wrapped("typo3_over_md5", re.compile(r"M(?=\$)"), _TYPO3_INNER),
        typed.TYPO3_OVER_MD5,
        {"M$2y$": typed.TYPO3_BCRYPT_OVER_MD5},
    ),
    _typed(
        Wrapped("typo3_converted", re.compile(r"C(?=\$)"), _TYPO3_INNER),
        typed.TRIMMED,
        {"C$2y$": typed.TYPO3_BCRYPT},
    ),
)
"""Rows that TYPO3 before 9.4 converted: a prefix before the hash."""

FORMATS: tuple[Format, ...] = (
    *(Family(f"pbkdf2_{prf}", (*PBKDF2, columns), (f"pbkdf2_hmac_{prf}",)) for prf, columns in pbkdf2.COLUMNS.items()),
    Family("scrypt", (*SCRYPT, scrypt.COLUMNS)),
    Family("bcrypt_sha256", (*bcrypt.WRAPPED_FORMATS, bcrypt.HEX_SHA256)),
    Family("crypt", CRYPT, ("crypt3", "shadow")),
    Family("django", (*frameworks.DJANGO_FORMATS, *bcrypt.WRAPPED_FORMATS, *_product("md5"))),
    Family(
        "open_edx",
        (*frameworks.DJANGO_FORMATS, *bcrypt.WRAPPED_FORMATS, *_product("md5")),
        ("edx",),
        typed.COMPATIBLE,
        NONE,
    ),
    Family("werkzeug", (*frameworks.WERKZEUG_FORMATS, *frameworks.DJANGO_FORMATS), ("flask",)),
    Family("ldap", (*ldap.FORMATS, *ldap.LDAP_PBKDF2_FORMATS, *CRYPT), ("openldap", "userpassword")),
    Family("spring", (*spring.FORMATS, *ldap.FORMATS, BCRYPT), ("spring_security",)),
    Family("gitea", (BCRYPT, *_named(applications.FORMATS, "gitea_digest")), ("forgejo", "gogs")),
    Family("shiro", _named_formats(applications.FORMATS, "shiro1", "shiro2"), ("apache_shiro",)),
    Family(
        "nexus",
        (*_named_formats(applications.FORMATS, "shiro1", "shiro2"), *_product("sha1", "md5")),
        ("sonatype_nexus",),
        RAW,
    ),
    Family("adonis", (BCRYPT, ARGON2, *_named(node.FORMATS, "phc_bcrypt"), *scrypt.FORMATS), ("adonisjs",)),
    Family("aspnet_identity", aspnet.IDENTITY, ("aspnetcore_identity",)),
    Family(
        "wordpress",
        (*_named(bcrypt.WRAPPED_FORMATS, "wordpress_bcrypt"), *phpass.FORMATS, BCRYPT, ARGON2, *_product("md5")),
        interpretations=typed.WORDPRESS,
        peppered=NONE,
    ),
    Family(
        "joomla",
        (*phpass.FORMATS, BCRYPT, ARGON2, *_product("joomla_sha256", "joomla15")),
        interpretations=typed.TRIMMED,
        peppered=NONE,
    ),
    Family(
        "magento",
        (
            *argon2.MAGENTO_ARGON2_FORMATS,
            *_product("magento2_v0", "magento2_v1", "magento2_upgraded"),
            BCRYPT,
            *_product("magento1"),
        ),
        ("magento2",),
        typed.TRIMMED,
    ),
    Family(
        "mediawiki",
        (*applications.MEDIAWIKI_FORMATS, *pbkdf2.LAYOUTS, *_product("mediawiki_a", "mediawiki_b")),
        interpretations=typed.MEDIAWIKI,
    ),
    Family("supabase", (BCRYPT, ARGON2, *scrypt.FIREBASE_FORMATS)),
    Family("supertokens", (BCRYPT, ARGON2, *scrypt.FIREBASE_FORMATS)),
    Family("kratos", (*CRYPT, ARGON2, *ORY), ("ory",)),
    Family("zitadel", (ARGON2, *ZITADEL), ("passwap",)),
    Family("php", (BCRYPT, ARGON2), ("password_hash", "php_password_hash", "laravel", "yii2")),
    Family(
        "authlogic",
        (
            *(_typed(each, typed.AUTHLOGIC) for each in (BCRYPT, *scrypt.LAYOUTS) if each.name in SALTED_BY_AUTHLOGIC),
            *_product("authlogic_sha512"),
        ),
        ("canvas", "canvas_lms", "sorcery"),
    ),
    Family(
        "matomo",
        (*(_typed(each, typed.MATOMO) for each in (BCRYPT, ARGON2)), *_product("md5")),
        ("piwik",),
        peppered=NONE,
    ),
    Family("glpi", (BCRYPT, ARGON2, *_product("sha1", "md5")), (), typed.GLPI, NONE),
    Family("codeigniter4", (BCRYPT, ARGON2), ("shield", "codeigniter_shield", "myth_auth"), typed.SHIELD),
    Family(
        "symfony",
        (_typed(BCRYPT, typed.SYMFONY), ARGON2, *_named(frameworks.SYMFONY_FORMATS, "symfony_message_digest")),
    ),
    Family(
        "passlib", (*CRYPT, ARGON2, *bcrypt.WRAPPED_FORMATS, *scrypt.FORMATS, *ldap.FORMATS, *phpass.FORMATS, *PBKDF2)
    ),
    Family("htpasswd", (BCRYPT, *crypt.FORMATS, *ldap.FORMATS), ("apache", "apache_htpasswd")),
    Family(
        "drupal",
        (*phpass.FORMATS, BCRYPT, ARGON2, *_product("md5")),
        ("drupal6", "drupal8", "drupal9", "drupal10", "drupal11"),
        typed.TRIMMED,
        NONE,
    ),
    Family(
        "phpbb",
        (
            *(_typed(each, typed.PHPBB, {"$H$": PHPBB_H}) for each in phpass.FORMATS),
            PHPBB_COMBINED_TYPED,
            BCRYPT,
            ARGON2,
            *(_typed(each, typed.PHPBB2) for each in _product("phpbb2_md5")),
        ),
        ("phpbb31", "phpbb33"),
        typed.PHPBB,
        NONE,
    ),
    Family(
        "phpbb2",
        (
            *(_typed(each, f"$pass | {typed.PHPBB2_UNDER_PHPASS}") for each in phpass.FORMATS),
            *_product("phpbb2_md5"),
        ),
        interpretations=typed.PHPBB2,
        peppered=NONE,
    ),
    Family(
        "moodle",
        (
            *(_typed(each, typed.MOODLE_CRYPT) for each in _named(crypt.FORMATS, "sha512_crypt")),
            *crypt.FORMATS,
            BCRYPT,
            *(_typed(each, typed.MOODLE_MD5) for each in _product("moodle_md5")),
        ),
        peppered=frozenset({"sha512_crypt", "moodle_md5"}),
    ),
    Family(
        "typo3",
        (
            ARGON2,
            _typed(BCRYPT, typed.TRIMMED, {"$2y$": typed.TYPO3_BCRYPT}),
            pbkdf2.PBKDF2,
            *phpass.FORMATS,
            *crypt.FORMATS,
            *TYPO3_FORMATS,
            *_product("md5"),
        ),
        interpretations=typed.TRIMMED,
        peppered=NONE,
    ),
    Family(
        "opencart",
        (BCRYPT, *_product("opencart_sha1")),
        interpretations=typed.OPENCART,
        peppered=NONE,
    ),
    Family(
        "oscommerce",
        (*phpass.FORMATS, BCRYPT, *_product("oscommerce_md5")),
        ("xtcommerce", "xt_commerce"),
        typed.OSCOMMERCE,
        NONE,
    ),
    Family("zencart", (BCRYPT, *_product("zencart_digest")), ("zen_cart",), typed.ZENCART, NONE),
    Family(
        "prestashop",
        (BCRYPT, *_product("prestashop_cookie_key")),
        interpretations=typed.PRESTASHOP,
        peppered=frozenset({"prestashop_cookie_key"}),
    ),
    Family("fluxbb", (BCRYPT, *_product("fluxbb_sha1")), ("fluxbb15",), typed.FLUXBB, NONE),
    Family("smf", (*_product("smf21"), *_product("smf_sha1")), ("smf11", "smf2"), typed.SMF, NONE),
    Family("meteor", (BCRYPT, ARGON2), ("rocketchat", "rocket_chat"), typed.METEOR),
    Family("bun", (_typed(BCRYPT, typed.BUN), ARGON2)),
    Family("synapse", (BCRYPT,), ("matrix_synapse",), typed.COMPATIBLE),
    Family("oslo", (BCRYPT, ARGON2, *_named(scrypt.LAYOUTS, "lucia")), interpretations=typed.COMPATIBLE),
    Family(
        "flask_security",
        (
            *CRYPT,
            ARGON2,
            *pbkdf2.FORMATS,
            *bcrypt.WRAPPED_FORMATS,
            *frameworks.DJANGO_FORMATS,
            *cleartext.FORMATS,
        ),
        ("flask_security_too",),
        typed.FLASK_SECURITY,
    ),
    Family(
        "zope",
        (*ldap.FORMATS, _typed(ZOPE_MYSQL, RAW), *CRYPT, *_product("sha1")),
        ("plone",),
        typed.ZOPE,
    ),
    Family("elgg", (BCRYPT, *_product("md5_pass_salt")), interpretations=typed.TRIMMED, peppered=NONE),
    Family("discuz", (BCRYPT, ARGON2, *_product("discuz_md5")), ("ucenter",), typed.DISCUZ, NONE),
    Family(
        "cakephp",
        (BCRYPT, ARGON2, *_product("cakephp_digest")),
        ("cakephp2", "cakephp3", "cakephp4", "cakephp5"),
        peppered=frozenset({"cakephp_digest"}),
    ),
    Family(
        "contao",
        (BCRYPT, ARGON2, *crypt.FORMATS, *_product("sha1_salt_pass", "sha1")),
        ("typolight",),
        typed.CONTAO,
        NONE,
    ),
    Family("e107", (BCRYPT, *_product("e107_salted", "md5")), interpretations=typed.E107, peppered=NONE),
    Family("mantisbt", (*crypt.FORMATS, *_product("md5")), ("mantis",), typed.MANTISBT, NONE),
    Family("nodebb", (BCRYPT,), interpretations=typed.NODEBB, peppered=NONE),
    Family(
        "owncloud",
        (*applications.NEXTCLOUD_FORMATS, _typed(BCRYPT, typed.OWNCLOUD), *_product("sha1")),
        peppered=frozenset({"bcrypt"}),
    ),
    Family(
        "shopware",
        (BCRYPT, ARGON2, *_named(applications.FORMATS, "shopware_sha256"), *_product("md5_pass_salt", "md5")),
        ("shopware5", "shopware6"),
        typed.SHOPWARE,
        NONE,
    ),
    Family(
        "sugarcrm",
        (
            *(_typed(each, typed.SUGARCRM_OVER_MD5) for each in (BCRYPT, ARGON2, *crypt.FORMATS)),
            *_product("md5"),
        ),
        ("suitecrm",),
        typed.SUGARCRM,
        NONE,
    ),
    Family(
        "umbraco",
        (*aspnet.IDENTITY, *_named(aspnet.FORMATS, "umbraco_salted"), *_product("umbraco_hmac_sha1")),
        ("umbraco7", "umbraco8"),
    ),
    Family("zabbix", (BCRYPT, *_product("md5")), ("zabbix_md5",), typed.TRIMMED, NONE),
    Family("xenforo", (*applications.XENFORO_FORMATS, BCRYPT), ("xf",)),
    Family("gitlab", (BCRYPT, pbkdf2.PBKDF2)),
    Family("mattermost", (BCRYPT, *_named(applications.FORMATS, "mattermost_pbkdf2"))),
    Family(
        "jenkins",
        (BCRYPT, *_named(applications.FORMATS, "jenkins_bcrypt", "jenkins_pbkdf2"), *_product("jenkins_sha256")),
    ),
    Family("sonarqube", (BCRYPT, *_named(applications.FORMATS, "sonarqube_pbkdf2")), ("sonar",)),
    Family(
        "elasticsearch",
        (BCRYPT, *_named(applications.FORMATS, "elasticsearch_stretch"), *ldap.FORMATS, *ldap.LDAP_PBKDF2_FORMATS),
        ("elastic",),
    ),
    Family("dovecot", (*ldap.FORMATS, *ldap.LDAP_PBKDF2_FORMATS, *scram.CRAM_MD5_FORMATS, *scram.LAYOUTS, *CRYPT)),
    Family("postgresql", (*scram.FORMATS, *_product("postgres_md5")), ("postgres",)),
    Family(
        "mosquitto",
        (
            *_named(pbkdf2.LAYOUTS, "mosquitto_pbkdf2_sha512"),
            *_product("mosquitto_sha512"),
            *_named(pbkdf2.LAYOUTS, "mosquitto_pbkdf2"),
        ),
    ),
    Family("mysql", (*databases.FORMATS[:2], *_product("mysql41")), ("mariadb",)),
    Family("mssql", (databases.FORMATS[2], *_product("mssql2005", "mssql2012")), ("sqlserver", "sql_server")),
    Family(
        "domino",
        (*enterprise.DOMINO_FORMATS, *_named(enterprise.DOMINO_FORMATS, "domino5")),
        ("lotus_notes", "lotus_domino"),
    ),
    Family("oracle", (databases.FORMATS[3], *_product("oracle11", "oracle12")), ("oracle_database",)),
)


def changing(format_name: str) -> list[str]:
    """Return the families whose members of this format hash other interpretations than the format by itself."""
    own = _parts(BY_FORMAT.get(format_name, RAW))
    return [
        family.name for family in FORMATS if any(not _parts(each) <= own for each in _declared_by(family, format_name))
    ]


def _declared_by(family: Format, format_name: str) -> Iterable[str]:
    if not isinstance(family, Family):
        return
    for member in family.members:
        if member.name != format_name:
            continue
        if isinstance(member, TypedFormat):
            yield from (member.interpretations, *member.by_prefix.values())
        else:
            yield family.interpretations or BY_FORMAT.get(format_name, RAW)


def _parts(interpretations: str) -> frozenset[str]:
    return frozenset(part.strip() for part in interpretations.split("|"))
