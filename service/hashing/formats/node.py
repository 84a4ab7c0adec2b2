"""Hashes of Node.js packages and of products that use them: @phc/bcrypt, scrypt-kdf, password-hash and Payload.

- @phc/bcrypt (AdonisJS 5 and later): `$bcrypt$v=98$r=10$salt$digest`, where v is the code of the variant's letter, in
  standard base64 instead of bcrypt's alphabet. Source: npm @adonisjs/hash.
- scrypt-kdf (Medusa, HedgeDoc, CodiMD): a file header of Colin Percival's scrypt, 96 bytes in base64 or hex. Bytes 0-5
  `scrypt`, 6 version, 7 log2 N, 8-11 r, 12-15 p, 16-47 salt, 48-63 the beginning of SHA-256 of the preceding bytes,
  64-95 HMAC-SHA256 of the preceding bytes keyed with the second half of a 64-byte key. Source: npm scrypt-kdf,
  scrypt.js.
- password-hash: `sha1$salt$rounds$hex`, each round an HMAC of the last one's hex keyed with the text of the salt.
  Source: npm password-hash, lib/password-hash.js.
- Payload: PBKDF2-SHA256 with a salt column used as text, 25,000 iterations and 512 bytes, or with the prefix
  `pbkdf2-sha256-v1:` 600,000 and 32 bytes. Source: npm payload, auth/strategies/local.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import replace
from functools import partial

from service.hashing import limits
from service.hashing.check import Comparison
from service.hashing.columns import salt_text
from service.hashing.digests import keyed_digest
from service.hashing.encodings import BCRYPT64, HEX, STANDARD64, to_base64_alphabet, to_bytes, unbase64, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, Format, MalformedHash, StoredHash
from service.hashing.formats.bcrypt import BCRYPT
from service.hashing.formats.pbkdf2 import pbkdf2_check
from service.hashing.formats.scrypt import power_of_two, scrypt, scrypt_check
from service.hashing.shape import Shape

VARIANTS = {97: "a", 98: "b", 121: "y"}
"""By the code of the letter."""
CONTAINER_KEY = 64
PAYLOAD = 25_000
"""Iterations; those of the prefixed form are `PAYLOAD_V1`."""
PAYLOAD_V1 = 600_000
INLINE_ROUNDS = 50
"""Rounds of HMAC that take less time than a hand-over to a thread."""


def read_phc_bcrypt(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hash after re-encoding it in bcrypt's own alphabet."""
    variant = VARIANTS.get(limits.number(match["v"]))
    if variant is None:
        raise MalformedHash("the hash names a variant of bcrypt that is not known")
    salt, digest = (to_base64_alphabet(unbase64(match[name]), BCRYPT64) for name in ("salt", "digest"))
    text = f"$2{variant}${limits.number(match['r']):02}${salt}{digest}"
    return BCRYPT.parse(replace(stored, hash=text))


def container_key(cost: tuple[int, int, int], salt: bytes, header: bytes, secret: bytes) -> bytes:
    """Return the HMAC at the end of the header."""
    key = scrypt(*cost, salt, CONTAINER_KEY, secret)
    return hmac.digest(key[32:], header, "sha256")


def read_container(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the header; its digest distinguishes it from any other text of this length."""
    raw = unhex(match[0]) if HEX.fullmatch(match[0]) else unbase64(match[0])
    if raw[:7] != b"scrypt\0" or hashlib.sha256(raw[:48]).digest()[:16] != raw[48:64]:
        raise MalformedHash("the header of scrypt is damaged")
    r, p = int.from_bytes(raw[8:12], "big"), int.from_bytes(raw[12:16], "big")
    cost, salt, key = (power_of_two(raw[7]), r, p), raw[16:48], raw[64:96]
    check = scrypt_check(stored, cost, salt, key)
    return replace(check, derive=partial(container_key, cost, salt, raw[:64]))


class ScryptContainer(Shape):
    """A format whose dummy hash recomputes the header's digest for the new salt."""

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Replace the salt, and recompute the digest of the header."""
        match = self._require(stored.hash)
        in_hex = HEX.fullmatch(match[0]) is not None
        raw = unhex(match[0]) if in_hex else unbase64(match[0])
        return replace(stored, hash=_container(raw, in_hex=in_hex))


def hmac_rounds(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """Return the digest of the last round."""
    for _ in range(rounds - 1):
        secret = keyed_digest(name, salt, secret).hex().encode("ascii")
    return keyed_digest(name, salt, secret)


def read_password_hash(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse name, salt, rounds and digest."""
    name, rounds = match["name"], limits.number(match["rounds"])
    limits.check_rounds(2 * rounds)
    return Comparison(
        partial(hmac_rounds, name, to_bytes(match["salt"], "utf-8"), rounds),
        unhex(match["digest"]),
        f"hmac-{name}" + (f" x{rounds}" if rounds > 1 else ""),
        Executor.INLINE if rounds <= INLINE_ROUNDS else Executor.PROCESS,
        stored.recipe.charset,
    )


def read_payload(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a digest in hex with a salt column."""
    iterations = PAYLOAD_V1 if match["mark"] else PAYLOAD
    return pbkdf2_check(stored, "sha256", iterations, to_bytes(salt_text(stored), "utf-8"), unhex(match["digest"]))


PHC_BCRYPT = re.compile(
    r"\$bcrypt\$v=(?P<v>[0-9]+)\$r=(?P<r>[0-9]+)\$(?P<salt>[A-Za-z0-9+/]{22})\$(?P<digest>[A-Za-z0-9+/]{31})"
)
CONTAINER = re.compile(r"c2NyeXB0A[A-Za-z0-9+/]{119}|736372797074[0-9a-fA-F]{180}")
PASSWORD_HASH = re.compile(
    r"(?P<name>md5|sha1|sha224|sha256|sha384|sha512)\$(?P<salt>[^$]*)\$(?P<rounds>[0-9]{1,7})\$"
    r"(?P<digest>(?:[0-9a-f]{2}){16,64})"
)
PAYLOADS = re.compile(r"(?P<mark>pbkdf2-sha256-v1:)(?P<digest>[0-9a-f]{64})")
BARE_PAYLOADS = re.compile(r"(?P<mark>pbkdf2-sha256-v1:(?=[0-9a-f]{64}$))?(?P<digest>[0-9a-f]{64}|[0-9a-f]{1024})")


def _container(raw: bytes, *, in_hex: bool) -> str:
    made = raw[:16] + secrets.token_bytes(32)
    made += hashlib.sha256(made).digest()[:16] + secrets.token_bytes(32)
    return made.hex() if in_hex else to_base64_alphabet(made, STANDARD64)


FORMATS: tuple[Format, ...] = (
    Shape("phc_bcrypt", PHC_BCRYPT, read_phc_bcrypt, ("adonis_bcrypt",)),
    ScryptContainer("scrypt_kdf", CONTAINER, read_container, ("medusa", "hedgedoc", "codimd")),
    Shape("npm_password_hash", PASSWORD_HASH, read_password_hash, ("password_hash_npm", "node_password_hash")),
    Shape("payload", PAYLOADS, read_payload, ("payload_cms", "payloadcms"), bare=BARE_PAYLOADS),
)
