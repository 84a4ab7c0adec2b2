"""Hashes of enterprise products: AIX, SAP, Domino, Sybase ASE.

AIX's loadable algorithms: `{smd5}` is md5_crypt without its prefix; `{ssha1}` and similar are PBKDF2 with 2 ** n
iterations in the digits of crypt(3). SAP H (`{x-issha, 1024}`): each round hashes the password and the last digest.
Sybase: SHA-256 of the password in UTF-16, padded to 510 bytes, and the salt.
"""

import re
from collections.abc import Callable
from functools import partial

from Crypto.Cipher import DES

from service.hashing import crypt_loops, limits
from service.hashing.check import Comparison, TextComparison
from service.hashing.columns import username_of
from service.hashing.digests import SIZES, digest, for_rounds
from service.hashing.encodings import HEX_DIGIT, to_base64_alphabet, unbase64, unbase64_alphabet, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, NoUsername, StoredHash
from service.hashing.formats.multiple import AnyOf
from service.hashing.formats.pbkdf2 import pbkdf2
from service.hashing.shape import Shape

# Internet passwords of HCL (Lotus) Domino's directory, in three versions.
#
# Version 5: a digest of Lotus's own, as 32 hex digits. Version 6, `(G…)`: that digest over five bytes of salt and the
# text of the first one. Version 8, `(H…)`: PBKDF2 over the text of version 6. The digest is built like MD2; both are
# documented by hashcat's modes 8600, 8700 and 9100.

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
"""Bytes of salt and text that version 6 uses, of 39."""
V6_SHOWN = 18
"""Characters of version 6 that hold salt and digest; a flag follows."""
V8_KEY = 8


def _mix(state: bytes, block: bytes) -> bytes:
    rows = bytearray(state + block + bytes(a ^ b for a, b in zip(state, block, strict=True)))
    last = 0
    for _ in range(ROUNDS):
        for i in range(len(rows)):
            last = rows[i] = rows[i] ^ TABLE[last + len(rows) - i & 0xFF]
    return bytes(rows[:BLOCK])


def digest5(data: bytes) -> bytes:
    """Return Lotus's digest of whole padded blocks followed by their checksum."""
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
    """Return version 6 without its brackets and prefix: 20 characters of salt and digest."""
    inner = b"(" + digest5(secret).hex().upper().encode("ascii") + b")"
    shown = bytes((*salt[:3], salt[3] + 4 & 0xFF, salt[4]))
    return to_base64_alphabet(shown + digest5((salt + inner)[:V6_READ])[: 15 - SALT], ALPHABET)


def domino6(salt: bytes, secret: bytes) -> bytes:
    """Return salt and digest as version 6 stores them."""
    return text6(salt, secret)[:V6_SHOWN].encode("ascii")


def domino8(salt: bytes, iterations: int, secret: bytes) -> bytes:
    """Return PBKDF2 of the text of version 6, whose salt is the first five bytes of this one's."""
    text = f"(G{text6(salt[:SALT], secret)[: V6_SHOWN + 1]})"
    return pbkdf2("sha1", salt, iterations, V8_KEY, text.encode("ascii"))


def _salt(raw: bytes) -> bytes:
    """Decode the salt, whose fourth byte is stored with 4 added."""
    return bytes((*raw[:3], raw[3] - 4 & 0xFF, *raw[4:]))


def _read5(stored: StoredHash, match: re.Match[str]) -> Check:
    return _looped(stored, digest5, unhex(match["digest"]), "domino5")


def _read6(stored: StoredHash, match: re.Match[str]) -> Check:
    salt = _salt(unbase64_alphabet(match["digest"][:8], ALPHABET)[:SALT])
    key = match["digest"].encode("ascii")
    return _looped(stored, partial(domino6, salt), key, "domino6")


def _read8(stored: StoredHash, match: re.Match[str]) -> Check:
    raw = unbase64_alphabet(match["salt"] + match["middle"] + match["digest"], ALPHABET)
    salt, count, key = _salt(raw[:16]), raw[16:26], raw[28:]
    if not count.isdigit():
        raise MalformedHash("the iterations are not a number")
    iterations = limits.number(count.decode("ascii"))
    work = limits.check_pbkdf2(iterations, V8_KEY, V8_KEY)
    return _looped(stored, partial(domino8, salt, iterations), key, f"domino8 {iterations}", work)


