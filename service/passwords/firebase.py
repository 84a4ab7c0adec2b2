"""Firebase's variant of scrypt, from its own export and from those who took it over. Knows no other scrypt.

The key of scrypt encrypts the project's signer key (AES-256 in counter mode, counter 0); the ciphertext is the hash.
Source: firebase/scrypt. Columns: hash, salt, and the options `signer_key`, `salt_separator`, `rounds`, `mem_cost` of
the source, as the project's "password hash parameters" name them (`base64_signer_key` and `base64_salt_separator` are
read too). Kratos (`$firescrypt$`) and Supabase (`$fbscrypt$`) write them into each hash; SuperTokens (`$f_scrypt$`) all
but the signer key.
"""

import re
from functools import partial

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from service.passwords import limits
from service.passwords.columns import DIGEST, number_option, option, salt_text, separated
from service.passwords.comparison import Comparison
from service.passwords.encodings import MIN_DIGEST, unbase64
from service.passwords.format import Check, Executor, MalformedHash, StoredHash
from service.passwords.scrypt import power_of_two, scrypt
from service.passwords.shape import Shape

AES_KEY = 32
"""Bytes."""
COUNTER = bytes(16)


def firebase(n: int, r: int, p: int, salt: bytes, signer_key: bytes, secret: bytes) -> bytes:
    """Encrypt the signer key under the key of scrypt."""
    key = scrypt(n, r, p, salt, AES_KEY, secret)
    encryptor = Cipher(algorithms.AES(key), modes.CTR(COUNTER)).encryptor()
    return encryptor.update(signer_key) + encryptor.finalize()


def firebase_check(stored: StoredHash, cost: tuple[int, int, int], salt: bytes, signer: bytes, key: bytes) -> Check:
    """Check against `key`; `cost` is the logarithm of N, r and p, and `salt` holds the separator too."""
    n, r, p = power_of_two(cost[0]), cost[1], cost[2]
    limits.check_scrypt(n, r, p)
    if len(key) != len(signer) or len(key) < MIN_DIGEST:
        raise MalformedHash("the hash and the signer key differ in length")
    return Comparison(
        derive=partial(firebase, n, r, p, salt, signer),
        key=key,
        cost=f"scrypt N={n} r={r} p={p}",
        executor=Executor.THREAD,
        charset=stored.recipe.charset,
        padded=True,
    )


def read_columns(stored: StoredHash, match: re.Match[str]) -> Check:
    """A hash beside a salt column; `mem_cost` and `rounds` are usually 14 and 8."""
    separator = option(stored, "salt_separator", option(stored, "base64_salt_separator", ""))
    cost = (number_option(stored, "mem_cost", 14), number_option(stored, "rounds", 8), 1)
    salt = unbase64(salt_text(separated(stored, match))) + unbase64(separator)
    return firebase_check(stored, cost, salt, _signer_key(stored), unbase64(match["digest"]))


def read_in_one(stored: StoredHash, match: re.Match[str]) -> Check:
    """All in the text; SuperTokens leaves the signer key to the options of the source."""
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

FORMATS = (
    Shape("firebase_scrypt", re.compile(DIGEST), read_columns, aliases=("firebase",), names_itself=False),
    Shape("kratos_firescrypt", re.compile(KRATOS), read_in_one, aliases=("firescrypt",)),
    Shape("supabase_fbscrypt", re.compile(SUPABASE), read_in_one, aliases=("fbscrypt",)),
    Shape("supertokens_f_scrypt", re.compile(SUPERTOKENS), read_in_one, aliases=("f_scrypt",)),
)
