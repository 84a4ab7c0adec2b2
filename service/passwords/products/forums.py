"""Forums whose hashes are a formula. Knows names and layouts; computes nothing."""

import re

from service.passwords.encodings import HEX_DIGIT
from service.passwords.product import Product

FORMATS = (
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
    Product("phpbb2", "md5($pass) | md5(latin1(numeric_entities($pass)))", ("phpbb2_md5",), names_itself=False),
    Product("mybb", "md5(md5($salt).md5($pass))", ("mybb12", "mybb_ipb_md5")),
    Product(
        "ipb",
        "md5(md5($salt).md5($pass)) | md5(md5($salt).md5(invision($pass)))",
        ("ipb2", "ipb3", "invision", "mybb_ipb"),
    ),
    Product("smf", "sha1(strtolower($user).$pass) | sha1(lower($user).$pass)", ("smf11", "smf2", "smf_sha1")),
    Product("smf1", "hmac_md5(strtolower($user), $pass)", ("smf10",), names_itself=False),
    Product("smf21", "bcrypt(strtolower($user).$pass)", ("smf_bcrypt",), names_itself=False),
    Product("punbb", "sha1($salt.sha1($pass))"),
    Product("fluxbb", "sha1($pass)", names_itself=False),
    Product("woltlab3", "sha1($salt.sha1($salt.sha1($pass)))", ("wbb3",)),
)