def _looped(
    stored: StoredHash, derive: Callable[[bytes], bytes], key: bytes, cost: str, work: float = 0.0
) -> Comparison:
    """Return a check that loops in Python over the bytes of the password."""
    return Comparison(derive, key, cost, Executor.PROCESS, stored.recipe.charset, work=work, looped=True)


_BASE64_DIGIT = r"[0-9A-Za-z+/]"
_V8 = rf"\(H(?P<salt>{_BASE64_DIGIT}{{21}})(?P<middle>{_BASE64_DIGIT}{{17}})(?P<digest>{_BASE64_DIGIT}{{10}})\)"
DOMINO_FORMATS = (
    Shape("domino5", re.compile(r"(?P<digest>[0-9A-Fa-f]{32})"), _read5, ("lotus5", "notes5"), names_itself=False),
    Shape(
        "domino6",
        re.compile(rf"\(G(?P<digest>{_BASE64_DIGIT}{{18}}){_BASE64_DIGIT}\)"),
        _read6,
        ("lotus6", "dominosec"),
    ),
    Shape("domino8", re.compile(_V8), _read8, ("lotus8", "dominosec8")),
)


# IBM's user databases: RACF of z/OS under DES, and IBM i (AS/400) under SHA-1.
#
# RACF encrypts the user's name under the password, both in EBCDIC with eight characters. IBM i, at password level 2
# and above, hashes name (ten characters) and password in UTF-16. Sources: hashcat's mode 8500, John the Ripper's
# as400-ssha1.

EBCDIC = "cp037"
RACF_LENGTH = 8
"""Characters of a name and of a password."""
AS400_LENGTH = 10
"""Characters to which a name is padded."""


def racf(username: str, password: str) -> bytes:
    """Encrypt the name; each byte of the key is that of the password XOR 0x55, shifted left by one bit."""
    if len(password) > RACF_LENGTH:
        return b""
    name, secret = (text.ljust(RACF_LENGTH).encode(EBCDIC) for text in (username.upper()[:RACF_LENGTH], password))
    key = bytes((byte ^ 0x55) << 1 & 0xFF for byte in secret)
    return DES.new(key, DES.MODE_ECB).encrypt(name)  # noqa: S304 (what RACF holds)


def racf_capitals(username: str, password: str) -> bytes:
    """Hash the password in capitals, as on systems without MIXEDCASE."""
    return racf(username, password.upper())


def as400(username: str, password: str) -> bytes:
    """Return SHA-1 of name and password."""
    return digest("sha1", (username.upper().ljust(AS400_LENGTH) + password).encode("utf-16-be"))


