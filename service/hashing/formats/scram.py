"""SCRAM (RFC 5802), in the layouts of PostgreSQL and passlib.

Both hash the password with PBKDF2 after SASLprep (RFC 4013); PostgreSQL uses a password that SASLprep rejects as it is.
"""

import hmac
import math
import re
import stringprep
import unicodedata
from collections.abc import Callable
from dataclasses import field
from functools import partial
from struct import pack, unpack

from service.hashing import limits
from service.hashing.check import Comparison
from service.hashing.digests import SIZES, digest
from service.hashing.encodings import unbase64, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, StoredHash
from service.hashing.formats.pbkdf2 import pbkdf2, pbkdf2_check
from service.hashing.shape import Shape
from service.immutable import immutable

# Dovecot's `{CRAM-MD5}`: the states of MD5 after the two padded HMAC keys, which are the password.
#
# CRAM-MD5 (RFC 2195) needs HMAC-MD5 keyed with the password, so the server stores the state of MD5 (RFC 1321) after the
# first block of each half. hashlib does not expose the state, so one block is computed here.

BLOCK = 64
WORD = 0xFFFFFFFF
START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
SINES = tuple(int(abs(math.sin(step + 1)) * 2**32) for step in range(64))
TURNS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
OUTER, INNER = 0x5C, 0x36
HALF = 16


def _mixed(turn: int, b: int, c: int, d: int) -> int:
    return ((b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d & WORD))[turn]


def md5_state(block: bytes) -> bytes:
    """Return the state after one block."""
    words, (a, b, c, d) = unpack("<16I", block), START
    for step in range(64):
        turn = step // 16
        place = (step, 5 * step + 1, 3 * step + 5, 7 * step)[turn] % 16
        mixed = a + _mixed(turn, b, c, d) + SINES[step] + words[place] & WORD
        by = TURNS[turn][step % 4]
        a, b, c, d = d, (b + (mixed << by | mixed >> 32 - by)) & WORD, b, c
    return pack("<4I", *((x + y) & WORD for x, y in zip(START, (a, b, c, d), strict=True)))


def cram_md5(length: int, secret: bytes) -> bytes:
    """Return both states, the outer first, truncated to the known length."""
    key = (digest("md5", secret) if len(secret) > BLOCK else secret).ljust(BLOCK, b"\0")
    return b"".join(md5_state(bytes(byte ^ pad for byte in key)) for pad in (OUTER, INNER))[:length]


