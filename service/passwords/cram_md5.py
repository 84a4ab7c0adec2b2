"""Dovecot's `{CRAM-MD5}`: the states of MD5 after the two pads of an HMAC key, which is the password. Knows no HMAC.

CRAM-MD5 (RFC 2195) needs HMAC-MD5 under the password, so the server keeps MD5 (RFC 1321) as it stands after the first
block of each half; hashlib does not tell that, so one block is computed here.
"""

import math
import re
from functools import partial
from struct import pack, unpack

from service.passwords.comparison import Comparison
from service.passwords.digests import digest
from service.passwords.encodings import unhex
from service.passwords.format import Check, StoredHash
from service.passwords.shape import Shape

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
    """The state after one block."""
    words, (a, b, c, d) = unpack("<16I", block), START
    for step in range(64):
        turn = step // 16
        place = (step, 5 * step + 1, 3 * step + 5, 7 * step)[turn] % 16
        mixed = a + _mixed(turn, b, c, d) + SINES[step] + words[place] & WORD
        by = TURNS[turn][step % 4]
        a, b, c, d = d, (b + (mixed << by | mixed >> 32 - by)) & WORD, b, c
    return pack("<4I", *((x + y) & WORD for x, y in zip(START, (a, b, c, d), strict=True)))


def cram_md5(length: int, secret: bytes) -> bytes:
    """Both states, the outer first, or as much of them as is known."""
    key = (digest("md5", secret) if len(secret) > BLOCK else secret).ljust(BLOCK, b"\0")
    return b"".join(md5_state(bytes(byte ^ pad for byte in key)) for pad in (OUTER, INNER))[:length]


def _read(stored: StoredHash, match: re.Match[str]) -> Check:
    """A hash made for cracking has zeros in the place of the inner state."""
    key = unhex(match["digest"])
    known = key[:HALF] if not any(key[HALF:]) else key
    return Comparison(partial(cram_md5, len(known)), known, "cram_md5", charset=stored.recipe.charset, padded=True)


FORMATS = (
    Shape("dovecot_cram_md5", re.compile(r"(?i)\{(?:CRAM|HMAC)-MD5\}(?P<digest>[0-9a-f]{64})"), _read, ("cram_md5",)),
)
