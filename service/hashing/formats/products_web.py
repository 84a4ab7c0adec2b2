"""Web products whose hash is a formula: content management, forums, frameworks and shops.

Sources, where hashcat has no mode: Bitrix's CUser.
"""

import re

from service.hashing.encodings import HEX_DIGIT
from service.hashing.formats.product import Product

# Forums whose hashes are a formula.

FORUMS = (
    Product(
        "vbulletin",
        "md5(md5($pass).$salt) | md5(md5(latin1(numeric_entities($pass))).$salt)",
        ("vbulletin3", "vbulletin4", "vbulletin_md5"),
    ),
    Product(
        "phps",
        "md5(md5($pass).unhex($salt))",
        pattern=re.compile(rf"\$PHPS\$(?P<salt>(?:{HEX_DIGIT}{{2}})*)\$(?P<digest>{HEX_DIGIT}{{32}})"),
    ),
    Product("phpbb2_md5", "md5($pass) | md5(latin1(numeric_entities($pass)))", names_itself=False),
    Product("discuz_md5", "md5(md5($pass).$salt)", names_itself=False),
    Product("mybb", "md5(md5($salt).md5($pass))", ("mybb12", "mybb_ipb_md5")),
    Product(
        "ipb",
        "md5(md5($salt).md5($pass)) | md5(md5($salt).md5(invision($pass)))",
        ("ipb2", "ipb3", "invision", "mybb_ipb"),
    ),
    Product("smf_sha1", "sha1(strtolower($user).$pass) | sha1(lower($user).$pass)"),
    Product("smf1", "hmac_md5(strtolower($user), $pass)", ("smf10",), names_itself=False),
    Product(
        "smf21", "bcrypt(strtolower($user).$pass) | bcrypt(lower($user).$pass)", ("smf_bcrypt",), names_itself=False
    ),
    Product("punbb", "sha1($salt.sha1($pass))", unsalted="sha1($pass) | md5($pass)"),
    Product("fluxbb_sha1", "sha1($salt.sha1($pass))", names_itself=False, unsalted="sha1($pass) | md5($pass)"),
    Product("woltlab3", "sha1($salt.sha1($salt.sha1($pass)))", ("wbb3",)),
)


# Frameworks whose hashes are a formula.
#
# Sources, where hashcat has no mode: IonAuth's hash_password, Authlogic's Sha512, CakePHP's Security::hash, and the
# package passport-local-mongoose: SHA-256 since its version 3, and SHA-1, which Node had as the default, before.


def _restful(site_key: str, salt: str, rounds: int) -> str:
    """Return the formula: each round hashes the last digest, salt, password and site key, joined by `--`."""
    formula = site_key
    for _ in range(rounds):
        formula = f"sha1({formula}.'--'.{salt}.'--'.$pass.'--'.{site_key})"
    return formula


FRAMEWORKS = (
    Product(
        "restful_authentication",
        _restful("$pepper", "$salt", 10),
        ("rails_restful_auth", "rails_restful_authentication", "authlogic_sha1"),
        pepper_option="site_key",
        unpeppered=_restful("$salt2", "$salt1", 10),
        names_itself=False,
    ),
    Product(
        "restful_authentication_1",
        "sha1('--'.$salt.'--'.$pass.'--')",
        ("rails_restful_auth_one_round",),
        names_itself=False,
    ),
    Product("authlogic_sha512", "sha512_hex^20($pass.$salt)", (), names_itself=False),
    Product("coldfusion10", "sha256($salt.sha1_hexupper($pass))", ("coldfusion",), names_itself=False),
    Product("cakephp_digest", "sha1($pepper.$pass) | sha256($pepper.$pass) | md5($pepper.$pass)", names_itself=False),
    Product(
        "passport_local_mongoose",
        "pbkdf2_sha256($pass, $salt, $iterations, 512) | pbkdf2_sha1($pass, $salt, $iterations, 512)",
        names_itself=False,
        iterations=25_000,
    ),
    Product(
        "ionauth",
        "left(sha1($salt.$pass), 30)",
        ("ion_auth",),
        re.compile(r"(?P<salt>[0-9a-f]{10})(?P<digest>[0-9a-f]{30})"),
        names_itself=False,
    ),
)


