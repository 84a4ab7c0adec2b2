"""phpass's portable hashes (WordPress before 6.8, phpBB 3) and Drupal 7's, which iterate a digest.

Each round hashes the last digest and the password again. No C library offers the loop, so it runs in Python, in a
worker process. https://www.openwall.com/phpass/ and Drupal's includes/password.inc.
"""

import hashlib
import re
from functools import partial

from service.hashing import limits
from service.hashing.check import Comparison
from service.hashing.crypt_loops import encode_little
from service.hashing.digests import for_rounds
from service.hashing.encodings import CRYPT64
from service.hashing.executor import Executor
from service.hashing.format import Check, StoredHash, TooCostly
from service.hashing.formats.bcrypt import derive, plain, salt_of
from service.hashing.shape import Shape

MAX_LOG_ROUNDS = 18
"""0.6 s of SHA-512. Drupal's default is 15 or 16, phpass's 8, WordPress's 13."""
_DIGIT = r"[./0-9A-Za-z]"


def stretched(algorithm: str, rounds: int, salt: bytes, length: int, secret: bytes) -> bytes:
    """Return the first `length` characters of the encoded digest."""
    hashed = for_rounds(algorithm)
    digest = hashed(salt + secret)
    for _ in range(rounds):
        digest = hashed(digest + secret)
    return encode_little(digest)[:length].encode("ascii")


def upgraded(algorithm: str, rounds: int, salt: bytes, length: int, secret: bytes) -> bytes:
    """Hash for Drupal's in-place upgrade of unsalted MD5 (`U$S$`): the password is the MD5 in hex."""
    inner = hashlib.md5(secret, usedforsecurity=False).hexdigest().encode("ascii")
    return stretched(algorithm, rounds, salt, length, inner)


def read(algorithm: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hash; its cost is the logarithm of the rounds."""
    log_rounds = CRYPT64.index(match["cost"])
    if log_rounds > MAX_LOG_ROUNDS:
        raise TooCostly(f"phpass with 2 ** {log_rounds} rounds is above 2 ** {MAX_LOG_ROUNDS}")
    digest = match["digest"].encode("ascii")
    function = stretched if match["upgraded"] is None else upgraded
    salt = match["salt"].encode("ascii")
    return Comparison(
        derive=partial(function, algorithm, 1 << log_rounds, salt, len(digest)),
        key=digest,
        cost=f"phpass {algorithm} {log_rounds}",
        executor=Executor.PROCESS,
        charset=stored.recipe.charset,
        work=2.0 ** (log_rounds - MAX_LOG_ROUNDS),
        looped=function is stretched,
    )


_HEAD = rf"(?P<cost>{_DIGIT})(?P<salt>{_DIGIT}{{8}})"
FORMATS = (
    Shape(
        "phpass",
        re.compile(rf"(?P<upgraded>U)?\$[PH]\${_HEAD}(?P<digest>{_DIGIT}{{22}})"),
        partial(read, "md5"),
        ("wordpress", "phpass_portable"),
    ),
    Shape(
        "drupal7",
        re.compile(rf"(?P<upgraded>U)?\$S\${_HEAD}(?P<digest>{_DIGIT}{{43,86}})"),
        partial(read, "sha512"),
        ("phpass_sha512",),
    ),
)


# phpBB's combined hashes: bcrypt over the digest of a phpass hash, created from old rows by its task update_hashes.
#
# Source: phpBB 3.3, phpbb/passwords/helper.php. The settings are between the prefixes and the digest, with a backslash
# in place of their `$`.


def bcrypt_of_phpass(rounds: int, salt: bytes, outer: bytes, secret: bytes) -> bytes:
    """Return the 31 characters of bcrypt's digest over the 22 characters of phpass's."""
    return derive(partial(stretched, "md5", rounds, salt, INNER), plain, outer, secret)


def read_combined(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse both hashes; their costs are added."""
    log_rounds, cost = CRYPT64.index(match["rounds"]), limits.number(match["cost"])
    if log_rounds > MAX_LOG_ROUNDS:
        raise TooCostly(f"phpass with 2 ** {log_rounds} rounds is above 2 ** {MAX_LOG_ROUNDS}")
    return Comparison(
        derive=partial(bcrypt_of_phpass, 1 << log_rounds, match["salt_inner"].encode("ascii"), salt_of(match)),
        key=match["digest"].encode("ascii"),
        cost=f"phpass md5 {log_rounds} + bcrypt {cost}",
        executor=Executor.PROCESS,
        charset=stored.recipe.charset,
        work=2.0 ** (log_rounds - MAX_LOG_ROUNDS) + limits.check_bcrypt(cost, 1),
        looped=True,
    )


INNER = 22
"""Characters of phpass's digest."""
PHPBB_COMBINED = Shape(
    "phpbb_combined",
    re.compile(
        rf"\$[HP]\\2[aby]\$(?P<rounds>{_DIGIT})(?P<salt_inner>{_DIGIT}{{8}})\$(?P<cost>[0-9]{{2}})\\"
        rf"(?P<salt>{_DIGIT}{{22}})\$(?P<digest>{_DIGIT}{{31}})"
    ),
    read_combined,
)
