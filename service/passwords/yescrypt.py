"""yescrypt, its GOST wrapping and the crypt(3) form of scrypt. Knows how parameters are written; libxcrypt computes.

Parameters are numbers of a variable length: https://www.openwall.com/yescrypt/ and PARAMETERS in its sources.
"""

import re

from service.passwords import limits
from service.passwords.crypt_check import check
from service.passwords.encodings import CRYPT64
from service.passwords.format import Check, MalformedHash, StoredHash
from service.passwords.shape import Shape

_DIGIT = r"[./0-9A-Za-z]"
_HAS_PARALLELISM = 1
_HAS_TIME = 2


def read_number(text: str, at: int, least: int) -> tuple[int, int]:
    """Read a number of at least `least` at `at`; return it and where it ends. Its first digit says how many follow."""
    first, low, high, more, number = _digit(text, at), 0, 47, 0, least
    while first > high:
        number += (high + 1 - low) << 6 * more
        low, more = high + 1, more + 1
        high = low + (62 - high) // 2
    number += (first - low) << 6 * more
    for i in range(1, more + 1):
        number += _digit(text, at + i) << 6 * (more - i)
    return number, at + 1 + more


def _digit(text: str, at: int) -> int:
    if at >= len(text):
        raise MalformedHash("the parameters of yescrypt end too early")
    return CRYPT64.index(text[at])


def read_parameters(text: str) -> tuple[int, int, int, int]:
    """N, r, p and t. Raises `MalformedHash` for what no known writer writes."""
    _, at = read_number(text, 0, 0)
    log_n, at = read_number(text, at, 1)
    r, at = read_number(text, at, 1)
    p, t = 1, 0
    if at < len(text):
        has, at = read_number(text, at, 1)
        if has & _HAS_PARALLELISM:
            p, at = read_number(text, at, 2)
        if has & _HAS_TIME:
            t, at = read_number(text, at, 1)
    if at != len(text) or log_n > 40:  # noqa: PLR2004 (far above any memory, and a shift that stays cheap)
        raise MalformedHash("the parameters of yescrypt have a part that is not known")
    return 1 << log_n, r, p, t


def _yescrypt(stored: StoredHash, match: re.Match[str]) -> Check:
    n, r, p, t = read_parameters(match["parameters"])
    limits.check_scrypt(n, r, p * (t + 1))
    cost = f"{match['method']}escrypt {n},{r},{p},{t}".replace("gyescrypt", "gost_yescrypt")
    return check(stored, match[0], match["digest"], cost)


def _scrypt7(stored: StoredHash, match: re.Match[str]) -> Check:
    n = 1 << CRYPT64.index(match["n"])
    r, p = (sum(CRYPT64.index(digit) << 6 * i for i, digit in enumerate(match[name])) for name in ("r", "p"))
    limits.check_scrypt(n, r, p)
    return check(stored, match[0], match["digest"], f"scrypt {n},{r},{p}")


# The salt's last digit has spare bits that must be zero, so a stand-in leaves it.
_DIGEST = rf"\$(?P<digest>{_DIGIT}{{43}})"
_PATTERN = rf"\$(?P<method>%s)\$(?P<parameters>{_DIGIT}{{3,30}})\$(?P<salt>{_DIGIT}{{0,85}}){_DIGIT}?" + _DIGEST
_PATTERN7 = (
    rf"\$7\$(?P<n>{_DIGIT})(?P<r>{_DIGIT}{{5}})(?P<p>{_DIGIT}{{5}})(?P<salt>[^$:\x00-\x20\x7f]{{0,128}})" + _DIGEST
)
FORMATS = (
    Shape("yescrypt", re.compile(_PATTERN % "y"), _yescrypt),
    Shape("gost_yescrypt", re.compile(_PATTERN % "gy"), _yescrypt, ("gost-yescrypt",)),
    Shape("scrypt_crypt", re.compile(_PATTERN7), _scrypt7, ("scrypt7", "scrypt $7$")),
)
