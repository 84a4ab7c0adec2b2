"""bcrypt in its variants. Knows no store, no thread, and nothing that applications wrap around it.

Algorithm: Provos and Mazières, USENIX 1999. `$2a$`, `$2b$` and `$2y$` name one computation. `$2$` and `$2x$` name two
historical faults (https://www.openwall.com/crypt/), which differ only in how the password becomes the 72 bytes of key,
so they are imitated there. Old stores cut a password at 72 bytes without a word, and so do we.
"""

import re
from collections.abc import Callable
from functools import partial

from service.passwords import fast_bcrypt, limits
from service.passwords.comparison import Comparison
from service.passwords.encodings import BCRYPT64
from service.passwords.format import Check, Executor, StoredHash
from service.passwords.shape import Shape

KEY = 72
"""Bytes of key that bcrypt reads."""
TAIL = r"(?P<cost>[0-9]{2})\$(?P<salt>[./A-Za-z0-9]{22})(?P<digest>[./A-Za-z0-9]{31})"
ANY = r"\$2(?P<variant>[abxy]?)\$" + TAIL

Prepare = Callable[[bytes], bytes]


def plain(secret: bytes) -> bytes:
    """The key as `$2a$`, `$2b$` and `$2y$` take it."""
    return secret


def hash_bcrypt(secret: bytes, salt: bytes, variant: Prepare = plain) -> bytes:
    """Hash the first 72 bytes of `secret` under `salt`: `$2b$`, cost and 22 characters. All bcrypt passes here.

    A secret that only a NUL makes look like another has no hash, and gives nothing.
    """
    return b"" if _is_disguised(secret) else fast_bcrypt.hash_bcrypt(variant(secret)[:KEY], salt)


def _is_disguised(secret: bytes) -> bool:
    """The key is repeated with a NUL between, so `a` NUL `a` would be the same as `a`."""
    head, nul, _ = secret.partition(b"\0")
    return bool(nul) and unterminated(head + b"\0") == unterminated(secret + b"\0")


def sign_extended(secret: bytes) -> bytes:
    """The key as the faulty `$2x$` takes it: a byte of the upper half overwrites those before it in its word."""
    cycle = secret + b"\0"
    words = [0] * (KEY // 4)
    for i in range(KEY):
        byte = cycle[i % len(cycle)]
        signed = byte | 0xFFFFFF00 if byte & 0x80 else byte
        words[i // 4] = (words[i // 4] << 8 | signed) & 0xFFFFFFFF
    return b"".join(word.to_bytes(4, "big") for word in words)


def unterminated(secret: bytes) -> bytes:
    """The key as the first `$2$` takes it: repeated without the NUL that later ended it."""
    return (secret * (KEY // max(1, len(secret)) + 1))[:KEY]


VARIANTS: dict[str, Prepare] = {"x": sign_extended, "": unterminated}


def with_pepper(pepper: bytes, secret: bytes) -> bytes:
    """The pepper behind the password, as Devise has it."""
    return secret + pepper


def derive(prepare: Prepare, variant: Prepare, salt: bytes, secret: bytes) -> bytes:
    """The 31 characters of digest."""
    return hash_bcrypt(prepare(secret), salt, variant)[-31:]


def read_bcrypt(prepare: Prepare, stored: StoredHash, match: re.Match[str], *, times: int = 1) -> Check:
    """A check of the cost, salt and digest in `match`, on passwords that `prepare` has changed first."""
    cost = limits.number(match["cost"])
    limits.check_bcrypt(cost + times - 1)
    variant = VARIANTS.get(match["variant"], plain) if "variant" in match.re.groupindex else plain
    return Comparison(
        derive=partial(derive, prepare, variant, salt_of(match)),
        key=_tidy(match["digest"]),
        cost=f"bcrypt {cost}" + (f" x{times}" if times > 1 else ""),
        executor=Executor.THREAD,
        charset=stored.recipe.charset,
    )


def salt_of(match: re.Match[str]) -> bytes:
    """The salt of a match of `TAIL`, as `hash_bcrypt` takes it."""
    return f"$2b${int(match['cost']):02}$".encode("ascii") + _tidy(match["salt"])


def _tidy(text: str) -> bytes:
    """Clear the spare bits of the last character, which some writers fill and the bcrypt package refuses."""
    spare = len(text) * 6 % 8
    # Decoding and encoding it all gives the same, and took most of the time of loading a million bcrypt hashes.
    return (text[:-1] + BCRYPT64[BCRYPT64.index(text[-1]) >> spare << spare]).encode("ascii")


def read_plain(stored: StoredHash, match: re.Match[str]) -> Check:
    """The password, and the pepper behind it where the source has one."""
    return read_bcrypt(partial(with_pepper, stored.pepper) if stored.pepper else plain, stored, match)


BCRYPT = Shape("bcrypt", re.compile(ANY), read_plain, aliases=("bcrypt_2a", "bcrypt_2b", "bcrypt_2y", "bcrypt_2x"))

FORMATS = (BCRYPT,)
