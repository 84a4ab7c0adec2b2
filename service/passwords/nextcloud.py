"""Nextcloud's and ownCloud's hashes: a version, a bar, and a hash of PHP's password_hash. Knows no other product.

Source: nextcloud/server lib/private/Security/Hasher.php: 1 is bcrypt, 2 argon2i, 3 argon2id.
"""

import re

from service.passwords.argon2 import ARGON2
from service.passwords.bcrypt import BCRYPT
from service.passwords.shape import Wrapped

FORMATS = (
    Wrapped(
        "nextcloud",
        re.compile(r"[123]\|"),
        (BCRYPT, ARGON2),
        aliases=("owncloud", "nextcloud_argon2id", "nextcloud_3_argon2id"),
    ),
)
