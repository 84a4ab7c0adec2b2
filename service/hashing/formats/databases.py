"""Password functions of databases that no formula can express: MySQL, SQL Server 2000, Oracle 10.

MySQL: OLD_PASSWORD() of sql/password.c, and caching_sha2_password, which is SHA-crypt with a salt of 20 bytes. SQL
Server 2000: two SHA-1 digests of salt and password, as typed and in upper case. Oracle: DES in CBC mode over name and
password, twice.
"""

import re
from collections.abc import Iterable
from functools import partial

from Crypto.Cipher import DES

from service.hashing import crypt_loops, limits
from service.hashing.check import Comparison, TextComparison
from service.hashing.digests import digest
from service.hashing.encodings import HEX_DIGIT, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, NoUsername, StoredHash
from service.hashing.shape import Shape

ORACLE_KEY = bytes.fromhex("0123456789ABCDEF")
MAX_MYSQL_ROUNDS = 500_000
"""2 s in Python; the server's default is 5,000."""
MYSQL_ROUNDS = 1000
"""The unit of the three digits of `$A$005$`."""


def mysql323(secret: Iterable[int]) -> bytes:
    """Return two sums of 31 bits; blanks are ignored."""
    first, add, second = 0x50305735, 7, 0x12345671
    for byte in secret:
        if byte not in (0x20, 0x09):
            first ^= ((first & 63) + add) * byte + (first << 8) & 0xFFFFFFFF
            second = second + (second << 8 ^ first) & 0xFFFFFFFF
            add += byte
    return b"%08x%08x" % (first & 0x7FFFFFFF, second & 0x7FFFFFFF)


def zope_mysql(password: str) -> bytes:
    """Return the same as `mysql323`, over code points, as in `AuthEncoding.MySQLEncryptionScheme`."""
    return mysql323(map(ord, password))


def mysql_sha2(salt: bytes, rounds: int, secret: bytes) -> bytes:
    """Return SHA-256-crypt without its limit of 16 bytes of salt."""
    return crypt_loops.sha2_crypt("sha256", secret, salt, rounds).encode("ascii")


def mssql2000(salt: bytes, upper: bool, password: str) -> bytes:  # noqa: FBT001 (for `partial`)
    """Return one of the two digests."""
    return digest("sha1", (password.upper() if upper else password).encode("utf-16-le") + salt)


def oracle10(username: str, password: str) -> bytes:
    """Encrypt twice: the last block of the first pass is the key of the second; case is ignored."""
    text = (username + password).upper().encode("utf-16-be")
    text += bytes(-len(text) % DES.block_size)
    key = DES.new(ORACLE_KEY, DES.MODE_CBC, iv=bytes(8)).encrypt(text)[-8:]  # noqa: S304 (Oracle 10 is DES)
    return DES.new(key, DES.MODE_CBC, iv=bytes(8)).encrypt(text)[-8:]  # noqa: S304


def _zope_mysql(_stored: StoredHash, match: re.Match[str]) -> Check:
    return TextComparison(zope_mysql, match["digest"].lower().encode(), "mysql323")


def _mysql323(stored: StoredHash, match: re.Match[str]) -> Check:
    key = match["digest"].lower().encode()
    return Comparison(mysql323, key, "mysql323", charset=stored.recipe.charset)


def _mysql_sha2(stored: StoredHash, match: re.Match[str]) -> Check:
    rounds = int(match["rounds"] or match["rounds_hex"], 16) * MYSQL_ROUNDS
    salt = unhex(match["salt_hex"]) if match["salt_hex"] else match["salt"].encode("utf-8")
    key = unhex(match["digest_hex"]) if match["digest_hex"] else match["digest"].encode()
    return Comparison(
        derive=partial(mysql_sha2, salt, rounds),
        key=key,
        cost=f"mysql_sha2 {rounds}",
        executor=Executor.PROCESS,
        charset=stored.recipe.charset,
        work=limits.check_rounds(rounds, MAX_MYSQL_ROUNDS, "mysql_sha2"),
        looped=True,
    )


def _mssql2000(_: StoredHash, match: re.Match[str]) -> Check:
    """Parse the digest of the password as typed, or the upper-case one if a dump has zeros for the first."""
    exact, upper = unhex(match["digest"]), unhex(match["digest_upper"])
    if any(exact):
        return TextComparison(partial(mssql2000, unhex(match["salt"]), False), exact, "mssql2000")  # noqa: FBT003
    return TextComparison(partial(mssql2000, unhex(match["salt"]), True), upper, "mssql2000")  # noqa: FBT003


def _oracle10(stored: StoredHash, match: re.Match[str]) -> Check:
    username = match["user"] or stored.username or stored.salt
    if username is None:
        raise NoUsername("the format needs a username")
    return TextComparison(partial(oracle10, username), unhex(match["digest"]), "oracle10", padded=True)


_MYSQL_SHA2 = re.compile(
    r"(?s)\$A\$(?P<rounds>[0-9A-F]{3})\$(?P<salt>.{20})(?P<digest>[./0-9A-Za-z]{43})"
    rf"|\$mysql\$A\$(?P<rounds_hex>[0-9A-F]{{3}})\*(?P<salt_hex>{HEX_DIGIT}{{40}})\*(?P<digest_hex>{HEX_DIGIT}{{86}})"
)
_MSSQL2000 = re.compile(
    rf"0x0100(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{40}})(?P<digest_upper>{HEX_DIGIT}{{40}})", re.IGNORECASE
)
FORMATS = (
    Shape("mysql323", re.compile(rf"(?P<digest>{HEX_DIGIT}{{16}})"), _mysql323, ("mysql_old_password", "mysql4")),
    Shape("mysql_sha2", _MYSQL_SHA2, _mysql_sha2, ("caching_sha2_password", "mysql8")),
    Shape("mssql2000", _MSSQL2000, _mssql2000),
    Shape(
        "oracle10",
        re.compile(rf"(?P<digest>{HEX_DIGIT}{{16}})(?::(?P<user>.*))?"),
        _oracle10,
        ("oracle7", "oracle8i", "oracle10g", "oracle_h"),
    ),
)
ZOPE_MYSQL = Shape("zope_mysql", re.compile(rf"(?i)\{{MYSQL\}}(?P<digest>{HEX_DIGIT}{{16}})"), _zope_mysql)
ZOPE_FORMATS = (ZOPE_MYSQL,)
