"""Formulas of the changes that products make to a typed password before hashing; sources: docs/typed-passwords.md.

`$pass` is the typed password. A wrong password never verifies, but the product's own changed form of a right one does.
"""

from collections.abc import Mapping

RAW = "$pass"
TRIMMED = "$pass | trim($pass)"
STRIPPED = "$pass | strip($pass)"
MEMBERSHIP = "$pass | trim_dotnet($pass)"
COMPATIBLE = "$pass | nfkc($pass)"
JAVA = "$pass | trim_java($pass)"
"""Apache Shiro's form filter trims; what registration stores is the application's."""

WORDPRESS = "$pass | trim(addslashes($pass)) | trim($pass)"
PHPBB = (
    "$pass | trim(nfc(htmlspecialchars_compat(phpbb_clean($pass)))) | nfc(htmlspecialchars_compat(phpbb_clean($pass)))"
    " | trim(htmlspecialchars_compat(unix_newlines($pass)))"
    " | trim(nfc(htmlspecialchars_compat(unix_newlines($pass))))"
)
PHPBB2 = "$pass | addslashes($pass) | trim(addslashes($pass)) | cp1252_or_utf8(addslashes($pass))"
PHPBB2_UNDER_PHPASS = "md5(addslashes($pass)) | md5(cp1252_or_utf8(addslashes($pass))) | md5($pass)"
OPENCART = (
    "$pass | trim($pass) | htmlspecialchars_compat($pass) | trim(htmlspecialchars_compat($pass))"
    " | htmlspecialchars_quotes($pass)"
)
OSCOMMERCE = "$pass | trim(underscore_angles(collapse_spaces(trim($pass)))) | trim($pass)"
ZENCART = (
    "$pass | trim(underscore_angles(collapse_spaces(stripslashes($pass))))"
    " | trim(stripslashes(underscore_angles(collapse_spaces($pass)))) | trim(stripslashes($pass)) | trim($pass)"
)
PRESTASHOP = "$pass | trim(prestashop_clean($pass)) | trim($pass)"
FLUXBB = "$pass | trim(fluxbb_clean($pass)) | trim($pass)"
PUNBB = "$pass | punbb_clean($pass) | trim($pass)"
SMF = "$pass | htmlspecialchars_decode($pass)"
MEDIAWIKI = "$pass | nfc($pass) | nfc(unix_newlines($pass))"
MOODLE_MD5 = (
    "$pass | addslashes($pass) | utf8($pass) | utf8(addslashes($pass))"
    " | cp1252_or_utf8($pass) | cp1252_or_utf8(addslashes($pass))"
)
"""Moodle 1.x hashed in the `oldcharset` of the site's language: Windows-1252, or the `charset` of the source."""
MOODLE_CRYPT = "$pass | $pass.$pepper"
VBULLETIN = "$pass | trim($pass)"
CUBECART = "$pass | filter_string($pass)"
CONTAO = "$pass | unescape_html($pass)"
E107 = "$pass | trim($pass) | latin1(trim($pass))"
MANTISBT = "$pass | remove_nul($pass)"
NODEBB = "sha512($pass) | $pass"
OWNCLOUD = MOODLE_CRYPT
SHOPWARE = "$pass | strip_tags($pass)"
SUGARCRM = "$pass | sugarcrm_clean($pass) | suitecrm_clean($pass)"
SUGARCRM_OVER_MD5 = "md5($pass) | md5(sugarcrm_clean($pass)) | md5(suitecrm_clean($pass))"
DISCUZ = "$pass | trim(addslashes(stripslashes($pass))) | trim($pass)"
CHAMILO = "$pass | trim(stripslashes($pass)) | trim($pass)"
TYPO3_BCRYPT = "sha384_base64(trim($pass)) | sha384_base64($pass)"
TYPO3_OVER_MD5 = "md5(trim($pass)) | md5($pass)"
TYPO3_BCRYPT_OVER_MD5 = "sha384_base64(md5(trim($pass))) | sha384_base64(md5($pass))"
SHIELD = "$pass | sha384_base64($pass)"
BUN = "$pass | sha512_if_long($pass)"
SYMFONY = "$pass | symfony_if_long($pass)"
LONG = "$pass | sha512_if_long($pass) | symfony_if_long($pass)"
"""For bcrypt without a named product: the two differ only for passwords of more than 72 bytes or with NUL."""
METEOR = "sha256(utf8($pass)) | sha256(cesu8($pass))"
FLASK_SECURITY = "$pass | nfkd($pass) | hmac_sha512_base64($pepper, nfkd($pass)) | hmac_sha512_base64($pepper, $pass)"
PREPARED = "$pass | saslprep($pass)"
XMPP = "$pass | saslprep_query($pass)"
"""Openfire hashes the raw password; ejabberd and Prosody prepare it. Prosody permits unassigned code points (emoji)."""
AUTHLOGIC = "$pass.$salt"
"""The row's salt, beside the one in the text; Sorcery's pepper is behind it, where the format puts it."""
MATOMO = "md5($pass)"
GLPI = "$pass | decode_angles($pass)"
WINDOWS = "$pass | cp1252_or_utf8($pass)"
"""hMailServer hashes the Windows code page if an administrator set the password, else the bytes of the mail client."""
ZOPE = "latin1_or_utf8($pass) | $pass"

