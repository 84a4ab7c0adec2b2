"""Argon2i, d and id in the PHC string format: RFC 9106 and the earlier draft (version 16)."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from argon2.low_level import Type, core, error_to_str, ffi

from service.hashing import limits
from service.hashing.check import Comparison
from service.hashing.digests import digest
from service.hashing.encodings import to_bytes, unbase64, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, StoredHash
from service.hashing.shape import Shape

Cost = tuple[int, int, int]
"""Memory in KiB, passes, lanes."""
TYPES = {"i": Type.I, "d": Type.D, "id": Type.ID}
FIRST_VERSION = "16"
"""The version of a hash without `v=`."""
MIN_SALT = 8
"""Bytes: libargon2's minimum."""
MIN_KEY = 4
"""Bytes: the minimum of RFC 9106."""


class Argon2Failed(Exception):
    """libargon2 could not compute the hash, for lack of memory."""


def argon2_key(kind: Type, version: int, cost: Cost, salt: bytes, length: int, secret: bytes) -> bytes:
    """Compute argon2, all lanes in this thread. Raises `Argon2Failed`.

    `hash_secret_raw` starts a thread for each lane. With a check on every core already, eight lanes delayed the event
    loop by 24 ms instead of 4, and the checks were no faster.
    """
    memory, passes, lanes = cost
    key, given, salted = ffi.new("uint8_t[]", length), ffi.from_buffer(secret), ffi.from_buffer(salt)
    context = {"version": version, "t_cost": passes, "m_cost": memory, "lanes": lanes, "threads": 1}
    context |= {"out": key, "outlen": length, "salt": salted, "saltlen": len(salt), "pwd": given, "pwdlen": len(secret)}
    fault = core(ffi.new("argon2_context *", context), kind.value)
    if fault:
        raise Argon2Failed(error_to_str(fault))
    return bytes(ffi.buffer(key, length))


def argon2_check(stored: StoredHash, kind: str, version: int, cost: Cost, salt: bytes, key: bytes) -> Comparison:
    """Return the check against `key`; raises `MalformedHash` or `TooCostly` for parameters out of bounds."""
    memory, passes, lanes = cost
    work = limits.check_argon2(memory, passes, lanes)
    if len(salt) < MIN_SALT or len(key) < MIN_KEY:
        raise MalformedHash("argon2 needs a salt of 8 bytes and a digest of 4")
    return Comparison(
        derive=partial(argon2_key, TYPES[kind], version, cost, salt, len(key)),
        key=key,
        cost=f"argon2{kind} m={memory} t={passes} p={lanes}",
        executor=Executor.THREAD,
        charset=stored.recipe.charset,
        work=work,
    )


def read_phc(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the PHC string; its three parameters may be in any order."""
    parameters = dict(part.split("=") for part in match["parameters"].split(","))
    if len(parameters) < len("mtp"):
        raise MalformedHash("argon2 must have m, t and p once each")
    memory, passes, lanes = (limits.number(parameters[name]) for name in "mtp")
    version = limits.number(match["version"] or FIRST_VERSION)
    cost = (memory, passes, lanes)
    return argon2_check(stored, match["kind"], version, cost, unbase64(match["salt"]), unbase64(match["digest"]))


PHC = re.compile(
    r"\$argon2(?P<kind>id|i|d)\$(?:v=(?P<version>16|19)\$)?(?P<parameters>[mtp]=[0-9]+(?:,[mtp]=[0-9]+){2})"
    r"\$(?P<salt>[A-Za-z0-9+/]{8,}={0,2})\$(?P<digest>[A-Za-z0-9+/]{6,}={0,2})"
)

ARGON2 = Shape("argon2", PHC, read_phc, aliases=("argon2id", "argon2i", "argon2d", "argon2_phc"))

FORMATS = (ARGON2,)


# Magento 2's argon2 hashes, `digest:salt:versions`, also over older ones.
#
# Source: magento2 lib/internal/Magento/Framework/Encryption/Encryptor.php. Each version is applied to the output of the
# previous one: 0 and 1 are MD5 and SHA-256 of the salt and that output; 2 is argon2id with libsodium's interactive
# parameters, and `3_length_passes_memory` states them.
SALT = 16
"""Bytes of salt that libsodium uses: a longer salt is truncated, a shorter one repeated."""
INTERACTIVE = (65536, 2, 1)
"""Memory in KiB, passes, lanes."""
ARGON2_VERSION = 19
Derive = Callable[[bytes], bytes]
DIGESTS = {"0": "md5", "1": "sha256"}


def chained(salt: bytes, older: tuple[str, ...], derive: Derive, secret: bytes) -> bytes:
    """Return argon2 of the hex of the older digests."""
    for version in older:
        secret = digest(DIGESTS[version], salt + secret).hex().encode("ascii")
    return derive(secret)


def read_magento(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the versions, the last of which is the slow one."""
    cost = INTERACTIVE
    if match["passes"]:
        cost = (limits.number(match["memory"]) // 1024, limits.number(match["passes"]), 1)
    salt = to_bytes(match["salt"], "utf-8")
    repeated = (salt * SALT)[:SALT]
    last = argon2_check(stored, "id", ARGON2_VERSION, cost, repeated, unhex(match["digest"]))
    older = tuple(match["older"].split(":")[:-1])
    derive = partial(chained, salt, older, last.derive)
    return replace(last, derive=derive)


PATTERN = (
    r"(?P<digest>[0-9a-f]{64}):(?P<salt>[^:]+):(?P<older>(?:[01]:)*)"
    r"(?:[23]|3_[0-9]+_(?P<passes>[0-9]+)_(?P<memory>[0-9]+))"
)

MAGENTO_ARGON2_FORMATS = (
    Shape(
        "magento_argon2", re.compile(PATTERN), read_magento, aliases=("magento2_argon2", "magento2_v2", "magento2_v3")
    ),
)
