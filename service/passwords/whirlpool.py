"""The Whirlpool digest (ISO/IEC 10118-3) in Python: no library that installs everywhere still has it. Knows no other.

The tables are made as the authors' paper defines them, from two small boxes of four bits and a circulant matrix.
"""

import functools

ROUNDS = 10
BLOCK = 64
E = (1, 11, 9, 12, 13, 6, 15, 3, 14, 8, 7, 4, 10, 2, 5, 0)
R = (7, 12, 11, 13, 14, 4, 9, 15, 6, 3, 8, 10, 2, 5, 1, 0)
ROW = (1, 1, 4, 1, 8, 5, 2, 9)
"""The first row of the matrix."""
POLYNOMIAL = 0x11D


def _box() -> list[int]:
    inverse = [E.index(i) for i in range(16)]
    made = []
    for byte in range(256):
        high, low = E[byte >> 4], inverse[byte & 15]
        middle = R[high ^ low]
        made.append(E[high ^ middle] << 4 | inverse[low ^ middle])
    return made


def _times(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = a << 1, b >> 1
        a ^= POLYNOMIAL if a & 0x100 else 0
    return product


@functools.cache
def _tables() -> tuple[list[list[int]], list[int]]:
    """For each column, what a byte there adds to a row of eight; and the keys that are added to the key."""
    box = _box()
    first = [int.from_bytes(bytes(_times(box[byte], factor) for factor in ROW), "big") for byte in range(256)]
    tables = [[value >> 8 * i | value << 64 - 8 * i & (1 << 64) - 1 for value in first] for i in range(8)]
    return tables, [int.from_bytes(bytes(box[8 * i : 8 * i + 8]), "big") for i in range(ROUNDS)]


def _round(rows: list[int], key: list[int]) -> list[int]:
    tables, _ = _tables()
    made = list(key)
    for i in range(8):
        for column, table in enumerate(tables):
            made[i] ^= table[rows[i - column & 7] >> 56 - 8 * column & 0xFF]
    return made


def _compress(state: list[int], block: list[int]) -> list[int]:
    key, rows = state, [a ^ b for a, b in zip(state, block, strict=True)]
    for constant in _tables()[1]:
        key = _round(key, [constant, 0, 0, 0, 0, 0, 0, 0])
        rows = _round(rows, key)
    return [a ^ b ^ c for a, b, c in zip(rows, state, block, strict=True)]


def whirlpool(data: bytes) -> bytes:
    """The digest of `data`, 64 bytes."""
    padded = data + b"\x80"
    padded += bytes(-(len(padded) + 32) % BLOCK) + (8 * len(data)).to_bytes(32, "big")
    state = [0] * 8
    for start in range(0, len(padded), BLOCK):
        words = [int.from_bytes(padded[i : i + 8], "big") for i in range(start, start + BLOCK, 8)]
        state = _compress(state, words)
    return b"".join(word.to_bytes(8, "big") for word in state)
