"""scrypt (RFC 7914) with its parameters in text, and as plain columns.

Columns: a digest in hex or base64, a salt column, and the options `n`, `r`, `p` of the source (by default 16384, 8
and 1, the defaults of Node's `crypto.scrypt`).
"""

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from service.hashing import limits
from service.hashing.check import Comparison, Either
from service.hashing.columns import DIGEST, number_option, option, other_interpretation, salt_of, salt_text, separated
from service.hashing.digests import digest
from service.hashing.encodings import CRYPT64, MIN_DIGEST, to_bytes, unbase64, unbase64_alphabet, undigest_column, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, StoredHash
from service.hashing.shape import Shape

SPARE = 2**20
"""Bytes that OpenSSL requires beyond the memory of the algorithm."""
MAX_LOG = 63
"""A larger `ln` is N itself, as Kratos writes it."""


def scrypt(n: int, r: int, p: int, salt: bytes, length: int, secret: bytes) -> bytes:
    """Compute scrypt; OpenSSL's own memory limit is raised to ours."""
    memory = 128 * r * (n + p + 2) + SPARE
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=length)


USUAL_KEY = 64
"""The default in bytes, as in Node's documentation."""


def scrypt_check(stored: StoredHash, cost: tuple[int, int, int], salt: bytes, key: bytes) -> Comparison:
    """Return the check against `key` with `cost` = N, r, p; raises `MalformedHash` or `TooCostly`."""
    n, r, p = cost
    work = limits.check_scrypt(n, r, p)
    if len(key) < MIN_DIGEST:
        raise MalformedHash("the digest is too short")
    return Comparison(
        derive=partial(scrypt, n, r, p, salt, len(key)),
        key=key,
        cost=f"scrypt N={n} r={r} p={p}",
        executor=Executor.THREAD,
        charset=stored.recipe.charset,
        padded=True,
        work=work,
    )


def power_of_two(log: int) -> int:
    """Return N from its logarithm; the limits reject an absurd one."""
    return 1 << min(log, MAX_LOG)


