"""Windows hashes besides NT: LM, and version 2 of cached domain credentials.

LM: [MS-SAMR] 2.2.11.1. Cached credentials 2 (Vista and later): PBKDF2-SHA1 over version 1, which is MD4 of the NT hash
and the name.
"""

import re
from functools import partial

from Crypto.Cipher import DES

from service.hashing import limits
from service.hashing.check import TextComparison
from service.hashing.digests import digest
from service.hashing.encodings import HEX_DIGIT, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, NoUsername, StoredHash
from service.hashing.formats.pbkdf2 import pbkdf2
from service.hashing.shape import Shape

LM_TEXT = b"KGS!@#$%"
LM_HALF = 7
"""Characters; LM uses twice as many and ignores the rest."""
LM_EMPTY = bytes.fromhex("aad3b435b51404ee")
"""The second half of passwords of up to seven characters, which some dumps omit."""
LM_CHARSET = "cp437"
"""The code page of an English Windows, used if the source names none."""
DCC2_ROUNDS = 10240
DCC2_SIZE = 16


def lm(charset: str, password: str) -> bytes:
    """Encrypt a fixed text under each half of the upper-case password."""
    text = password.upper().encode(charset)[: 2 * LM_HALF].ljust(2 * LM_HALF, b"\0")
    return b"".join(_encrypt(text[i : i + LM_HALF]) for i in (0, LM_HALF))


def _encrypt(half: bytes) -> bytes:
    """Encrypt with DES, which takes 56 bits as eight bytes whose lowest bit is ignored."""
    bits = int.from_bytes(half, "big")
    key = bytes((bits >> 49 - 7 * i & 0x7F) << 1 for i in range(8))
    return DES.new(key, DES.MODE_ECB).encrypt(LM_TEXT)  # noqa: S304 (LM is DES)


def dcc2(username: str, rounds: int, password: str) -> bytes:
    """Derive with the name in lower case, as UTF-16."""
    salt = username.lower().encode("utf-16-le")
    first = digest("md4", digest("md4", password.encode("utf-16-le")) + salt)
    return pbkdf2("sha1", salt, rounds, DCC2_SIZE, first)


def _lm(stored: StoredHash, match: re.Match[str]) -> Check:
    charset = LM_CHARSET if stored.recipe.charset == "utf-8" else stored.recipe.charset
    key = unhex(match["digest"])
    key = key if len(key) > DES.block_size else key + LM_EMPTY
    return TextComparison(partial(lm, charset), key, "lm", padded=True)


def _dcc2(stored: StoredHash, match: re.Match[str]) -> Check:
    groups = match.groupdict()
    username = groups.get("user") or groups["name"] or stored.username
    if username is None:
        raise NoUsername("the format needs a username")
    rounds = limits.number(groups.get("rounds") or str(stored.recipe.iterations or DCC2_ROUNDS))
    work, key = limits.check_pbkdf2(rounds, DCC2_SIZE, DCC2_SIZE), unhex(match["digest"])
    return TextComparison(partial(dcc2, username, rounds), key, f"msdcc2 {rounds}", Executor.THREAD, work=work)


_LM = re.compile(
    rf"(?:\$LM\$|\{{LANMAN\}}|sambaLMPassword:+ *)?(?P<digest>{HEX_DIGIT}{{16}}|{HEX_DIGIT}{{32}})", re.IGNORECASE
)
_DCC2 = r"\$DCC2\$(?:(?P<rounds>[0-9]{1,9})#)?(?P<user>[^#]*)#"
_DCC2_DIGEST = rf"(?P<digest>{HEX_DIGIT}{{32}})(?::(?P<name>.*))?"
FORMATS = (
    Shape("lm", _LM, _lm, ("lmhash", "lanman")),
    Shape(
        "msdcc2",
        re.compile(_DCC2 + _DCC2_DIGEST),
        _dcc2,
        ("mscache2", "mscash2", "dcc2"),
        bare=re.compile(_DCC2_DIGEST),
    ),
)
