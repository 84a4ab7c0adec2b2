"""scrypt in the layouts of single products that have no module of their own. Knows no layout of the great frameworks.

Cisco 9: N 16384, r 1, p 1, the salt as text, crypt(3)'s alphabet. Ruby's scrypt gem (Authlogic, Devise plugins): N, r,
p, salt and digest in hex. Stytch: the salt is not decoded but used as the text of its base64 in the URL alphabet, with
the options `n`, `r`, `p`. better-auth: hex of the salt, used as that text, and of the digest, N 16384, r 16, p 1.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from service.passwords.columns import DIGEST, number_option, salt_text, separated
from service.passwords.digests import digest
from service.passwords.encodings import CRYPT64, to_bytes, unbase64_alphabet, undigest_column, unhex
from service.passwords.format import Check, StoredHash
from service.passwords.scrypt import scrypt_check
from service.passwords.shape import Shape

CISCO = (16384, 1, 1)
FIRST_RUBY_KEY = 256
"""Bytes."""
BETTER_AUTH = (16384, 16, 1)
Derive = Callable[[bytes], bytes]
TO_URL = str.maketrans("+/", "-_")


def read_cisco(stored: StoredHash, match: re.Match[str]) -> Check:
    """Type 9."""
    key = unbase64_alphabet(match["digest"], CRYPT64)
    return scrypt_check(stored, CISCO, to_bytes(match["salt"], "ascii"), key)


def read_ruby(stored: StoredHash, match: re.Match[str]) -> Check:
    """All numbers in hex; the gem drops the zeros that a salt begins with."""
    n, r, p = (int(match[name], 16) for name in ("n", "r", "p"))
    return scrypt_check(stored, (n, r, p), unhex(match["salt"]).lstrip(b"\0"), unhex(match["digest"]))


def first_ruby(derive: Derive, secret: bytes) -> bytes:
    """The gem's first releases kept only SHA-1 of a long key."""
    return digest("sha1", derive(secret))


def read_first_ruby(stored: StoredHash, match: re.Match[str]) -> Check:
    """The text before the digest is the salt."""
    n, r, p = (int(match[name], 16) for name in ("n", "r", "p"))
    long = scrypt_check(stored, (n, r, p), to_bytes(match["setting"], "ascii"), bytes(FIRST_RUBY_KEY))
    return replace(long, derive=partial(first_ruby, long.derive), key=unhex(match["digest"]))


def read_stytch(stored: StoredHash, match: re.Match[str]) -> Check:
    """The salt's text in the URL alphabet, whichever its column has; defaults are those of Stytch's documentation."""
    cost = (number_option(stored, "n", 32768), number_option(stored, "r", 8), number_option(stored, "p", 1))
    salt = to_bytes(salt_text(separated(stored, match)).translate(TO_URL), "utf-8")
    return scrypt_check(stored, cost, salt, undigest_column(match["digest"]))


def read_better_auth(stored: StoredHash, match: re.Match[str]) -> Check:
    """The salt's hex digits are the salt."""
    return scrypt_check(stored, BETTER_AUTH, to_bytes(match["salt"], "ascii"), unhex(match["digest"]))


RUBY_COST = r"(?P<n>[0-9a-f]{1,8})\$(?P<r>[0-9a-f]{1,4})\$(?P<p>[0-9a-f]{1,4})\$"
RUBY = RUBY_COST + r"(?![0-9a-f]{40}\$)(?P<salt>(?:[0-9a-f]{2})+)\$(?P<digest>(?:[0-9a-f]{2}){16,})"
FIRST_RUBY = rf"(?P<setting>{RUBY_COST}(?P<salt>[0-9a-f]{{40}}))\$(?P<digest>[0-9a-f]{{40}})"

FORMATS = (
    Shape(
        "cisco_type9",
        re.compile(r"\$9\$(?P<salt>[./A-Za-z0-9]{1,32})\$(?P<digest>[./A-Za-z0-9]{43})"),
        read_cisco,
        aliases=("cisco_9", "cisco9"),
    ),
    Shape("ruby_scrypt", re.compile(RUBY), read_ruby, aliases=("authlogic_scrypt",)),
    Shape("ruby_first_scrypt", re.compile(FIRST_RUBY), read_first_ruby),
    Shape(
        "stytch_scrypt",
        re.compile(DIGEST),
        read_stytch,
        aliases=("stytch",),
        names_itself=False,
    ),
    Shape(
        "better_auth",
        re.compile(r"(?P<salt>[0-9a-f]{32}):(?P<digest>[0-9a-f]{128})"),
        read_better_auth,
        names_itself=False,
    ),
)
