"""Names for several formats at once, as people call them: a product or a function. Knows what belongs together."""

from collections.abc import Iterable

from service.passwords import (
    applications,
    aspnet,
    bcrypt_wrapped,
    cram_md5,
    crypt3,
    databases,
    django,
    domino,
    firebase,
    kratos,
    ldap,
    ldap_pbkdf2,
    magento_argon2,
    mediawiki,
    pbkdf2,
    pbkdf2_layouts,
    phpass,
    products,
    scram,
    scram_layouts,
    scrypt,
    scrypt_layouts,
    spring,
    symfony,
    werkzeug,
    xenforo,
    yescrypt,
)
from service.passwords.argon2 import ARGON2
from service.passwords.bcrypt import BCRYPT
from service.passwords.family import Family
from service.passwords.format import Format


def _product(*names: str) -> Iterable[Format]:
    return _named(products.FORMATS, *names)


def _named(formats: Iterable[Format], *names: str) -> Iterable[Format]:
    by_name = {each.name: each for each in formats}
    return (by_name[name] for name in names)


CRYPT: tuple[Format, ...] = (BCRYPT, *crypt3.FORMATS, *yescrypt.FORMATS)
PBKDF2: tuple[Format, ...] = (
    pbkdf2.PBKDF2,
    *django.FORMATS,
    *werkzeug.FORMATS,
    *pbkdf2_layouts.FORMATS,
    *ldap_pbkdf2.FORMATS,
)
SCRYPT: tuple[Format, ...] = (*scrypt.FORMATS, *django.FORMATS, *werkzeug.FORMATS, *scrypt_layouts.FORMATS)
ORY: tuple[Format, ...] = (*kratos.FORMATS, *scrypt.FORMATS, *pbkdf2.FORMATS, *firebase.FORMATS)
ZITADEL: tuple[Format, ...] = (*kratos.FORMATS, *scrypt.FORMATS, *pbkdf2.FORMATS, *phpass.FORMATS, *CRYPT)

FORMATS: tuple[Format, ...] = (
    *(Family(f"pbkdf2_{prf}", (*PBKDF2, columns), (f"pbkdf2_hmac_{prf}",)) for prf, columns in pbkdf2.COLUMNS.items()),
    Family("scrypt", (*SCRYPT, scrypt.COLUMNS)),
    Family("bcrypt_sha256", (*bcrypt_wrapped.FORMATS, bcrypt_wrapped.HEX_SHA256)),
    Family("crypt", CRYPT, ("crypt3", "shadow")),
    Family("django", (*django.FORMATS, *bcrypt_wrapped.FORMATS, *_product("md5"))),
    Family("werkzeug", (*werkzeug.FORMATS, *django.FORMATS), ("flask",)),
    Family("ldap", (*ldap.FORMATS, *ldap_pbkdf2.FORMATS, *CRYPT), ("openldap", "userpassword")),
    Family("spring", (*spring.FORMATS, BCRYPT), ("spring_security",)),
    Family("aspnet_identity", aspnet.IDENTITY, ("aspnetcore_identity",)),
    Family("wordpress", (*bcrypt_wrapped.FORMATS, *phpass.FORMATS, BCRYPT, *_product("md5"))),
    Family("joomla", (*phpass.FORMATS, BCRYPT, *_product("joomla15"))),
    Family(
        "magento",
        (*magento_argon2.FORMATS, *_product("magento2_v0", "magento2_v1", "magento2_upgraded", "magento1")),
        ("magento2",),
    ),
    Family("mediawiki", (*mediawiki.FORMATS, *pbkdf2_layouts.FORMATS, *_product("mediawiki_a", "mediawiki_b"))),
    Family("supabase", (BCRYPT, ARGON2, *firebase.FORMATS)),
    Family("supertokens", (BCRYPT, ARGON2, *firebase.FORMATS)),
    Family("kratos", (*CRYPT, ARGON2, *ORY), ("ory",)),
    Family("zitadel", (ARGON2, *ZITADEL), ("passwap",)),
    Family(
        "php", (BCRYPT, ARGON2), ("password_hash", "php_password_hash", "laravel", "yii2", "shopware", "codeigniter4")
    ),
    Family("symfony", (BCRYPT, ARGON2, *_named(symfony.FORMATS, "symfony_message_digest"))),
    Family(
        "passlib", (*CRYPT, ARGON2, *bcrypt_wrapped.FORMATS, *scrypt.FORMATS, *ldap.FORMATS, *phpass.FORMATS, *PBKDF2)
    ),
    Family("htpasswd", (BCRYPT, *crypt3.FORMATS, *ldap.FORMATS), ("apache", "apache_htpasswd")),
    Family(
        "drupal", (*phpass.FORMATS, BCRYPT, ARGON2, *_product("md5")), ("drupal8", "drupal9", "drupal10", "drupal11")
    ),
    Family("phpbb", (*phpass.FORMATS, BCRYPT, ARGON2, *_product("phpbb2")), ("phpbb31", "phpbb33")),
    Family("moodle", (*crypt3.FORMATS, BCRYPT, *_product("moodle_md5"))),
    Family("typo3", (ARGON2, BCRYPT, pbkdf2.PBKDF2, *phpass.FORMATS, *crypt3.FORMATS, *_product("md5"))),
    Family("xenforo", (*xenforo.FORMATS, BCRYPT), ("xf",)),
    Family("gitlab", (BCRYPT, pbkdf2.PBKDF2)),
    Family("mattermost", (BCRYPT, *_named(applications.FORMATS, "mattermost_pbkdf2"))),
    Family("jenkins", (BCRYPT, *_named(applications.FORMATS, "jenkins_bcrypt"), *_product("jenkins_sha256"))),
    Family("sonarqube", (BCRYPT, *_named(applications.FORMATS, "sonarqube_pbkdf2")), ("sonar",)),
    Family("elasticsearch", (BCRYPT, *applications.FORMATS, *ldap.FORMATS, *ldap_pbkdf2.FORMATS), ("elastic",)),
    Family("dovecot", (*ldap.FORMATS, *ldap_pbkdf2.FORMATS, *cram_md5.FORMATS, *scram_layouts.FORMATS, *CRYPT)),
    Family("postgresql", (*scram.FORMATS, *_product("postgres_md5")), ("postgres",)),
    Family("mysql", (*databases.FORMATS[:2], *_product("mysql41")), ("mariadb",)),
    Family("mssql", (databases.FORMATS[2], *_product("mssql2005", "mssql2012")), ("sqlserver", "sql_server")),
    Family("domino", (*domino.FORMATS, *_named(domino.FORMATS, "domino5")), ("lotus_notes", "lotus_domino")),
    Family("oracle", (databases.FORMATS[3], *_product("oracle11", "oracle12")), ("oracle_database",)),
)
