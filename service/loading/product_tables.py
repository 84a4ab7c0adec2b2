"""Products recognised by the columns or the name of a user table, and the format that reads their hashes.

The shape of a bcrypt, argon2 or phpass hash does not show which product wrote it, nor how the product transforms a
typed password before hashing. The other columns usually do: `user_nicename` is WordPress's.
"""

import re
from collections.abc import Collection

from service.hashing import families, registry
from service.hashing.format import UnknownFormat
from service.immutable import immutable


@immutable
class Table:
    """The user table of a product."""

    format: str
    """The family of formats that reads its hashes."""
    marks: tuple[frozenset[str], ...]
    """Sets of columns, in lower case; an export with all columns of one set is of the product."""
    names: str = r"(?!)"
    """A regular expression of the table's names in the product's own schema."""
    username: str | None = None
    """The column whose value is part of the hash."""
    needs: str | None = None
    """What the product may include in the hash and no column contains."""
    lacks: str | None = None
    """A column with the function and its count; exports that have it are read by it."""


def _marks(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.split()) for each in sets)


TABLES = (
    Table("wordpress", _marks("user_login user_pass", "user_nicename", "user_activation_key"), r"wp_(?:\w+_)?users"),
    Table(
        "phpbb",
        _marks("username_clean user_password", "user_permissions user_password", "user_passchg"),
        r"phpbb\d?_users",
    ),
    Table(
        "typo3",
        _marks("uc usergroup", "file_mountpoints", "db_mountpoints", "tx_extbase_type", "felogin_redirectpid"),
        r"[bf]e_users",
    ),
    Table("drupal", _marks("preferred_admin_langcode", "uid name pass mail"), r"users_field_data"),
    Table("joomla", _marks("registerdate lastvisitdate", "sendemail registerdate"), r"jos_users"),
    Table("opencart", _marks("customer_group_id password"), r"oc_(?:customer|user)"),
    Table("zencart", _marks("customers_authorization customers_password"), r"zen_(?:customers|admin)"),
    Table(
        "prestashop",
        _marks("id_customer passwd", "id_employee passwd"),
        r"ps_(?:customer|employee)",
        needs="_COOKIE_KEY_ of rows in MD5",
    ),
    Table("magento", _marks("rp_token password_hash", "rp_token_created_at"), r"customer_entity"),
    Table("mediawiki", _marks("user_newpassword", "user_token user_touched")),
    Table("smf", _marks("member_name passwd", "id_member passwd"), r"smf_members", username="member_name"),
    Table("mybb", _marks("loginkey salt"), r"mybb_users"),
    Table("vbulletin", _marks("passworddate membergroupids", "passworddate salt")),
    Table("xenforo", _marks("scheme_class data"), r"xf_user_authenticate"),
    Table("redmine", _marks("hashed_password mail_notification", "hashed_password must_change_passwd")),
    Table("mantisbt", _marks("cookie_string", "lost_password_request_count"), r"mantis_user(?:_table)?"),
    Table("sugarcrm", _marks("user_hash pwd_last_changed", "user_hash system_generated_password")),
    Table("shopware", _marks("encoder accountmode", "legacy_encoder legacy_password"), r"s_user"),
    Table("contao", _marks("currentlogin lastlogin password"), r"tl_(?:member|user)"),
    Table("e107", _marks("user_loginname user_password"), r"e107_user"),
    Table("discuz", _marks("secques salt"), r"(?:\w+_)?ucenter_members"),
    Table("nodebb", _marks("password:shawrapped")),
    Table("owncloud", _marks("uid_lower password"), r"oc_users", needs="passwordsalt of rows of ownCloud before 8"),
    Table("metabase", _marks("password_salt is_superuser", "password_salt date_joined", "is_qbnewb"), r"core_user"),
    Table("authlogic", _marks("crypted_password password_salt", "crypted_password salt")),
    Table("matomo", _marks("superuser_access date_registered"), r"(?:matomo|piwik)_user"),
    Table("django", _marks("is_superuser date_joined", "is_staff date_joined"), r"auth_user"),
    Table("meteor", _marks("services.password.bcrypt", "services.password.argon2")),
    Table("gitea", _marks("passwd rands salt"), lacks="passwd_hash_algo"),
    Table("laravel", _marks("remember_token email_verified_at")),
    Table("codeigniter4", _marks("secret secret2"), r"auth_identities"),
    Table("better_auth", _marks("providerid accountid password", "provider_id account_id password")),
    Table("synapse", _marks("appservice_id password_hash", "consent_server_notice_sent")),
    Table("moodle", _marks("mnethostid"), r"mdl_user", needs="passwordsaltmain or passwordpeppers of config.php"),
    Table("flask_security", _marks("fs_uniquifier"), needs="SECURITY_PASSWORD_SALT"),
    Table("devise", _marks("encrypted_password reset_password_token"), needs="config.pepper, where it was set"),
)
"""In this order. Products whose hashes identify themselves need no entry."""


@immutable
class Recognised:
    """A product, and the evidence for it."""

    table: Table
    because: str


def recognise(columns: Collection[str], place: str = "") -> Recognised | None:
    """Return the product by the columns of an export, otherwise by its file name or the text of its query."""
    lower = {column.lower(): column for column in columns}
    for table in TABLES:
        for marks in table.marks:
            if marks <= lower.keys():
                named = ", ".join(sorted(lower[mark] for mark in marks))
                return Recognised(table, f"the column{'s' * (len(marks) > 1)} {named}")
    for table in TABLES:
        found = re.search(rf"(?<![A-Za-z0-9])(?:{table.names})(?![A-Za-z0-9])", place, re.IGNORECASE)
        if found:
            return Recognised(table, f"the name {found[0]}")
    return None


# Formats that several products use, and that therefore do not determine the typed password's transformation.

GENERIC = frozenset(
    {"bcrypt", "argon2", "phpass", "pbkdf2", "md5_crypt", "sha256_crypt", "sha512_crypt", "md5", "sha1", "ldap_sha1"}
)
OTHERS = {"bcrypt": ("smf", "devise")}
"""Products that include something else in the hash, and that no family combines with this format."""


def is_generic(name: str) -> bool:
    """Return whether a format's name is that of a function that many products use."""
    try:
        return registry.by_name(name).name in GENERIC
    except UnknownFormat:
        return False


def products_of(format_name: str) -> list[str]:
    """Name the products that use this format and hash something other than what the format alone assumes."""
    if format_name not in GENERIC:
        return []
    return sorted({*families.changing(format_name), *OTHERS.get(format_name, ())})
