"""Network devices and operating systems whose hashes are a formula. Knows names and layouts; computes nothing."""

import re

from service.passwords.encodings import HEX_DIGIT
from service.passwords.product import Product

_FORTINET = "a388ba2e424cb04a537930c13107cc3fa1329029a9815b70"
"""What Fortinet's devices hash behind every password."""
FORMATS = (
    Product("huawei", "sha1(md5($pass).$salt)", names_itself=False),
    Product(
        "citrix_netscaler",
        "sha1($salt.$pass.'\\0')",
        ("netscaler",),
        re.compile(rf"1(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{40}})"),
    ),
    Product(
        "citrix_netscaler_sha512",
        "sha512($salt.$pass.'\\0')",
        (),
        re.compile(rf"2(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{128}})"),
    ),
    Product(
        "fortios",
        f"sha1(unbase64($salt).$pass.unhex('{_FORTINET}'))",
        ("fortigate",),
        re.compile(r"AK1(?P<salt>[A-Za-z0-9+/]{16})(?P<digest>[A-Za-z0-9+/]{27}=)"),
    ),
    Product(
        "fortios_sha256",
        f"sha256(unbase64($salt).$pass.unhex('{_FORTINET}'))",
        ("fortigate256",),
        re.compile(r"SH2(?P<salt>[A-Za-z0-9+/]{16})(?P<digest>[A-Za-z0-9+/]{43}=)"),
    ),
    Product(
        "arubaos",
        "sha1(unhex($salt).$pass)",
        pattern=re.compile(rf"(?P<salt>{HEX_DIGIT}{{10}})(?P<digest>{HEX_DIGIT}{{40}})"),
        names_itself=False,
    ),
    Product(
        "macos_10_4",
        "sha1(unhex($salt).$pass)",
        ("macos_sha1",),
        re.compile(rf"(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{40}})"),
        names_itself=False,
    ),
    Product(
        "macos_10_7",
        "sha512(unhex($salt).$pass)",
        ("macos_sha512",),
        re.compile(rf"(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{128}})"),
        names_itself=False,
    ),
    Product(
        "nt",
        "md4(utf16le($pass))",
        ("nthash", "ntlm", "nt_hash", "ntlm_nt_hash"),
        re.compile(
            rf"(?:\$NT\$|\{{(?:NT|NTLM)\}}|ipaNTHash:+ *|sambaNTPassword:+ *)?"
            rf"(?P<digest>{HEX_DIGIT}{{32}}|[A-Za-z0-9+/_-]{{22}}(?:==)?)",
            re.IGNORECASE,
        ),
    ),
    Product(
        "msdcc",
        "md4(md4_bin(utf16le($pass)).utf16le(lower($user)))",
        ("mscache", "mscash", "dcc"),
        re.compile(rf"M\$(?P<user>[^#]*)#(?P<digest>{HEX_DIGIT}{{32}})"),
    ),
)