def read_mcf(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the parameters: `ln` is the logarithm of N, or N itself if Kratos wrote it; `n` is N, as in AdonisJS."""
    r, p = (limits.number(match[name]) for name in ("r", "p"))
    ln = limits.number(match["ln"] or match["n"])
    n = ln if match["n"] or ln > MAX_LOG else power_of_two(ln)
    return scrypt_check(stored, (n, r, p), unbase64(match["salt"]), unbase64(match["digest"]))


def read_packed(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse parameters in one hex number, as Java's SCryptUtil and Spring write them: log2 N, a byte of r, one of p."""
    packed = int(match["packed"], 16)
    cost = (power_of_two(packed >> 16), packed >> 8 & 0xFF, packed & 0xFF)
    return scrypt_check(stored, cost, unbase64(match["salt"]), unbase64(match["digest"]))


def read_colons(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse N, r and p in decimal, as hashcat writes them."""
    n, r, p = (limits.number(match[name]) for name in ("n", "r", "p"))
    return scrypt_check(stored, (n, r, p), unbase64(match["salt"]), unbase64(match["digest"]))


def read_columns(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a bare digest with its salt in a column or before it; ambiguous texts are tried in both ways."""
    cost, key = cost_of(stored), undigest_column(match["digest"])
    check = scrypt_check(stored, cost, salt_of(separated(stored, match)), key)
    other = other_interpretation(stored, match, USUAL_KEY)
    # If both would take too long, only the interpretation that the documentation gives first is tried.
    if other is None or 2 * 128 * math.prod(cost) > limits.MAX_SCRYPT_WORK:
        return check
    return Either(check, scrypt_check(stored, cost, *other))


def cost_of(stored: StoredHash) -> tuple[int, int, int]:
    """Return the options n, r and p of the source."""
    return number_option(stored, "n", 16384), number_option(stored, "r", 8), number_option(stored, "p", 1)


BASE64 = r"[A-Za-z0-9+/._-]*={0,2}"
ENDING = rf"\$(?P<salt>{BASE64})\$(?P<digest>[A-Za-z0-9+/._-]{{16,}}={{0,2}})"
MCF = re.compile(r"\$scrypt\$(?:ln=(?P<ln>[0-9]+)|n=(?P<n>[0-9]+)),r=(?P<r>[0-9]+),p=(?P<p>[0-9]+)" + ENDING)
PACKED = re.compile(r"\$s0\$(?P<packed>[0-9a-f]{5,6})" + ENDING)
SPRING = re.compile(r"\$(?P<packed>[0-9a-f]{5,6})" + ENDING)
COLONS = re.compile(
    rf"SCRYPT:(?P<n>[0-9]+):(?P<r>[0-9]+):(?P<p>[0-9]+):(?P<salt>{BASE64}):(?P<digest>[A-Za-z0-9+/]{{16,}}={{0,2}})"
)
COLUMN = re.compile(DIGEST)

SPRING_SCRYPT = Shape("spring_scrypt", SPRING, read_packed, bare=re.compile(r"\{scrypt[^}]*\}" + SPRING.pattern))
COLUMNS = Shape("scrypt_columns", COLUMN, read_columns, aliases=("scrypt_raw",), names_itself=False)

FORMATS = (
    Shape("scrypt_mcf", MCF, read_mcf, aliases=("kratos_scrypt", "passlib_scrypt")),
    Shape("java_scrypt", PACKED, read_packed, aliases=("scrypt_s0",)),
    Shape("hashcat_scrypt", COLONS, read_colons),
    SPRING_SCRYPT,
    COLUMNS,
)


# Firebase's variant of scrypt, as exported by Firebase and by the products that import from it.
#
# The key of scrypt encrypts the project's signer key (AES-256 in counter mode, counter 0); the ciphertext is the
# hash. Source: firebase/scrypt. Columns: hash, salt, and the options `signer_key`, `salt_separator`, `rounds`,
# `mem_cost` of the source, as the project's "password hash parameters" name them (`base64_signer_key` and
# `base64_salt_separator` are accepted too). Kratos (`$firescrypt$`) and Supabase (`$fbscrypt$`) write them into each
# hash; SuperTokens (`$f_scrypt$`) writes all but the signer key.
AES_KEY = 32
"""Bytes."""
COUNTER = bytes(16)


def firebase(n: int, r: int, p: int, salt: bytes, signer_key: bytes, secret: bytes) -> bytes:
    """Encrypt the signer key under the key of scrypt."""
    key = scrypt(n, r, p, salt, AES_KEY, secret)
    encryptor = Cipher(algorithms.AES(key), modes.CTR(COUNTER)).encryptor()
    return encryptor.update(signer_key) + encryptor.finalize()


def firebase_check(stored: StoredHash, cost: tuple[int, int, int], salt: bytes, signer: bytes, key: bytes) -> Check:
    """Return the check against `key`; `cost` is log2 N, r and p, and `salt` includes the separator."""
    n, r, p = power_of_two(cost[0]), cost[1], cost[2]
    work = limits.check_scrypt(n, r, p)
    if len(key) != len(signer) or len(key) < MIN_DIGEST:
        raise MalformedHash("the hash and the signer key differ in length")
    return Comparison(
        derive=partial(firebase, n, r, p, salt, signer),
        key=key,
        cost=f"scrypt N={n} r={r} p={p}",
        executor=Executor.THREAD,
        charset=stored.recipe.charset,
        padded=True,
        work=work,
    )


def read_firebase_columns(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a hash with a salt column; `mem_cost` and `rounds` are usually 14 and 8."""
    separator = option(stored, "salt_separator", option(stored, "base64_salt_separator", ""))
    cost = (number_option(stored, "mem_cost", 14), number_option(stored, "rounds", 8), 1)
    salt = unbase64(salt_text(separated(stored, match))) + unbase64(separator)
    return firebase_check(stored, cost, salt, _signer_key(stored), unbase64(match["digest"]))


def read_in_one(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a text with all parameters; SuperTokens leaves the signer key to the options of the source."""
    groups = match.groupdict()
    signer = unbase64(groups["signer"]) if groups.get("signer") else _signer_key(stored)
    cost = (limits.number(groups["n"]), limits.number(groups["r"]), limits.number(groups.get("p") or "1"))
    salt = unbase64(groups["salt"]) + unbase64(groups["separator"] or "")
    return firebase_check(stored, cost, salt, signer, unbase64(groups["digest"]))


def _signer_key(stored: StoredHash) -> bytes:
    name = "base64_signer_key" if "base64_signer_key" in stored.recipe.options else "signer_key"
    return unbase64(option(stored, name))


B64 = r"[A-Za-z0-9+/_-]*={0,2}"
LONG = r"(?P<digest>[A-Za-z0-9+/_-]{22,}={0,2})"
KRATOS = (
    rf"\$firescrypt\$ln=(?P<n>[0-9]+),r=(?P<r>[0-9]+),p=(?P<p>[0-9]+)\$(?P<salt>{B64})\${LONG}"
    rf"\$(?P<separator>{B64})\$(?P<signer>{B64})"
)
SUPABASE = (
    rf"\$fbscrypt\$v=1,n=(?P<n>[0-9]+),r=(?P<r>[0-9]+),p=(?P<p>[0-9]+)(?:,ss=(?P<separator>{B64}))?"
    rf"(?:,sk=(?P<signer>{B64}))?\$(?P<salt>{B64})\${LONG}"
)
SUPERTOKENS = (
    rf"(?=.*\$m=(?P<n>[0-9]+)(?:\$|\Z))(?=.*\$r=(?P<r>[0-9]+)(?:\$|\Z))(?=.*\$s=(?P<separator>{B64})(?:\$|\Z))"
    rf"\$f_scrypt\${LONG}\$(?P<salt>{B64})(?:\$[mrs]=[^$]*){{3}}"
)

FIREBASE_FORMATS = (
    Shape("firebase_scrypt", re.compile(DIGEST), read_firebase_columns, aliases=("firebase",), names_itself=False),
    Shape("kratos_firescrypt", re.compile(KRATOS), read_in_one, aliases=("firescrypt",)),
    Shape("supabase_fbscrypt", re.compile(SUPABASE), read_in_one, aliases=("fbscrypt",)),
    Shape("supertokens_f_scrypt", re.compile(SUPERTOKENS), read_in_one, aliases=("f_scrypt",)),
)


# scrypt in the layouts of single products that have no module of their own.
#
# Cisco 9: N 16384, r 1, p 1, the salt as text, crypt(3)'s alphabet. Ruby's scrypt gem (Authlogic, Devise plugins): N,
# r, p, salt and digest in hex. Stytch: the salt is not decoded but used as the text of its base64 in the URL
# alphabet, with the options `n`, `r`, `p`. better-auth: hex of the salt, used as that text, and of the digest, N
# 16384, r 16, p 1.

CISCO = (16384, 1, 1)
FIRST_RUBY_KEY = 256
"""Bytes."""
BETTER_AUTH = (16384, 16, 1)
LUCIA_BETA = (16384, 8, 1)
Derive = Callable[[bytes], bytes]
TO_URL = str.maketrans("+/", "-_")


def read_cisco(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse type 9."""
    key = unbase64_alphabet(match["digest"], CRYPT64)
    return scrypt_check(stored, CISCO, to_bytes(match["salt"], "ascii"), key)


def read_ruby(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse numbers in hex; the gem drops a salt's leading zeros."""
    n, r, p = (int(match[name], 16) for name in ("n", "r", "p"))
    return scrypt_check(stored, (n, r, p), unhex(match["salt"]).lstrip(b"\0"), unhex(match["digest"]))


def first_ruby(derive: Derive, secret: bytes) -> bytes:
    """Return the key as the gem's first releases stored it: SHA-1 of a long key."""
    return digest("sha1", derive(secret))


def read_first_ruby(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hash; the salt is the text before the digest."""
    n, r, p = (int(match[name], 16) for name in ("n", "r", "p"))
    long = scrypt_check(stored, (n, r, p), to_bytes(match["setting"], "ascii"), bytes(FIRST_RUBY_KEY))
    return replace(long, derive=partial(first_ruby, long.derive), key=unhex(match["digest"]))


def read_stytch(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a salt used as text in the URL alphabet, whatever the column's; defaults from Stytch's documentation."""
    cost = (number_option(stored, "n", 32768), number_option(stored, "r", 8), number_option(stored, "p", 1))
    salt = to_bytes(salt_text(separated(stored, match)).translate(TO_URL), "utf-8")
    return scrypt_check(stored, cost, salt, undigest_column(match["digest"]))


def read_better_auth(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hash; the salt is its text in hex."""
    return scrypt_check(stored, BETTER_AUTH, to_bytes(match["salt"], "ascii"), unhex(match["digest"]))


def read_lucia(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse as better-auth; a hash without prefix may come from the beta with r = 8."""
    salt, key = to_bytes(match["salt"], "ascii"), unhex(match["digest"])
    check = scrypt_check(stored, BETTER_AUTH, salt, key)
    return check if match["mark"] else Either(check, scrypt_check(stored, LUCIA_BETA, salt, key))


RUBY_COST = r"(?P<n>[0-9a-f]{1,8})\$(?P<r>[0-9a-f]{1,4})\$(?P<p>[0-9a-f]{1,4})\$"
RUBY = RUBY_COST + r"(?![0-9a-f]{40}\$)(?P<salt>(?:[0-9a-f]{2})+)\$(?P<digest>(?:[0-9a-f]{2}){16,})"
LUCIA_ENDING = r"(?P<salt>[A-Za-z0-9]{8,64}):(?P<digest>[0-9a-f]{128})"
FIRST_RUBY = rf"(?P<setting>{RUBY_COST}(?P<salt>[0-9a-f]{{40}}))\$(?P<digest>[0-9a-f]{{40}})"

LAYOUTS = (
    Shape(
        "cisco_type9",
        re.compile(r"\$9\$(?P<salt>[./A-Za-z0-9]{1,32})\$(?P<digest>[./A-Za-z0-9]{43})"),
        read_cisco,
        aliases=("cisco_9", "cisco9"),
    ),
    Shape("ruby_scrypt", re.compile(RUBY), read_ruby),
    Shape("ruby_first_scrypt", re.compile(FIRST_RUBY), read_first_ruby),
    Shape(
        "stytch_scrypt",
        re.compile(DIGEST),
        read_stytch,
        aliases=("stytch",),
        names_itself=False,
    ),
    Shape(
        "lucia",
        re.compile("(?P<mark>s2:)" + LUCIA_ENDING),
        read_lucia,
        bare=re.compile("(?P<mark>s2:)?" + LUCIA_ENDING),
    ),
    Shape(
        "better_auth",
        re.compile(r"(?P<salt>[0-9a-f]{32}):(?P<digest>[0-9a-f]{128})"),
        read_better_auth,
        names_itself=False,
    ),
)
