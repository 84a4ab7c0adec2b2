"""Shops whose hashes are a formula. Knows names and layouts; computes nothing."""

import re

from service.passwords.encodings import HEX_DIGIT
from service.passwords.product import Product

FORMATS = (
    Product("oscommerce", "md5($salt.$pass)", ("oscommerce_md5", "xtcommerce", "zencart", "prestashop")),
    Product("prestashop_cookie_key", "md5($pepper.$pass)", names_itself=False),
    Product("opencart", "sha1($salt.sha1($salt.sha1($pass)))"),
    Product("magento1", "md5($salt.$pass) | sha256($salt.$pass)", ("magento",), unsalted="md5($pass) | sha256($pass)"),
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