# Shops whose hashes are a formula.

SHOPS = (
    Product("oscommerce_md5", "md5($salt.$pass)"),
    Product("zencart_digest", "md5($salt.$pass) | sha256($salt.$pass)", names_itself=False),
    Product("prestashop_cookie_key", "md5($pepper.$pass)", names_itself=False, unpeppered="md5($salt.$pass)"),
    Product("opencart_sha1", "sha1($salt.sha1($salt.sha1($pass))) | md5($pass)", unsalted="md5($pass)"),
    Product(
        "magento1",
        "md5($salt.$pass) | sha256($salt.$pass) | sha512($salt.$pass)",
        ("magento",),
        unsalted="md5($pass) | sha256($pass) | sha512($pass)",
    ),
    Product(
        "magento2_v0",
        "md5($salt.$pass)",
        ("magento_md5",),
        re.compile(rf"(?P<digest>{HEX_DIGIT}{{32}}):(?P<salt>[^:]*):0"),
    ),
    Product(
        "magento2_v1",
        "sha256($salt.$pass)",
        ("magento2_sha256", "magento_sha256"),
        re.compile(rf"(?P<digest>{HEX_DIGIT}{{64}}):(?P<salt>[^:]*):1"),
    ),
    Product(
        "magento2_upgraded",
        "sha256($salt.md5($salt.$pass))",
        (),
        re.compile(rf"(?P<digest>{HEX_DIGIT}{{64}}):(?P<salt>[^:]*):0:1"),
    ),
    Product(
        "cubecart", "md5(md5($salt).md5($pass)) | whirlpool($salt.$pass.$salt)", ("cubecart6",), names_itself=False
    ),
)


CONTENT = (
    Product(
        "e107_salted",
        "md5(md5($pass).$user)",
        pattern=re.compile(rf"\$E\$(?P<digest>{HEX_DIGIT}{{32}})"),
    ),
    Product("joomla15", "md5($pass.$salt)", ("joomla15_md5", "joomla_md5"), unsalted="md5($pass)"),
    Product(
        "joomla_sha256",
        "sha256($pass.$salt)",
        pattern=re.compile(rf"\{{SHA256\}}(?P<digest>{HEX_DIGIT}{{64}}):(?P<salt>.*)"),
    ),
    Product("moodle_md5", "md5($pass.$pepper) | md5($pass)", names_itself=False, unpeppered="md5($pass)"),
    Product("dokeos", "sha1($pass)", ("chamilo",), names_itself=False),
    Product("mediawiki_a", "md5($pass)", pattern=re.compile(rf":A:(?P<digest>{HEX_DIGIT}{{32}})")),
    Product(
        "mediawiki_b",
        "md5($salt.'-'.md5($pass))",
        ("mediawiki",),
        re.compile(rf"[:$]B[:$](?P<salt>[^:$]*)[:$](?P<digest>{HEX_DIGIT}{{32}})"),
    ),
    Product(
        "umbraco_hmac_sha1",
        "hmac_sha1(utf16le($pass), utf16le($pass))",
        ("umbraco4",),
        re.compile(r"(?P<digest>[A-Za-z0-9+/]{27}=)"),
    ),
    Product("kentico", "sha256($pass.$salt)", ("wso2",), names_itself=False),
    Product(
        "bitrix",
        "md5($salt.$pass)",
        ("1c_bitrix",),
        re.compile(rf"(?P<salt>[!-~]{{8}})(?P<digest>{HEX_DIGIT}{{32}})"),
        names_itself=False,
    ),
    Product(
        "empirecms",
        "md5($salt2.'E!m^p-i(r#e.C:M?S'.md5(md5($pass).$salt1).'d)i.g^o-d'.$salt1)",
        ("empire_cms",),
        names_itself=False,
    ),
)
