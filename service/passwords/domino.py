"""Internet passwords of HCL (Lotus) Domino's directory, in their three generations. Knows no Domino.

Version 5: a digest of Lotus's own, in 32 hex. Version 6, `(G…)`: that digest of five bytes of salt and of the first
one's text. Version 8, `(H…)`: PBKDF2 of version 6's text. The digest is built like MD2; both come to light in hashcat's
modes 8600, 8700 and 9100.
"""

import re
from functools import partial

from service.passwords import limits
from service.passwords.comparison import Comparison
from service.passwords.encodings import to_base64_alphabet, unbase64_alphabet, unhex
from service.passwords.format import Check, Executor, MalformedHash, StoredHash
from service.passwords.pbkdf2 import pbkdf2
from service.passwords.shape import Shape

TABLE = bytes.fromhex(
    "bd56eaf2a2f1ac2ab093d19c1b33fdd03004b6dc7ddf324bf7cb459b31bb215a419fe1d94a4d9edaa0682cc3275f8036"
    "3eeefb951afecea834a913f0a63fd80c7824af2352c16717f56690e7e807b86048e61e53f392a4728c08156e860084fa"
    "f47f8a4219f6dbcd148d5012ba3c064eecb33511a1888e2b9499b77174d3e4bf3ade960ebc0aed77fc376b03798962c6"
    "d7c0d27c6a8b22a35b055d0275d561e3188f5551ad1f0b5e85e5c25763ca3d6cb4c5cc70b291590d4720c84f58e001e2"
    "1638c46f3b0f6546be7e2d7b82f940b51d73f8eb26c787972554b128aa989da5646d7ad4108144ef49d6ae2edd765c2f"
    "a71cc909699a83cf2939b9e94cff43ab"
)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/"
ROUNDS = 18
BLOCK = 16
SALT = 5
V6_READ = 34
"""Bytes of salt and text that version 6 reads of 39."""
V6_SHOWN = 18
"""Characters of version 6 that salt and digest fill; a flag follows."""
V8_KEY = 8


def _mix(state: bytes, block: bytes) -> bytes:
    rows = bytearray(state + block + bytes(a ^ b for a, b in zip(state, block, strict=True)))
    last = 0
    for _ in range(ROUNDS):
        for i in range(len(rows)):
            last = rows[i] = rows[i] ^ TABLE[last + len(rows) - i & 0xFF]
    return bytes(rows[:BLOCK])


def digest5(data: bytes) -> bytes:
    """Lotus's digest: padded to whole blocks, followed by a checksum of them."""
    missing = BLOCK - len(data) % BLOCK
    padded = data + bytes([missing]) * missing
    state, checksum = bytes(BLOCK), bytearray(BLOCK)
    for start in range(0, len(padded), BLOCK):
        block = padded[start : start + BLOCK]
        state, last = _mix(state, block), checksum[-1]
        for i, byte in enumerate(block):
            last = checksum[i] = checksum[i] ^ TABLE[byte ^ last]
    return _mix(state, bytes(checksum))


def text6(salt: bytes, secret: bytes) -> str:
    """Version 6 without its brackets and mark: 20 characters of salt and digest."""
    inner = b"(" + digest5(secret).hex().upper().encode("ascii") + b")"
    shown = bytes((*salt[:3], salt[3] + 4 & 0xFF, salt[4]))
    return to_base64_alphabet(shown + digest5((salt + inner)[:V6_READ])[: 15 - SALT], ALPHABET)


def domino6(salt: bytes, secret: bytes) -> bytes:
    """What version 6 shows of salt and digest."""
    return text6(salt, secret)[:V6_SHOWN].encode("ascii")


def domino8(salt: bytes, iterations: int, secret: bytes) -> bytes:
    """PBKDF2 of the text of version 6, whose salt is the first five bytes of this one's."""
    text = f"(G{text6(salt[:SALT], secret)[: V6_SHOWN + 1]})"
    return pbkdf2("sha1", salt, iterations, V8_KEY, text.encode("ascii"))


def _salt(raw: bytes) -> bytes:
    """The fourth byte is written four higher."""
    return bytes((*raw[:3], raw[3] - 4 & 0xFF, *raw[4:]))


def _read5(stored: StoredHash, match: re.Match[str]) -> Check:
    return Comparison(digest5, unhex(match["digest"]), "domino5", Executor.PROCESS, stored.recipe.charset)


def _read6(stored: StoredHash, match: re.Match[str]) -> Check:
    salt = _salt(unbase64_alphabet(match["digest"][:8], ALPHABET)[:SALT])
    key = match["digest"].encode("ascii")
    return Comparison(partial(domino6, salt), key, "domino6", Executor.PROCESS, stored.recipe.charset)


def _read8(stored: StoredHash, match: re.Match[str]) -> Check:
    raw = unbase64_alphabet(match["salt"] + match["middle"] + match["digest"], ALPHABET)
    salt, count, key = _salt(raw[:16]), raw[16:26], raw[28:]
    if not count.isdigit():
        raise MalformedHash("the iterations are no number")
    iterations = limits.number(count.decode("ascii"))
    limits.check_pbkdf2(iterations, V8_KEY, V8_KEY)
    derive = partial(domino8, salt, iterations)
    return Comparison(derive, key, f"domino8 {iterations}", Executor.PROCESS, stored.recipe.charset)


_DIGIT = r"[0-9A-Za-z+/]"
_V8 = rf"\(H(?P<salt>{_DIGIT}{{21}})(?P<middle>{_DIGIT}{{17}})(?P<digest>{_DIGIT}{{10}})\)"
FORMATS = (
    Shape("domino5", re.compile(r"(?P<digest>[0-9A-Fa-f]{32})"), _read5, ("lotus5", "notes5"), names_itself=False),
    Shape("domino6", re.compile(rf"\(G(?P<digest>{_DIGIT}{{18}}){_DIGIT}\)"), _read6, ("lotus6", "dominosec")),
    Shape("domino8", re.compile(_V8), _read8, ("lotus8", "dominosec8")),
)