def _read(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hash; one written for cracking tools has zeros in place of the inner state."""
    key = unhex(match["digest"])
    known = key[:HALF] if not any(key[HALF:]) else key
    return Comparison(partial(cram_md5, len(known)), known, "cram_md5", charset=stored.recipe.charset, padded=True)


CRAM_MD5_FORMATS = (
    Shape("dovecot_cram_md5", re.compile(r"(?i)\{(?:CRAM|HMAC)-MD5\}(?P<digest>[0-9a-f]{64})"), _read, ("cram_md5",)),
)


KEY = 32
"""Bytes of SHA-256."""
PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(password: str, *, query: bool = False) -> str:
    """Prepare a password, or return it unchanged if it is prohibited.

    A query (RFC 3454, section 7) may contain code points that Unicode 3.2 had not assigned, such as emoji.
    """
    mapped = "".join(_space(character) for character in password if not stringprep.in_table_b1(character))
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    return prepared if prepared and not _is_prohibited(prepared, query=query) else password


def postgres_saslprep(password: str) -> str:
    """Prepare a password as PostgreSQL does: with today's Unicode, after looking for what is prohibited.

    Source: postgres/postgres src/common/saslprep.c. A password that is prohibited is hashed unchanged.
    """
    mapped = "".join(
        _space(character)
        for character in password
        if stringprep.in_table_c12(character) or not stringprep.in_table_b1(character)
    )
    return unicodedata.normalize("NFKC", mapped) if mapped and not _is_prohibited(mapped, query=False) else password


def _space(character: str) -> str:
    return " " if stringprep.in_table_c12(character) else character


def _is_prohibited(text: str, *, query: bool) -> bool:
    tables = PROHIBITED if query else (*PROHIBITED, stringprep.in_table_a1)
    if any(table(character) for character in text for table in tables):
        return True
    right_to_left = [stringprep.in_table_d1(character) for character in text]
    if not any(right_to_left):
        return False
    mixed = any(stringprep.in_table_d2(character) for character in text)
    return mixed or not (right_to_left[0] and right_to_left[-1])


@immutable
class Prepared:
    """A check of the password after SASLprep."""

    inner: Comparison = field(repr=False)
    prepare: Callable[[str], str] = saslprep

    @property
    def executor(self) -> Executor:
        """The executor of PBKDF2."""
        return self.inner.executor

    @property
    def cost(self) -> str:
        """The cost of PBKDF2."""
        return self.inner.cost

    @property
    def work(self) -> float:
        """The work of PBKDF2."""
        return self.inner.work

    @property
    def looped(self) -> bool:
        """False: PBKDF2 hashes the password once."""
        return self.inner.looped

    def takes(self, password: str) -> bool:
        """Measure the typed password."""
        return self.inner.takes(password)

    def verify(self, password: str) -> bool:
        """Prepare, then compare."""
        return self.inner.verify(self.prepare(password))


def stored_key(salt: bytes, iterations: int, secret: bytes) -> bytes:
    """Return the value that PostgreSQL stores: the digest of the client key."""
    salted = pbkdf2("sha256", salt, iterations, KEY, secret)
    return digest("sha256", hmac.digest(salted, b"Client Key", "sha256"))


def read_postgres(_stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse iterations, salt and stored key; the server key adds no information."""
    iterations, key = limits.number(match["iterations"]), unbase64(match["digest"])
    work = limits.check_pbkdf2(iterations, KEY, KEY)
    if len(key) != KEY:
        raise MalformedHash("the stored key has the wrong length")
    derive = partial(stored_key, unbase64(match["salt"]), iterations)
    check = Comparison(derive, key, f"pbkdf2-sha256 {iterations}", Executor.THREAD, padded=True, work=work)
    return Prepared(check, postgres_saslprep)


def read_passlib(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse salted passwords under several digests; the strongest known digest is checked."""
    keys = {match[f"name{i}"]: match[f"digest{i}"] for i in range(1, MAX_KEYS + 1)}
    found = next((name for name in ("sha-512", "sha-256", "sha-1") if name in keys), None)
    if found is None:
        raise MalformedHash("none of the digests is known")
    name, key = found.replace("-", ""), unbase64(keys[found])
    if len(key) != SIZES[name]:
        raise MalformedHash("the digest has the wrong length")
    return Prepared(pbkdf2_check(stored, name, limits.number(match["iterations"]), unbase64(match["salt"]), key))


MAX_KEYS = 6
B64 = r"[A-Za-z0-9+/]+={0,2}"
POSTGRES = rf"SCRAM-SHA-256\$(?P<iterations>[0-9]+):(?P<salt>{B64})=*\$(?P<digest>{B64}):(?P<digest_of_server>{B64})"
KEYS = "(?:,".join(rf"(?P<name{i}>[a-z0-9-]+)=(?P<digest{i}>[A-Za-z0-9./]+)" for i in range(1, MAX_KEYS + 1))
PASSLIB = r"\$scram\$(?P<iterations>[0-9]+)\$(?P<salt>[A-Za-z0-9./]*)\$" + KEYS + ")?" * (MAX_KEYS - 1)

FORMATS = (
    Shape("postgres_scram_sha256", re.compile(POSTGRES), read_postgres, ("scram_sha_256", "postgres_scram")),
    Shape("passlib_scram", re.compile(PASSLIB), read_passlib, aliases=("scram",)),
)


# SCRAM's keys (RFC 5802, RFC 7677) as mail, chat and MongoDB servers store them.
#
# Dovecot: `{SCRAM-SHA-256}iterations,salt,stored key,server key`, base64. XMPP servers (ejabberd, Prosody, Openfire),
# as cracking tools write their columns: `$xmpp-scram$0$iterations$length$salt$stored key`, hex. MongoDB:
# `$mongodb-scram$*0*user* iterations*salt*server key`, base64, whose SHA-1 variant hashes the MD5 of
# `user:mongo:password`.

Scram = tuple[str, bytes, int]
"""The digest, the salt, the iterations."""


def _pbkdf2_comparison(derive: Callable[[bytes], bytes], parameters: Scram, key: bytes, *, padded: bool) -> Comparison:
    """Return a comparison with the cost of PBKDF2 with these parameters."""
    name, _, iterations = parameters
    work = limits.check_pbkdf2(iterations, SIZES[name], SIZES[name])
    return Comparison(derive, key, f"pbkdf2-{name} {iterations}", Executor.THREAD, padded=padded, work=work)


def stored_key_of(parameters: Scram, secret: bytes) -> bytes:
    """Return the digest of the client's key."""
    name, salt, iterations = parameters
    salted = pbkdf2(name, salt, iterations, SIZES[name], secret)
    return digest(name, hmac.digest(salted, b"Client Key", name))


def server_key(parameters: Scram, secret: bytes) -> bytes:
    """Return the server's key."""
    name, salt, iterations = parameters
    return hmac.digest(pbkdf2(name, salt, iterations, SIZES[name], secret), b"Server Key", name)


def mongodb_sha1(parameters: Scram, user: bytes, secret: bytes) -> bytes:
    """Return the server's key for MongoDB's MD5 of name and password."""
    return server_key(parameters, digest("md5", user + b":mongo:" + secret).hex().encode("ascii"))


def _checked(name: str, salt: bytes, match: re.Match[str], key: bytes) -> Scram:
    iterations = limits.number(match["iterations"])
    if len(key) != SIZES[name]:
        raise MalformedHash("the key has the wrong length")
    return name, salt, iterations


def read_stored(_stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse Dovecot's and the XMPP servers' layouts; their interpretations say how the password is prepared."""
    groups = match.groupdict()
    decode = unhex if "length" in groups else unbase64
    name, key = f"sha{groups.get('prf') or '1'}", decode(match["digest"])
    parameters = _checked(name, decode(match["salt"]), match, key)
    return _pbkdf2_comparison(partial(stored_key_of, parameters), parameters, key, padded=True)


def read_mongodb(_stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse variant 0 (SHA-1) or 1 (SHA-256)."""
    name, key = ("sha256" if match["variant"] == "1" else "sha1"), unbase64(match["digest"])
    parameters = _checked(name, unbase64(match["salt"]), match, key)
    if name == "sha256":
        return Prepared(_pbkdf2_comparison(partial(server_key, parameters), parameters, key, padded=True))
    derive = partial(mongodb_sha1, parameters, unbase64(match["user"]))
    return _pbkdf2_comparison(derive, parameters, key, padded=False)


_B64 = r"[A-Za-z0-9+/]+={0,2}"
_DOVECOT = (
    rf"(?i)\{{SCRAM-SHA-(?P<prf>1|256|512)\}}(?P<iterations>[0-9]+),(?P<salt>{_B64}),(?P<digest>{_B64}),"
    rf"(?P<digest_of_server>{_B64})"
)
_XMPP = (
    r"\$xmpp-scram\$0\$(?P<iterations>[0-9]+)\$(?P<length>[0-9]+)\$(?P<salt>(?:[0-9a-f]{2})+)\$(?P<digest>[0-9a-f]{40})"
)
_MONGODB = (
    rf"\$mongodb-scram\$\*(?P<variant>[01])\*(?P<user>{_B64})\*(?P<iterations>[0-9]+)"
    rf"\*(?P<salt>{_B64})\*(?P<digest>{_B64})"
)
LAYOUTS = (
    Shape("dovecot_scram", re.compile(_DOVECOT), read_stored),
    Shape("xmpp_scram", re.compile(_XMPP), read_stored, ("ejabberd", "prosody", "openfire")),
    Shape("mongodb_scram", re.compile(_MONGODB), read_mongodb, ("mongodb",)),
)
