"""FSHP, the Fairly Secure Hashed Password: `{FSHPvariant|salt length|rounds}` and base64. Knows no others.

Source: bdd/fshp-is-not-secure-anymore and passlib: PBKDF1 (RFC 8018) with password and salt in each other's place.
"""

import re
from functools import partial

from service.passwords import limits
from service.passwords.comparison import Comparison
from service.passwords.digests import SIZES, digest
from service.passwords.encodings import unbase64
from service.passwords.format import Check, Executor, MalformedHash, StoredHash
from service.passwords.shape import Shape

VARIANTS = ("sha1", "sha256", "sha384", "sha512")
CHEAP = 50
"""Rounds that take microseconds."""


def fshp(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """Digest of salt and password, and of that again."""
    key = salt + secret
    for _ in range(rounds):
        key = digest(name, key)
    return key


def read_fshp(stored: StoredHash, match: re.Match[str]) -> Check:
    """The variant names the digest."""
    name, size = VARIANTS[int(match["variant"])], limits.number(match["size"])
    rounds, raw = limits.number(match["rounds"]), unbase64(match["digest"])
    limits.check_rounds(rounds)
    if len(raw) != size + SIZES[name]:
        raise MalformedHash("salt and digest have not the length that the hash tells")
    return Comparison(
        derive=partial(fshp, name, raw[:size], rounds),
        key=raw[size:],
        cost=f"fshp {name} x{rounds}",
        executor=Executor.INLINE if rounds <= CHEAP else Executor.PROCESS,
        charset=stored.recipe.charset,
    )


PATTERN = r"\{FSHP(?P<variant>[0-3])\|(?P<size>[0-9]+)\|(?P<rounds>[0-9]+)\}(?P<digest>[A-Za-z0-9+/]+={0,2})"

FORMATS = (Shape("fshp", re.compile(PATTERN), read_fshp),)
