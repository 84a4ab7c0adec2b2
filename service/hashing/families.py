"""Names for several formats at once: a product or a function."""

from collections.abc import Iterable

from service.hashing.format import Check, Format, StoredHash
from service.hashing.formats import (
    applications,
    argon2,
    aspnet,
    bcrypt,
    crypt,
    databases,
    enterprise,
    frameworks,
    kratos,
    ldap,
    pbkdf2,
    phpass,
    products,
    scram,
    scrypt,
    spring,
)
from service.hashing.formats.argon2 import ARGON2
from service.hashing.formats.bcrypt import BCRYPT
from service.immutable import immutable

# A name for several formats: the text of a hash decides which of them reads it.
#
# Where the text does not describe itself, the last member reads it, by its columns.


@immutable
class Family:
    """A name for whichever of its members has the shape of a text. Recognises nothing itself."""

    name: str
    members: tuple[Format, ...]
    aliases: tuple[str, ...] = ()

    def recognises(self, _text: str) -> bool:
        """Leave it to the members."""
        return False

    def parse(self, stored: StoredHash) -> Check:
        """Read with the member whose shape it is."""
        return self._reader(stored).parse(stored)

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Scramble with that member."""
        return self._reader(stored).dummy_hash(stored)

    def _reader(self, stored: StoredHash) -> Format:
        return next((each for each in self.members if each.recognises(stored.hash)), self.members[-1])


def _product(*names: str) -> Iterable[Format]:
    return _named(products.FORMATS, *names)


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

FORMATS: tuple[Format, ...] = (
    *(Family(f"pbkdf2_{prf}", (*PBKDF2, columns), (f"pbkdf2_hmac_{prf}",)) for prf, columns in pbkdf2.COLUMNS.items()),
    Family("scrypt", (*SCRYPT, scrypt.COLUMNS)),
    Family("bcrypt_sha256", (*bcrypt.WRAPPED_FORMATS, bcrypt.HEX_SHA256)),
    Family("crypt", CRYPT, ("crypt3", "shadow")),
    Family("django", (*frameworks.DJANGO_FORMATS, *bcrypt.WRAPPED_FORMATS, *_product("md5"))),
    Family("werkzeug", (*frameworks.WERKZEUG_FORMATS, *frameworks.DJANGO_FORMATS), ("flask",)),
    Family("ldap", (*ldap.FORMATS, *ldap.LDAP_PBKDF2_FORMATS, *CRYPT), ("openldap", "userpassword")),
    Family("spring", (*spring.FORMATS, BCRYPT), ("spring_security",)),
    Family("aspnet_identity", aspnet.IDENTITY, ("aspnetcore_identity",)),
    Family("wordpress", (*bcrypt.WRAPPED_FORMATS, *phpass.FORMATS, BCRYPT, *_product("md5"))),
    Family("joomla", (*phpass.FORMATS, BCRYPT, *_product("joomla15"))),
    Family(
        "magento",
        (*argon2.MAGENTO_ARGON2_FORMATS, *_product("magento2_v0", "magento2_v1", "magento2_upgraded", "magento1")),
        ("magento2",),
    ),
    Family("mediawiki", (*applications.MEDIAWIKI_FORMATS, *pbkdf2.LAYOUTS, *_product("mediawiki_a", "mediawiki_b"))),
    Family("supabase", (BCRYPT, ARGON2, *scrypt.FIREBASE_FORMATS)),
    Family("supertokens", (BCRYPT, ARGON2, *scrypt.FIREBASE_FORMATS)),
    Family("kratos", (*CRYPT, ARGON2, *ORY), ("ory",)),
    Family("zitadel", (ARGON2, *ZITADEL), ("passwap",)),
    Family(
        "php", (BCRYPT, ARGON2), ("password_hash", "php_password_hash", "laravel", "yii2", "shopware", "codeigniter4")
    ),
    Family("symfony", (BCRYPT, ARGON2, *_named(frameworks.SYMFONY_FORMATS, "symfony_message_digest"))),
    Family(
        "passlib", (*CRYPT, ARGON2, *bcrypt.WRAPPED_FORMATS, *scrypt.FORMATS, *ldap.FORMATS, *phpass.FORMATS, *PBKDF2)
    ),
    Family("htpasswd", (BCRYPT, *crypt.FORMATS, *ldap.FORMATS), ("apache", "apache_htpasswd")),
    Family(
        "drupal", (*phpass.FORMATS, BCRYPT, ARGON2, *_product("md5")), ("drupal8", "drupal9", "drupal10", "drupal11")
    ),
    Family("phpbb", (*phpass.FORMATS, BCRYPT, ARGON2, *_product("phpbb2")), ("phpbb31", "phpbb33")),
    Family("moodle", (*crypt.FORMATS, BCRYPT, *_product("moodle_md5"))),
    Family("typo3", (ARGON2, BCRYPT, pbkdf2.PBKDF2, *phpass.FORMATS, *crypt.FORMATS, *_product("md5"))),
    Family("xenforo", (*applications.XENFORO_FORMATS, BCRYPT), ("xf",)),
    Family("gitlab", (BCRYPT, pbkdf2.PBKDF2)),
    Family("mattermost", (BCRYPT, *_named(applications.FORMATS, "mattermost_pbkdf2"))),
    Family("jenkins", (BCRYPT, *_named(applications.FORMATS, "jenkins_bcrypt"), *_product("jenkins_sha256"))),
    Family("sonarqube", (BCRYPT, *_named(applications.FORMATS, "sonarqube_pbkdf2")), ("sonar",)),
    Family("elasticsearch", (BCRYPT, *applications.FORMATS, *ldap.FORMATS, *ldap.LDAP_PBKDF2_FORMATS), ("elastic",)),
    Family("dovecot", (*ldap.FORMATS, *ldap.LDAP_PBKDF2_FORMATS, *scram.CRAM_MD5_FORMATS, *scram.LAYOUTS, *CRYPT)),
    Family("postgresql", (*scram.FORMATS, *_product("postgres_md5")), ("postgres",)),
    Family("mysql", (*databases.FORMATS[:2], *_product("mysql41")), ("mariadb",)),
    Family("mssql", (databases.FORMATS[2], *_product("mssql2005", "mssql2012")), ("sqlserver", "sql_server")),
    Family(
        "domino",
        (*enterprise.DOMINO_FORMATS, *_named(enterprise.DOMINO_FORMATS, "domino5")),
        ("lotus_notes", "lotus_domino"),
    ),
    Family("oracle", (databases.FORMATS[3], *_product("oracle11", "oracle12")), ("oracle_database",)),
)
