"""The encodings that hashes are stored in.

Legacy stores pad base64 or not and mix its alphabets. The readers accept these variants and nothing else.
"""

import base64
import binascii
import codecs
import functools
import re

from service.hashing.format import MalformedHash

HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
BASE64 = re.compile(r"[A-Za-z0-9+/\-_.]*={0,2}")
HEX_DIGEST = re.compile(r"(?:[0-9A-Fa-f]{2}){16,}")
"""A text of 32 or more hex digits: base64 of that length is very unlikely to consist of hex digits alone."""
MIN_DIGEST = 12
"""Bytes: a shorter digest, which only truncation produces, would match wrong passwords too easily."""
CRYPT64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""The alphabet of crypt(3), where `.` is 0 (called hash64 by passlib)."""
BCRYPT64 = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
"""The alphabet of bcrypt: the same characters in a different order."""
HEX_DIGIT = r"[0-9A-Fa-f]"
"""A pattern for hex digits of either case."""
_CHARSETS = """
ascii utf-7 utf-8 utf-8-sig utf-16 utf-16-be utf-16-le utf-32 utf-32-be utf-32-le
iso8859-1 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 iso8859-10 iso8859-11
iso8859-13 iso8859-14 iso8859-15 iso8859-16
cp037 cp273 cp424 cp437 cp500 cp720 cp737 cp775 cp850 cp852 cp855 cp856 cp857 cp858 cp860 cp861 cp862 cp863 cp864
cp865 cp866 cp869 cp874 cp875 cp932 cp949 cp950 cp1006 cp1026 cp1125 cp1140 cp1250 cp1251 cp1252 cp1253 cp1254
cp1255 cp1256 cp1257 cp1258
koi8-r koi8-t koi8-u kz1048 ptcp154 hp-roman8 tis-620 palmos
mac-arabic mac-croatian mac-cyrillic mac-farsi mac-greek mac-iceland mac-latin2 mac-roman mac-romanian mac-turkish
big5 big5hkscs euc-jp euc-jis-2004 euc-jisx0213 euc-kr gb2312 gbk gb18030 hz johab shift-jis shift-jis-2004
shift-jisx0213 iso2022-jp iso2022-jp-1 iso2022-jp-2 iso2022-jp-2004 iso2022-jp-3 iso2022-jp-ext iso2022-kr
"""
CHARSETS = frozenset(_CHARSETS.split())
"""The password charsets: Python's, without `idna` and `punycode` (which take seconds) and the escape codecs."""
STANDARD64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def unhex(text: str) -> bytes:
    """Decode hex digits of either case."""
    if not HEX.fullmatch(text):
        raise MalformedHash("a part that should be hex is not")
    return bytes.fromhex(text)


def unbase64(text: str) -> bytes:
    """Decode base64 of the standard or the URL alphabet, or passlib's ab64 (`.` for `+`), padded or not."""
    if not BASE64.fullmatch(text):
        raise MalformedHash("a part that should be base64 is not")
    digits = text.rstrip("=").replace("-", "+").replace("_", "/").replace(".", "+")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4))
    except binascii.Error:
        raise MalformedHash("a part that should be base64 has an impossible length") from None


def unbase64_alphabet(text: str, alphabet: str) -> bytes:
    """Decode base64 with the 64 digits of `alphabet`, most significant bits first, without padding."""
    if any(character not in alphabet for character in text):
        raise MalformedHash("a part has a character outside its alphabet")
    return unbase64(text.translate(str.maketrans(alphabet, STANDARD64)))


def to_base64_alphabet(raw: bytes, alphabet: str) -> str:
    """Encode base64 with the 64 digits of `alphabet`, most significant bits first, without padding."""
    return base64.b64encode(raw).decode("ascii").rstrip("=").translate(str.maketrans(STANDARD64, alphabet))


def undigest(text: str, size: int) -> bytes:
    """Decode a digest of `size` bytes from hex or base64, distinguished by length."""
    raw = unhex(text) if len(text) == 2 * size else unbase64(text)
    if len(raw) != size:
        raise MalformedHash("the digest has the wrong length")
    return raw


def undigest_column(text: str) -> bytes:
    """Decode a digest of any size from hex or base64."""
    raw = unhex(text) if HEX_DIGEST.fullmatch(text) else unbase64(text)
    if len(raw) < MIN_DIGEST:
        raise MalformedHash("the digest is too short")
    return raw


def to_bytes(text: str, charset: str) -> bytes:
    """Encode a part of a stored hash that is used as text."""
    encoded = encode(text, charset)
    if encoded is None:
        raise MalformedHash("a part of the hash is not in the charset of its source")
    return encoded


@functools.lru_cache(maxsize=64)
def is_charset(name: str) -> bool:
    """Return whether `name`, in any spelling, is a charset in which passwords may be encoded."""
    try:
        return codecs.lookup(name).name.replace("_", "-") in CHARSETS
    except (LookupError, ValueError):
        return False


def require_charset(charset: str) -> None:
    """Reject a charset that is not one of `CHARSETS`: verdicts could be wrong, or encoding could take seconds."""
    if not is_charset(charset):
        raise MalformedHash(f"no charset is called {charset!r}")


def encode(text: str, charset: str) -> bytes | None:
    """Encode a password, or return None if the charset lacks one of its characters: then it cannot be right."""
    try:
        return text.encode(charset)
    except (UnicodeError, LookupError):
        return None
