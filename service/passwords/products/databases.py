"""Databases whose hashes are a formula. Knows names and layouts; computes nothing."""

import re

from service.passwords.encodings import HEX_DIGIT
from service.passwords.product import Product

FORMATS = (
    Product(
        "mysql41",
        "sha1(sha1_bin($pass))",
        ("mysql5", "mysql_native_password"),
        re.compile(rf"\*(?P<digest>{HEX_DIGIT}{{40}})"),
    ),
    Product(
        "postgres_md5",
        "md5($pass.$user)",
        ("postgresql_md5",),
        re.compile(rf"md5(?P<digest>{HEX_DIGIT}{{32}})(?::(?P<user>.*))?"),
    ),
    Product(
        "mssql2005",
        "sha1(utf16le($pass).unhex($salt))",
        ("mssql2008",),
        re.compile(rf"0x0100(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{40}})", re.IGNORECASE),
    ),
    Product(
        "mssql2012",
        "sha512(utf16le($pass).unhex($salt))",
        ("mssql2014", "mssql2016"),
        re.compile(rf"0x0200(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{128}})", re.IGNORECASE),
    ),
    Product(
        "oracle11",
        "sha1($pass.unhex($salt))",
        ("oracle11g", "oracle11g_s", "oracle_s"),
        re.compile(rf"(?:S:)?(?P<digest>{HEX_DIGIT}{{40}}):?(?P<salt>{HEX_DIGIT}{{20}})(?:;H:{HEX_DIGIT}{{32}})?;?"),
    ),
    Product(
        "oracle12",
        "sha512(pbkdf2_sha512_bin($pass, unhex($salt).'AUTH_PBKDF2_SPEEDY_KEY', 4096, 64).unhex($salt))",
        ("oracle12c", "oracle_t"),
        re.compile(rf"(?:.*;)?(?:T:)?(?P<digest>{HEX_DIGIT}{{128}})(?P<salt>{HEX_DIGIT}{{32}});?"),
    ),
    Product(
        "mongodb_cr",
        "md5($user.':mongo:'.$pass)",
        (),
        re.compile(rf"(?:\$mongodb\$0\$(?P<user>[^$]+)\$)?(?P<digest>{HEX_DIGIT}{{32}})"),
        names_itself=False,
    ),
)