PHPASS = f"{WORDPRESS} | {PHPBB.removeprefix('$pass | ')}"
"""For `$P$` without a named product: WordPress, phpBB 3, Drupal, Joomla, osCommerce and TYPO3."""

OCTETS = "$pass | latin1_or_utf8($pass)"
"""For directories: raw, except for Zope, which shares their schemes."""
ALMOST_RAW = (LONG, STRIPPED, JAVA, OCTETS)
"""Interpretations whose products hash the password as typed at sign-in: Okta can import these hashes."""

BY_FORMAT: Mapping[str, str] = {
    "bcrypt": LONG,
    "phpass": PHPASS,
    "drupal7": TRIMMED,
    "wordpress_bcrypt": WORDPRESS,
    "bcrypt_of_hex_sha256": "$pass | cesu8($pass)",
    "django_bcrypt": STRIPPED,
    "django_bcrypt_sha256": STRIPPED,
    "django_pbkdf2": STRIPPED,
    "django_scrypt": STRIPPED,
    "django_scrypt_package": STRIPPED,
    "django_des_crypt": STRIPPED,
    "django_argon2": STRIPPED,
    "django_salted_md5": STRIPPED,
    "django_salted_sha1": STRIPPED,
    "aspnet_membership": MEMBERSHIP,
    "episerver": MEMBERSHIP,
    "ldap_sha1": OCTETS,
    "ldap_ssha": OCTETS,
    "better_auth": COMPATIBLE,
    "lucia": COMPATIBLE,
    "dovecot_scram": PREPARED,
    "xmpp_scram": XMPP,
    "shiro1": JAVA,
    "shiro2": JAVA,
    "hmailserver": WINDOWS,
    "mediawiki_a": MEDIAWIKI,
    "mediawiki_b": MEDIAWIKI,
    "mediawiki_pbkdf2": MEDIAWIKI,
    "mediawiki_pbkdf2_legacy": MEDIAWIKI,
    "mediawiki_argon2": MEDIAWIKI,
    "mediawiki_bcrypt": MEDIAWIKI,
    "vbulletin": VBULLETIN,
    "punbb": PUNBB,
    "cubecart": CUBECART,
    "dokeos": CHAMILO,
    "joomla15": TRIMMED,
    "magento1": TRIMMED,
    "moodle_md5": MOODLE_MD5,
    "prestashop_cookie_key": PRESTASHOP,
    "smf1": SMF,
    "smf21": SMF,
}
"""By the name of a format that implies its product, or that several products share."""
