"""Symfony's encoders before PHP's password_hash (FOSUserBundle), with the salt in a column. Knows no other product.

MessageDigestPasswordEncoder: a digest of `password{salt}`, then again and again of the digest and `password{salt}`;
SHA-512 and 5,000 rounds unless the option `algorithm` or the iterations of the source say otherwise.
Pbkdf2PasswordEncoder: SHA-512, 1,000 iterations, 40 bytes. Both in base64, or hex.
"""

import re
from functools import partial

from service.passwords import limits
from service.passwords.columns import DIGEST, iterations_of, option, salt_of, separated
from service.passwords.comparison import Comparison
from service.passwords.digests import SIZES, digest, weight
from service.passwords.encodings import undigest, undigest_column
from service.passwords.format import Check, Executor, MalformedHash, StoredHash
from service.passwords.pbkdf2 import PRFS, pbkdf2_check
from service.passwords.shape import Shape

DIGEST_ROUNDS = 5000
PBKDF2_ITERATIONS = 1000


def message_digest(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """The first round and those after it; an empty salt leaves its braces out too."""
    salted = secret + (b"{" + salt + b"}" if salt else b"")
    key = digest(name, salted)
    for _ in range(rounds - 1):
        key = digest(name, key + salted)
    return key


def read_message_digest(stored: StoredHash, match: re.Match[str]) -> Check:
    """No salt column is an empty salt."""
    name, rounds = option(stored, "algorithm", "sha512").lower(), iterations_of(stored, DIGEST_ROUNDS)
    if name not in SIZES:
        raise MalformedHash("the option algorithm names no digest that is known")
    limits.check_rounds(rounds * weight(name))
    row = separated(stored, match)
    salt = salt_of(row) if row.salt else b""
    return Comparison(
        derive=partial(message_digest, name, salt, rounds),
        key=undigest(match["digest"], SIZES[name]),
        cost=f"symfony {name} x{rounds}",
        executor=Executor.PROCESS,
        charset=stored.recipe.charset,
    )


def read_pbkdf2(stored: StoredHash, match: re.Match[str]) -> Check:
    """The length of the digest is the length of the key."""
    name = option(stored, "algorithm", "sha512").lower()
    if name not in PRFS:
        raise MalformedHash("the option algorithm names no digest that PBKDF2 is known with")
    key = undigest_column(match["digest"])
    return pbkdf2_check(stored, name, iterations_of(stored, PBKDF2_ITERATIONS), salt_of(separated(stored, match)), key)


FORMATS = (
    Shape(
        "symfony_message_digest",
        re.compile(DIGEST),
        read_message_digest,
        aliases=("symfony_sha512", "fosuserbundle"),
        names_itself=False,
    ),
    Shape("symfony_pbkdf2", re.compile(DIGEST), read_pbkdf2, names_itself=False),
)
