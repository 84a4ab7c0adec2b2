"""Bounds on the cost of checking a stored hash, each with its reason.

Okta waits 3 seconds and the service answers within 2.5. A hash that takes longer on one core could never be answered in
time, so it is rejected when it is loaded. Durations were measured on one core of a small cloud machine.
"""

from service.hashing.encodings import encode
from service.hashing.format import MalformedHash, TooCostly

MAX_WORK = 1.0
"""The most that one sign-in may cost: a row, a formula, and all hashes of an account together.

Each function counts as a share of its own bound below, so one hash at its bound uses all of it.
"""
MAX_PASSWORD = 4096
"""Bytes of a password in its charset. A longer one is rejected without computing a hash."""
MAX_LOOPED_PASSWORD = 512
"""The same for formats whose rounds hash the password again: `$6$rounds=656000$` took 98 s over 8,192 characters."""
MAX_BCRYPT_COST = 15
"""Each step doubles the time: 12, the highest default of any product, takes 0.3 s; 15 takes 2.3 s."""
MIN_BCRYPT_COST = 4
"""The lowest cost that the algorithm defines."""
MAX_PBKDF2_BLOCKS = 2_000_000
"""Iterations times output blocks, about 2 s. The highest default, Django 6.1's, is 1.5 million."""
MAX_MEMORY = 256 * 2**20
"""Bytes that one check may use, since several run at once. OWASP advises up to 128 MiB for scrypt, 46 for argon2."""
MAX_SCRYPT_WORK = 512 * 2**20
"""Bytes that scrypt fills, 128 * N * r * p: 128 MiB take 0.5 s."""
MAX_ARGON2_WORK = 3 * 2**19
"""KiB that argon2 fills, memory times passes: 1 GiB takes 1.1 s. RFC 9106 advises 64 MiB and three passes."""
MAX_ARGON2_LANES = 64
"""Each lane is an operating system thread while the check runs; products use up to 16."""
MAX_DIGEST_ROUNDS = 2_000_000
"""Consecutive digests in a Python loop; a million takes 0.7 s. Real stores use up to several hundred thousand."""
MAX_DIGITS = 12
"""Digits of a number in a hash: more than any parameter needs, and cheap to parse."""


def number(text: str) -> int:
    """Parse a whole number of a hash."""
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS:
        raise MalformedHash("a part that should be a number is not one, or is too large")
    return int(text)


def require_affordable(work: float) -> None:
    """Raise `TooCostly` if the functions of a hash together exceed what a sign-in may cost."""
    if work > MAX_WORK:
        raise TooCostly(f"its functions together take {work:.1f} times what one sign-in may take")


def is_short(password: str, charset: str, *, looped: bool) -> bool:
    """Return whether a password is short enough to be hashed; one that the charset cannot encode is not."""
    encoded = encode(password, charset)
    return encoded is None or len(encoded) <= (MAX_LOOPED_PASSWORD if looped else MAX_PASSWORD)


def check_bcrypt(cost: int, times: int = 1) -> float:
    """Bound the cost (log2 of the rounds) of each of `times` computations; return their share of `MAX_WORK`."""
    if cost < MIN_BCRYPT_COST:
        raise MalformedHash("bcrypt's cost must be at least 4")
    if cost + times - 1 > MAX_BCRYPT_COST:
        raise TooCostly(f"bcrypt cost {cost + times - 1} is above {MAX_BCRYPT_COST}")
    return float(times * 2.0 ** (cost - MAX_BCRYPT_COST))


def check_pbkdf2(iterations: int, length: int, digest_size: int) -> float:
    """Bound the time; `length` is the output in bytes, and every `digest_size` of them repeat all iterations.

    Returns the share of `MAX_WORK`.
    """
    if iterations < 1 or length < 1:
        raise MalformedHash("PBKDF2 needs at least one iteration and one byte")
    blocks = -(-length // digest_size)
    if iterations * blocks > MAX_PBKDF2_BLOCKS:
        raise TooCostly(f"PBKDF2 with {iterations} iterations of {blocks} blocks is above {MAX_PBKDF2_BLOCKS}")
    return iterations * blocks / MAX_PBKDF2_BLOCKS


def check_scrypt(n: int, r: int, p: int) -> float:
    """Bound scrypt by RFC 7914 section 2 and by its work; return the share of `MAX_WORK`.

    N is a power of two above 1 and below 2^(128 * r / 8), r is positive, and p at most (2^32 - 1) * 32 / (128 * r).
    """
    work = check_scrypt_work(n, r, p)
    if n >= 1 << 16 * r or 4 * r * p > 2**32 - 1:
        raise MalformedHash(f"scrypt does not allow N={n} r={r} p={p}: N < 2^(16 * r) and r * p < 2^30 (RFC 7914)")
    return work


def check_scrypt_work(n: int, r: int, p: int) -> float:
    """Bound memory and time of scrypt, or of yescrypt (whose N has no bound by r); return the share of `MAX_WORK`."""
    if n <= 1 or n & (n - 1) or r < 1 or p < 1:
        raise MalformedHash("scrypt needs N a power of two, r and p at least 1")
    if 128 * n * r > MAX_MEMORY:
        raise TooCostly(f"scrypt with N={n} r={r} needs more than {MAX_MEMORY >> 20} MiB")
    if 128 * n * r * p > MAX_SCRYPT_WORK:
        raise TooCostly(f"scrypt with N={n} r={r} p={p} takes too long")
    return 128 * n * r * p / MAX_SCRYPT_WORK


def check_argon2(memory: int, passes: int, lanes: int) -> float:
    """Bound argon2 by RFC 9106 section 3.1; `memory` is in KiB, at least 8 per lane. Return the share of `MAX_WORK`."""
    if passes < 1 or lanes < 1 or memory < 8 * lanes:
        raise MalformedHash("argon2 needs a pass, a lane and 8 KiB a lane")
    if memory * 1024 > MAX_MEMORY:
        raise TooCostly(f"argon2 with m={memory} needs more than {MAX_MEMORY >> 20} MiB")
    if memory * passes > MAX_ARGON2_WORK or lanes > MAX_ARGON2_LANES:
        raise TooCostly(f"argon2 with m={memory} t={passes} p={lanes} takes too long")
    return memory * passes / MAX_ARGON2_WORK


def check_rounds(rounds: int, most: int = MAX_DIGEST_ROUNDS, what: str = "") -> float:
    """Bound a loop of digests, of which a sign-in may cost `most`; return the share of `MAX_WORK`."""
    if rounds < 1:
        raise MalformedHash(f"{what or 'a hash'} needs at least one round")
    if rounds > most:
        raise TooCostly(f"{what + ' with ' if what else ''}{rounds} rounds is above {most}")
    return rounds / most
