"""Argon2i, d and id in the PHC string format: RFC 9106 and the draft before it (version 16). Knows no product."""

import re
from functools import partial

from argon2.low_level import Type, core, error_to_str, ffi

from service.passwords import limits
from service.passwords.comparison import Comparison
from service.passwords.encodings import unbase64
from service.passwords.format import Check, Executor, MalformedHash, StoredHash
from service.passwords.shape import Shape

Cost = tuple[int, int, int]
"""Memory in KiB, passes, lanes."""
TYPES = {"i": Type.I, "d": Type.D, "id": Type.ID}
FIRST_VERSION = "16"
"""What a hash without `v=` was made with."""
MIN_SALT = 8
"""Bytes: the least that libargon2 takes."""
MIN_KEY = 4
"""Bytes: the least that RFC 9106 allows."""


class Argon2Failed(Exception):
    """libargon2 could not compute: it lacked memory."""


def argon2_key(kind: Type, version: int, cost: Cost, salt: bytes, length: int, secret: bytes) -> bytes:
    """Compute argon2, all lanes in this thread. Raises `Argon2Failed`.

    `hash_secret_raw` starts a thread for each lane: with a check on every core already, eight lanes made the event loop
    wait for 24 ms instead of 4, and the checks no faster.
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
    """Check against `key`; raises `MalformedHash` or `TooCostly` for parameters out of bounds."""
    memory, passes, lanes = cost
    limits.check_argon2(memory, passes, lanes)
    if len(salt) < MIN_SALT or len(key) < MIN_KEY:
        raise MalformedHash("argon2 needs a salt of 8 bytes and a digest of 4")
    return Comparison(
        derive=partial(argon2_key, TYPES[kind], version, cost, salt, len(key)),
        key=key,
        cost=f"argon2{kind} m={memory} t={passes} p={lanes}",
        executor=Executor.THREAD,
        charset=stored.recipe.charset,
    )


def read_phc(stored: StoredHash, match: re.Match[str]) -> Check:
    """Read the PHC string; its three parameters may stand in any order."""
    parameters = dict(part.split("=") for part in match["parameters"].split(","))
    if len(parameters) < len("mtp"):
        raise MalformedHash("argon2 needs m, t and p once each")
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
