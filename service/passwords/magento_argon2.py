"""Magento 2's argon2 hashes, `digest:salt:versions`, also over older ones. Knows no Magento hash without argon2.

Source: magento2 lib/internal/Magento/Framework/Encryption/Encryptor.php. Each version is applied to what the one before
made: 0 and 1 are MD5 and SHA-256 of the salt and that; 2 is argon2id with libsodium's interactive parameters, and
`3_length_passes_memory` names them.
"""

import re
from collections.abc import Callable
from functools import partial

from service.passwords import limits
from service.passwords.argon2 import argon2_check
from service.passwords.comparison import Comparison
from service.passwords.digests import digest
from service.passwords.encodings import to_bytes, unhex
from service.passwords.format import Check, StoredHash
from service.passwords.shape import Shape

SALT = 16
"""Bytes that libsodium takes: a longer salt is cut, a shorter one repeated."""
INTERACTIVE = (65536, 2, 1)
"""Memory in KiB, passes, lanes."""
ARGON2_VERSION = 19
Derive = Callable[[bytes], bytes]
DIGESTS = {"0": "md5", "1": "sha256"}


def chained(salt: bytes, older: tuple[str, ...], derive: Derive, secret: bytes) -> bytes:
    """argon2 of the hex of the older digests."""
    for version in older:
        secret = digest(DIGESTS[version], salt + secret).hex().encode("ascii")
    return derive(secret)


def read_magento(stored: StoredHash, match: re.Match[str]) -> Check:
    """The last version is the slow one."""
    cost = INTERACTIVE
    if match["passes"]:
        cost = (limits.number(match["memory"]) // 1024, limits.number(match["passes"]), 1)
    salt = to_bytes(match["salt"], "utf-8")
    repeated = (salt * SALT)[:SALT]
    last = argon2_check(stored, "id", ARGON2_VERSION, cost, repeated, unhex(match["digest"]))
    older = tuple(match["older"].split(":")[:-1])
    derive = partial(chained, salt, older, last.derive)
    return Comparison(derive, last.key, last.cost, last.executor, last.charset)


PATTERN = (
    r"(?P<digest>[0-9a-f]{64}):(?P<salt>[^:]+):(?P<older>(?:[01]:)*)"
    r"(?:[23]|3_[0-9]+_(?P<passes>[0-9]+)_(?P<memory>[0-9]+))"
)

FORMATS = (
    Shape(
        "magento_argon2", re.compile(PATTERN), read_magento, aliases=("magento2_argon2", "magento2_v2", "magento2_v3")
    ),
)
