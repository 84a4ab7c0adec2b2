"""Products that publish or teach, whose hashes are a formula. Knows names and layouts; computes nothing.

Sources, where hashcat has no mode: Bitrix's CUser.
"""

import re

from service.passwords.encodings import HEX_DIGIT
from service.passwords.product import Product

FORMATS = (
    Product("joomla15", "md5($pass.$salt)", ("joomla15_md5", "joomla_md5")),
    Product("moodle_md5", "md5($pass.$pepper)", names_itself=False, unpeppered="md5($pass)"),
    Product("dokeos", "sha1($pass)", ("chamilo",), names_itself=False),
    Product("mediawiki_a", "md5($pass)", pattern=re.compile(rf":A:(?P<digest>{HEX_DIGIT}{{32}})")),
    Product(
        "mediawiki_b",
        "md5($salt.'-'.md5($pass))",
        ("mediawiki",),
        re.compile(rf"[:$]B[:$](?P<salt>[^:$]*)[:$](?P<digest>{HEX_DIGIT}{{32}})"),
    ),
    Product(
        "umbraco",
        "hmac_sha1(utf16le($pass), utf16le($pass))",
        ("umbraco_hmac_sha1", "umbraco4"),
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
