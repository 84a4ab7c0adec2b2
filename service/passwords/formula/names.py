"""The names that a formula may call and what each builds. Knows no tokens.

A digest's name may end in the form of its value: `sha1_bin`, `md5_hexupper`; `raw(sha1(…))` says the same.
"""

import re
from collections.abc import Mapping

from service.immutable import immutable
from service.passwords import digests
from service.passwords.formula.digested import Feed
from service.passwords.formula.functions import ALIASES, FUNCTIONS
from service.passwords.formula.values import Form

SUFFIXES: Mapping[str, Form] = {
    "bin": Form.RAW,
    "raw": Form.RAW,
    "hex": Form.HEX,
    "hexupper": Form.UPPER,
    "upper": Form.UPPER,
    "base64": Form.BASE64,
    "b64": Form.BASE64,
}
VARIABLES: Mapping[str, str] = {
    "pass": "pass",
    "password": "pass",
    "p": "pass",
    "plain": "pass",
    "salt": "salt",
    "s": "salt",
    "salt1": "salt1",
    "salt2": "salt2",
    "user": "user",
    "username": "user",
    "u": "user",
    "pepper": "pepper",
    "key": "pepper",
}
"""What stands after the $, and the variable it means; the short ones are John the Ripper's."""
_KINDS = ("pbkdf2_hmac_", "pbkdf2_", "hmac_", "")


@immutable
class DigestName:
    """A digest, alone or as the heart of HMAC or PBKDF2, with what its suffix says."""

    kind: str
    """``digest``, ``hmac`` or ``pbkdf2``."""
    algorithm: str
    form: Form | None
    feed: Feed | None


def plain(name: str) -> str:
    """A name in the spelling of the tables: lower case, parts joined by `_`."""
    return re.sub(r"[-/]", "_", name.lower())


def digest_name(name: str) -> DigestName | None:
    """Read the name of a digest, an HMAC or a PBKDF2, or return None if it is none."""
    text = plain(name)
    kind = next(each for each in _KINDS if text.startswith(each))
    body, _, suffix = text[len(kind) :].rpartition("_")
    feed = Feed.CHAIN if suffix == "chain" else None
    if suffix not in SUFFIXES and feed is None:
        body, suffix = text[len(kind) :], ""
    algorithm = _algorithm(body)
    if algorithm is None or (kind and algorithm not in _takes(kind)):
        return None
    return DigestName(kind.partition("_")[0] or "digest", algorithm, SUFFIXES.get(suffix), feed)


def function_name(name: str) -> str | None:
    """The function of this name or alias, or None."""
    text = plain(name)
    text = ALIASES.get(text, text)
    return text if text in FUNCTIONS else None


def _algorithm(text: str) -> str | None:
    """``sha_1``, ``sha-256`` and ``sha3-256`` are ``sha1``, ``sha256`` and ``sha3_256``."""
    compact = re.sub(r"^(sha|md|blake2|ripemd)_", r"\1", text)
    compact = re.sub(r"^(sha3|keccak)_?(\d{3})$", r"\1_\2", compact)
    if re.fullmatch(r"blake2[bs]_\d{3}", compact) and compact in {"blake2b_512", "blake2s_256"}:
        compact = compact[:7]
    return compact if compact in digests.SIZES else None


def _takes(kind: str) -> frozenset[str]:
    """The digests that an HMAC or a PBKDF2 is known with: what OpenSSL lacks cannot be stretched fast enough."""
    keyed = frozenset(name for name in digests.SIZES if not name.startswith("keccak"))
    return keyed if kind == "hmac_" else keyed - digests.BY_OTHERS


def known_names() -> frozenset[str]:
    """Every name that may be called, for suggestions."""
    kinds = (f"{kind}{name}" for kind in ("hmac_", "pbkdf2_") for name in _takes(kind))
    return frozenset({*digests.SIZES, *kinds, *FUNCTIONS, *ALIASES, "bcrypt", "scrypt"})
