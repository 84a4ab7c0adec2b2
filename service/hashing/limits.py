"""Bounds on what checking a stored hash may cost, each with its reason.

Okta waits 3 seconds and the service answers within 2.5, so a hash that takes longer alone on one core could never be
answered: it is refused when it is loaded. The seconds here were measured on one core of a small cloud machine.
"""

from service.hashing.format import MalformedHash, TooCostly

MAX_BCRYPT_COST = 15
"""Each step doubles the time: 12, the highest default of any product, takes 0.3 s; 15 takes 2.3 s."""
MIN_BCRYPT_COST = 4
"""The least that the algorithm defines."""
MAX_PBKDF2_BLOCKS = 2_000_000
"""Iterations times blocks of output, about 2 s. The highest default, Django 6.1's, is 1.5 million."""
MAX_MEMORY = 256 * 2**20
"""Bytes one check may hold, since several run at once. OWASP's highest advice is 128 MiB for scrypt, 46 for argon2."""
MAX_SCRYPT_WORK = 512 * 2**20
"""Bytes that scrypt fills, 128 * N * r * p: 128 MiB take 0.5 s."""
MAX_ARGON2_WORK = 3 * 2**19
"""KiB that argon2 fills, memory times passes: 1 GiB takes 1.1 s. RFC 9106 advises 64 MiB three times."""
MAX_ARGON2_LANES = 64
"""Each lane is a thread of the operating system while the check runs; products use up to 16."""
MAX_DIGEST_ROUNDS = 2_000_000
"""Digests in a row in a Python loop, where a million takes 0.7 s. Real stores use up to some hundred thousand."""
MAX_DIGITS = 12
"""Of a number in a hash: more than any parameter needs, and cheap to parse."""


def number(text: str) -> int:
    """Read a whole number of a hash."""
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS:
        raise MalformedHash("a part that should be a number is not, or is absurd")
    return int(text)


def check_bcrypt(cost: int) -> None:
    """Bound the logarithm of the rounds."""
    if cost < MIN_BCRYPT_COST:
        raise MalformedHash("bcrypt has no cost below 4")
    if cost > MAX_BCRYPT_COST:
        raise TooCostly(f"bcrypt cost {cost} is above {MAX_BCRYPT_COST}")


def check_pbkdf2(iterations: int, length: int, digest_size: int) -> None:
    """Bound the time; `length` is the bytes of output, of which every `digest_size` cost all iterations again."""
    if iterations < 1 or length < 1:
        raise MalformedHash("PBKDF2 needs at least one iteration and one byte")
    blocks = -(-length // digest_size)
    if iterations * blocks > MAX_PBKDF2_BLOCKS:
        raise TooCostly(f"PBKDF2 with {iterations} iterations of {blocks} blocks is above {MAX_PBKDF2_BLOCKS}")


def check_scrypt(n: int, r: int, p: int) -> None:
    """RFC 7914 section 2: N is a power of two above 1; r and p are positive."""
    if n <= 1 or n & (n - 1) or r < 1 or p < 1:
        raise MalformedHash("scrypt needs N a power of two, r and p at least 1")
    if 128 * n * r > MAX_MEMORY:
        raise TooCostly(f"scrypt with N={n} r={r} asks for more than {MAX_MEMORY >> 20} MiB")
    if 128 * n * r * p > MAX_SCRYPT_WORK:
        raise TooCostly(f"scrypt with N={n} r={r} p={p} takes too long")


def check_argon2(memory: int, passes: int, lanes: int) -> None:
    """RFC 9106 section 3.1: at least 8 KiB a lane; `memory` is in KiB."""
    if passes < 1 or lanes < 1 or memory < 8 * lanes:
        raise MalformedHash("argon2 needs a pass, a lane and 8 KiB a lane")
    if memory * 1024 > MAX_MEMORY:
        raise TooCostly(f"argon2 with m={memory} asks for more than {MAX_MEMORY >> 20} MiB")
    if memory * passes > MAX_ARGON2_WORK or lanes > MAX_ARGON2_LANES:
        raise TooCostly(f"argon2 with m={memory} t={passes} p={lanes} takes too long")


def check_rounds(rounds: int) -> None:
    """Bound a loop of digests."""
    if rounds < 1:
        raise MalformedHash("a hash needs at least one round")
    if rounds > MAX_DIGEST_ROUNDS:
        raise TooCostly(f"{rounds} rounds are above {MAX_DIGEST_ROUNDS}")
