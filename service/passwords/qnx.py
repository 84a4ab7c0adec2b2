"""QNX's shadow file: a digest of the salt and the password many times over; since QNX 7 PBKDF2. Knows no other system.

`@m@digest@salt` is MD5, `@s@` SHA-256, `@S@` SHA-512; `@S,5000@` says the rounds. Source:
hashcat's modes 19000 to 19210.
"""

import hashlib
import re
from functools import partial

from service.passwords import limits
from service.passwords.comparison import Comparison
from service.passwords.encodings import unbase64, unhex
from service.passwords.format import Check, Executor, MalformedHash, StoredHash, TooCostly
from service.passwords.pbkdf2 import pbkdf2_check
from service.passwords.shape import Shape

ROUNDS = 1000
PBKDF2_ROUNDS = 4096
MAX_ROUNDS = 100_000
"""Each hashes the whole password again; QNX's own is 1,000."""
DIGESTS = {"m": "md5", "s": "sha256", "S": "sha512"}
DIGITS = {"m": 32, "s": 64, "S": 128}


def qnx(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """The password once, and as often again as there are rounds."""
    hashed = hashlib.new(name, salt, usedforsecurity=False)
    for _ in range(rounds + 1):
        hashed.update(secret)
    return hashed.digest()


def read_qnx(stored: StoredHash, match: re.Match[str]) -> Check:
    """The salt as text."""
    rounds = limits.number(match["rounds"] or str(ROUNDS))
    if rounds > MAX_ROUNDS:
        raise TooCostly(f"{rounds} rounds are above {MAX_ROUNDS}")
    if len(match["digest"]) != DIGITS[match["name"]]:
        raise MalformedHash("the digest does not have the length of its function")
    name = DIGESTS[match["name"]]
    derive = partial(qnx, name, match["salt"].encode("ascii"), rounds)
    cost = f"qnx {name} x{rounds}"
    return Comparison(derive, unhex(match["digest"]), cost, Executor.PROCESS, stored.recipe.charset)


def read_qnx7(stored: StoredHash, match: re.Match[str]) -> Check:
    """Salt and digest in base64."""
    rounds = limits.number(match["rounds"] or str(PBKDF2_ROUNDS))
    return pbkdf2_check(stored, "sha512", rounds, unbase64(match["salt"]), unbase64(match["digest"]))


_ROUNDS = r"(?:,(?P<rounds>[0-9]{1,9}))?"
FORMATS = (
    Shape(
        "qnx",
        re.compile(rf"@(?P<name>[msS]){_ROUNDS}@(?P<digest>[0-9a-f]{{32,128}})@(?P<salt>[!-?A-~]{{1,64}})"),
        read_qnx,
        ("qnx_md5", "qnx_sha256", "qnx_sha512"),
    ),
    Shape(
        "qnx7",
        re.compile(rf"@S{_ROUNDS}@(?P<digest>[A-Za-z0-9+/]{{86}}==)@(?P<salt>[A-Za-z0-9+/]{{1,88}}={{0,2}})"),
        read_qnx7,
    ),
)
