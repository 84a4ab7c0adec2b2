"""What Azure AD Connect sends of a domain's passwords: `v1;PPH1_MD4,salt,iterations,digest;`. Knows no domain.

PBKDF2-SHA256 of the NT hash, written in upper-case hex in UTF-16. Source: dsinternals, hashcat mode 12800.
"""

import re
from functools import partial

from service.passwords import limits
from service.passwords.comparison import Comparison
from service.passwords.digests import digest
from service.passwords.encodings import unhex
from service.passwords.format import Check, Executor, StoredHash
from service.passwords.pbkdf2 import pbkdf2
from service.passwords.shape import Shape

KEY = 32
"""Bytes."""


def azure(salt: bytes, iterations: int, secret: bytes) -> bytes:
    """PBKDF2 of the NT hash of a password in UTF-16."""
    nt = digest("md4", secret).hex().upper().encode("utf-16-le")
    return pbkdf2("sha256", salt, iterations, KEY, nt)


def read_azure(_stored: StoredHash, match: re.Match[str]) -> Check:
    """The charset is Windows's, whatever the source says."""
    iterations = limits.number(match["iterations"])
    limits.check_pbkdf2(iterations, KEY, KEY)
    derive = partial(azure, unhex(match["salt"]), iterations)
    return Comparison(derive, unhex(match["digest"]), f"pbkdf2-sha256 {iterations}", Executor.THREAD, "utf-16-le")


PATTERN = r"(?i)v1;PPH1_MD4,(?P<salt>(?:[0-9a-f]{2})+),(?P<iterations>[0-9]+),(?P<digest>[0-9a-f]{64});?"

FORMATS = (Shape("azure_ad_connect", re.compile(PATTERN), read_azure, aliases=("aad", "pph1_md4", "aad_connect")),)
