"""Enterprise suites whose hashes are a formula. Knows names and layouts; computes nothing.

Sources, where hashcat has no mode: OFBiz's HashCrypt.
"""

import re

from service.passwords.encodings import HEX_DIGIT
from service.passwords.product import Product

_SSPR = (("0", "md5", 32), ("1", "sha1", 40), ("2", "sha1", 40), ("3", "sha256", 64), ("4", "sha512", 128))
FORMATS = (
    *(
        Product(
            f"sspr_{number}",
            f"{name}_bin^$iterations({'$salt.' if number > '1' else ''}$pass)",
            ("adobe_aem_sha256",) if number == "3" else (),
            re.compile(
                rf"\$sspr\${number}\$(?P<rounds>[0-9]{{1,9}})\$(?P<salt>[^$]*)\$(?P<digest>{HEX_DIGIT}{{{digits}}})"
            ),
            iterations=100_000,
        )
        for number, name, digits in _SSPR
    ),
    Product(
        "oracle_transportation_management",
        "sha256_bin^$iterations($salt.$pass)",
        ("otm_sha256",),
        re.compile(r"otm_sha256:(?P<rounds>[0-9]{1,9}):(?P<salt>[^:]*):(?P<digest>[A-Za-z0-9+/]{43}=)"),
        iterations=1000,
    ),
    Product(
        "netwitness",
        "sha256(sha256_hexupper($pass).unbase64($salt))",
        ("rsa_security_analytics",),
        re.compile(rf"(?P<digest>{HEX_DIGIT}{{64}}):(?P<salt>[A-Za-z0-9+/]+=*)"),
        names_itself=False,
    ),
    Product(
        "solarwinds",
        "sha512(pbkdf2_sha1_bin($pass, left($user.'1244352345234', 8), 1000, 1024))",
        ("solarwinds_orion",),
        re.compile(r"\$solarwinds\$0\$(?P<user>[^$]+)\$(?P<digest>[A-Za-z0-9+/]{86}==)"),
    ),
    Product(
        "solarwinds_v2",
        "sha512(pbkdf2_sha1_bin($pass, unbase64($salt), 1000, 1024))",
        ("solarwinds_orion_v2",),
        re.compile(r"\$solarwinds\$1\$(?P<salt>[A-Za-z0-9+/]+={0,2})\$(?P<digest>[A-Za-z0-9+/]{86}==)"),
    ),
    Product("peoplesoft", "sha1(utf16le($pass))", (), re.compile(r"(?P<digest>[A-Za-z0-9+/]{27}=)")),
    Product(
        "peoplesoft_token",
        "sha1(unhex($salt).utf16le($pass))",
        ("ps_token", "peoplesoft_ps_token"),
        re.compile(rf"(?P<digest>{HEX_DIGIT}{{40}}):(?P<salt>(?:{HEX_DIGIT}{{2}})+)"),
        names_itself=False,
    ),
    Product(
        "ofbiz",
        "sha1($salt.$pass)",
        ("ofbiz_sha",),
        re.compile(r"\$SHA(?:-1)?\$(?P<salt>[^$]{1,64})\$(?P<digest>[A-Za-z0-9_-]{27}=?)"),
    ),
)
