"""Digests over password and salt as many products make them, named for what they are. Computes nothing."""

import re

from service.passwords.encodings import HEX_DIGIT
from service.passwords.product import Product

_UNSALTED = (
    "md5",
    "md4",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "sha3_224",
    "sha3_256",
    "sha3_384",
    "sha3_512",
    "keccak_224",
    "keccak_256",
    "keccak_384",
    "keccak_512",
    "ripemd160",
    "sm3",
    "whirlpool",
    "blake2s",
    "blake2b",
)
_RAW = tuple(
    Product(name, f"{name}($pass)", (f"hex_{name}", f"{name}_hex", f"raw_{name}", f"{name}_base64", f"unsalted_{name}"))
    for name in _UNSALTED
)
_SALTED = tuple(
    Product(f"{name}_{suffix}", formula.replace("HASH", name), names_itself=suffix in {"pass_salt", "salt_pass"})
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
    for suffix, formula in (
        ("pass_salt", "HASH($pass.$salt)"),
        ("salt_pass", "HASH($salt.$pass)"),
        ("salt_pass_salt", "HASH($salt.$pass.$salt)"),
        ("utf16le", "HASH(utf16le($pass))"),
        ("utf16le_pass_salt", "HASH(utf16le($pass).$salt)"),
        ("salt_utf16le_pass", "HASH($salt.utf16le($pass))"),
    )
)
_KEYED = tuple(
    Product(f"hmac_{name}_key_{key}", f"hmac_{name}({arguments})", names_itself=False)
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
    for key, arguments in (
        ("salt", "$salt, $pass"),
        ("pass", "$pass, $salt"),
        ("pepper", "$pepper, $pass"),
    )
)
_CUT = (
    Product(
        "half_md5", "left(md5($pass), 16)", pattern=re.compile(rf"(?P<digest>{HEX_DIGIT}{{16}})"), names_itself=False
    ),
)
FORMATS = (*_RAW, *_SALTED, *_KEYED, *_CUT)