def _racf(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the hash, which does not say whether the password is case-sensitive: both are tried."""
    username, key = match["user"] or username_of(stored), unhex(match["digest"])
    return AnyOf(tuple(TextComparison(partial(each, username), key, "racf") for each in (racf, racf_capitals)))


def _as400(stored: StoredHash, match: re.Match[str]) -> Check:
    return TextComparison(partial(as400, match["user"] or username_of(stored)), unhex(match["digest"]), "as400")


IBM_FORMATS = (
    Shape(
        "racf",
        re.compile(rf"\$racf\$\*(?P<user>[^*]{{1,8}})\*(?P<digest>{HEX_DIGIT}{{16}})"),
        _racf,
        ("racf_des", "zos_racf"),
        bare=re.compile(rf"(?P<user>)(?P<digest>{HEX_DIGIT}{{16}})"),
    ),
    Shape(
        "as400_ssha1",
        re.compile(rf"\$as400ssha1\$(?P<digest>{HEX_DIGIT}{{40}})\$(?P<user>.{{1,10}})"),
        _as400,
        ("as400", "ibm_i", "os400"),
        bare=re.compile(rf"(?P<user>)(?P<digest>{HEX_DIGIT}{{40}})"),
    ),
)


# SAP's code versions B (BCODE, MD5) and F and G's PASSCODE (SHA-1), both with the user's name.
#
# Both compute a first digest of password and name, which selects how much of a fixed text goes into the second. Version
# B uses eight characters, ignoring case, in SAP's own numbering of characters; F uses UTF-8. Sources: hashcat's modes
# 7700 and 7800, and table USR02 of SAP (fields BCODE and PASSCODE).
B_LONGEST = 8
"""Characters of a password that version B uses; the rest is ignored, as in SAP."""
UNKNOWN = 0xFF
B_SIGNS = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
B_CODES = bytes.fromhex("3f40415043444 54b47484d4e54515346 56555c495d4a42 585b59ff524c 575e5a4f".replace(" ", ""))
"""The codes of these characters in version B."""
B_DIGITS = 0x35
"""The code of 0; the other digits follow. Letters count from 1."""
B_TEXT = bytes.fromhex(
    "1477f3d4bb7123d003ff479355aa6691f2886b99bfcb321a19d9a7822249a251e2b733718b9f5d014470ae11ef28f00d"
)
F_TEXT = bytes.fromhex(
    "91ac51149f67544324e73be028747bc2863313eb5a4fcb5c080a73370e5d1c2f338fe6e5f89baedd16f24b8d2ce1d4dc"
    "b0cbdf9dd4706d17f94d423f9b1b11949f5bc19b06059d039d5e138a1e9a6ae8d97c141758c72af6a199630ad7fd70c3"
    "f65e741303c90b042698f7268a929325b0a20d23ed63796d1332fa3c35029aa3b3dd8e0a24bf51c37ccd559f37af944c"
    "29085282b23b4e379f170791113bfdcd"
)
LEAST = 0x20
"""Bytes of the fixed text, or of its input, that are always used."""


def _coded(text: str) -> bytes:
    return bytes(_code(character) for character in text.upper())


def _code(character: str) -> int:
    if "A" <= character <= "Z":
        return ord(character) - ord("A") + 1
    if "0" <= character <= "9":
        return ord(character) - ord("0") + B_DIGITS
    place = B_SIGNS.find(character)
    return B_CODES[place] if place >= 0 else UNKNOWN


def _mixed(first: bytes, secret: bytes, name: bytes) -> bytes:
    """Interleave the bytes of password and name with bytes of the fixed text."""
    size = LEAST | sum(first[i] & 3 for i in (0, 1, 2, 3, 5))
    made, used, named = bytearray(), 0, 0
    while len(made) < size:
        if used < len(secret):
            if first[15 - used] & 1:
                made.append(B_TEXT[-1 - used])
            made.append(secret[used])
            used += 1
        if named < len(name):
            made.append(name[named])
            named += 1
        made.append(B_TEXT[len(made) - used - named])
        made.append(0)
    return bytes(made[:size])


def bcode(username: str, password: str) -> bytes:
    """Return version B: MD5, folded to half its length."""
    secret, name = _coded(password[:B_LONGEST]), _coded(username)
    raw = digest("md5", _mixed(digest("md5", secret + name), secret, name))
    return bytes(a ^ b for a, b in zip(raw[:8], raw[8:], strict=True))


def passcode(username: str, password: str) -> bytes:
    """Return version F: SHA-1."""
    secret, name = password.encode(), username.upper().encode()
    first = digest("sha1", secret + name)
    size = LEAST + sum(byte % 6 for byte in first[:10])
    start = sum(byte % 8 for byte in first[10:])
    return digest("sha1", secret + F_TEXT[start : start + size] + name)


def _read(derive: Callable[[str, str], bytes], stored: StoredHash, match: re.Match[str]) -> Check:
    username = match["user"] or stored.username or stored.salt
    if username is None:
        raise NoUsername("the format needs a username")
    key = unhex(match["digest"])
    known = key if any(key[len(key) // 2 :]) else key[: len(key) // 2]
    return TextComparison(partial(_known, derive, len(known), username.strip()), known, derive.__name__, padded=True)


def _known(derive: Callable[[str, str], bytes], length: int, username: str, password: str) -> bytes:
    """Return the first `length` bytes of the digest: RFC_READ_TABLE returned only half of the field."""
    return derive(username, password)[:length]


_USER = r"(?:(?P<user>.{1,40})\$)?(?P<digest>(?:[0-9A-Fa-f]{2}){%d})"
SAP_FORMATS = (
    Shape("sap_b", re.compile(_USER % 8), partial(_read, bcode), ("sap_codvn_b", "sap_bcode"), names_itself=False),
    Shape(
        "sap_f",
        re.compile(_USER % 20),
        partial(_read, passcode),
        ("sap_codvn_f", "sap_codvn_g", "sap_g", "sap_passcode"),
        names_itself=False,
    ),
)


SYBASE_LENGTH = 510
"""Bytes: 255 characters, the longest password."""
SAP_DIGESTS = {"": "sha1", "256": "sha256", "384": "sha384", "512": "sha512"}
_DIGIT = r"[./0-9A-Za-z]"


def aix_pbkdf2(name: str, salt: bytes, iterations: int, secret: bytes) -> bytes:
    """Return the derived key in the digits of crypt(3)."""
    key = pbkdf2(name, salt, iterations, SIZES[name], secret)
    digits = -(-len(key) * 8 // 6)
    return crypt_loops.encode(key + bytes(-len(key) % 3))[:digits].encode("ascii")


def aix_smd5(salt: bytes, secret: bytes) -> bytes:
    """Return md5_crypt without a prefix."""
    return crypt_loops.md5_crypt(secret, salt, b"").encode("ascii")


def sap_h(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """Hash password and salt in the first round, then the password and the last digest."""
    hashed, value = for_rounds(name), salt
    for _ in range(rounds):
        value = hashed(secret + value)
    return value


def sybase(salt: bytes, password: str) -> bytes:
    """Return SHA-256 of the padded password and the salt."""
    return digest("sha256", password.encode("utf-16-be").ljust(SYBASE_LENGTH, b"\0") + salt)


def _aix_pbkdf2(stored: StoredHash, match: re.Match[str]) -> Check:
    name = match["name"]
    iterations = 1 << int(match["cost"])
    work = limits.check_pbkdf2(iterations, SIZES[name], SIZES[name])
    return Comparison(
        partial(aix_pbkdf2, name, match["salt"].encode(), iterations),
        match["digest"].encode("ascii"),
        f"pbkdf2-{name} {iterations}",
        Executor.THREAD,
        stored.recipe.charset,
        padded=True,
        work=work,
    )


def _aix_smd5(stored: StoredHash, match: re.Match[str]) -> Check:
    derive = partial(aix_smd5, match["salt"].encode())
    return _looped(stored, derive, match["digest"].encode("ascii"), "aix_smd5")


def _sap_h(stored: StoredHash, match: re.Match[str]) -> Check:
    name, raw = SAP_DIGESTS[match["name"] or ""], unbase64(match["digest"])
    rounds = limits.number(match["rounds"])
    work = limits.check_rounds(rounds)
    key, salt = raw[: SIZES[name]], raw[SIZES[name] :]
    if len(key) < SIZES[name]:
        raise MalformedHash("the digest is too short")
    derive = partial(sap_h, name, salt, rounds)
    return _looped(stored, derive, key, f"sap_h {name} {rounds}", work)


def _sybase(_: StoredHash, match: re.Match[str]) -> Check:
    return TextComparison(partial(sybase, unhex(match["salt"])), unhex(match["digest"]), "sybase", padded=True)


_AIX = (
    r"\{s(?P<name>sha1|sha256|sha512)\}(?P<cost>[0-9]{2})"
    rf"\$(?P<salt>{_DIGIT}{{8,48}})\$(?P<digest>{_DIGIT}{{27,86}})"
)
_SAP = r"\{x-is(?:sha|SHA(?P<name>256|384|512)), ?(?P<rounds>[0-9]{1,9})\}(?P<digest>[A-Za-z0-9+/]{28,200}={0,2})"
FORMATS = (
    Shape("aix_ssha", re.compile(_AIX), _aix_pbkdf2, ("aix_ssha1", "aix_ssha256", "aix_ssha512")),
    Shape(
        "aix_smd5",
        re.compile(rf"\{{smd5\}}(?P<salt>{_DIGIT}{{1,8}})\$(?P<digest>{_DIGIT}{{22}})"),
        _aix_smd5,
    ),
    Shape("sap_h", re.compile(_SAP), _sap_h, ("sap_codvn_h", "sap_issha")),
    Shape(
        "sybase_ase",
        re.compile(rf"0xc007(?P<salt>{HEX_DIGIT}{{16}})(?P<digest>{HEX_DIGIT}{{64}})", re.IGNORECASE),
        _sybase,
        ("sybase",),
    ),
)
