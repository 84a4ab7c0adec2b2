"""Hashes that Okta can import directly, in the form of `credentials.password.hash`.

Okta computes one digest of password and salt, bcrypt, or PBKDF2 (https://developer.okta.com/docs/api/openapi/okta-management/
management/tag/User/, PasswordCredentialHash). A hash is classified by what its check computes, not by its layout.
"""

import base64
import enum
from collections.abc import Callable, Mapping
from functools import partial

from service.hashing.check import Comparison, Either
from service.hashing.digests import digest
from service.hashing.format import Check
from service.hashing.formats import bcrypt, frameworks, ldap
from service.hashing.formats.pbkdf2 import pbkdf2
from service.hashing.formula import FormulaCheck
from service.hashing.formula.cost import uses_password
from service.hashing.formula.functions import Given
from service.hashing.formula.operations import Concatenation, Hashed, Operation, Variable
from service.hashing.formula.typed import TypedCheck, interpretations_of
from service.hashing.typed_passwords import ALMOST_RAW

DIGESTS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}
PBKDF2_DIGESTS = {"sha256": "SHA256_HMAC", "sha512": "SHA512_HMAC"}
MIN_ITERATIONS = 4096
"""The PBKDF2 limits of Okta's schema."""
MAX_WORK_FACTOR = 20
"""The bcrypt limit of Okta's schema."""

UTF_8 = "utf-8"

MOSTLY_RAW = tuple(map(interpretations_of, ALMOST_RAW))

NativeHash = dict[str, str | int]
"""The value of `credentials.password.hash`; it holds the digest, so it is never logged."""


class NotNative(enum.Enum):
    """Why Okta cannot import a hash; the value is a word for reports."""

    ALGORITHM = "algorithm"
    """Okta does not compute this function."""
    COMPOSITION = "composition"
    """Iterated, nested, keyed, or salted on both sides: Okta hashes the password and one salt, once."""
    CHARSET = "charset"
    """The store did not hash UTF-8."""
    AMBIGUOUS = "ambiguous"
    """The hash has more than one interpretation."""
    ITERATIONS = "iterations"
    """Okta requires at least 4,096 PBKDF2 iterations, and a bcrypt work factor of at most 20."""


def native_hash(check: Check) -> NativeHash | NotNative:
    """Return the hash in Okta's form, or why Okta cannot import it."""
    match check:
        case Comparison():
            return _of_comparison(check)
        case bcrypt.BcryptCheck():
            native = _bcrypt(check.key, check.prepare, check.variant, check.salt)
            return native if check.charset == UTF_8 else NotNative.CHARSET
        case FormulaCheck():
            return _of_formula(check)
        case Either():
            return NotNative.AMBIGUOUS
        case TypedCheck():
            # Okta would hash the password as typed.
            return native_hash(check.check) if check.interpretations in MOSTLY_RAW else NotNative.COMPOSITION
        case _:
            return NotNative.ALGORITHM


def _of_comparison(check: Comparison) -> NativeHash | NotNative:
    derive = check.derive
    writer = _WRITERS.get(derive.func) if isinstance(derive, partial) else None
    if writer is None or not isinstance(derive, partial):
        return NotNative.ALGORITHM
    return writer(check.key, *derive.args) if check.charset == UTF_8 else NotNative.CHARSET


def _bcrypt(key: bytes, prepare: object, variant: object, setting: bytes) -> NativeHash | NotNative:
    """Return Okta's form of bcrypt; `setting` is `$2b$`, two digits of cost, `$`, and 22 characters of salt."""
    if prepare is not bcrypt.plain or variant is not bcrypt.plain:
        return NotNative.COMPOSITION
    _, _, cost, salt = setting.decode("ascii").split("$")
    if int(cost) > MAX_WORK_FACTOR:
        return NotNative.ITERATIONS
    return {"algorithm": "BCRYPT", "workFactor": int(cost), "salt": salt, "value": key.decode("ascii")}


def _pbkdf2(key: bytes, prf: str, salt: bytes, iterations: int, length: int) -> NativeHash | NotNative:
    if prf not in PBKDF2_DIGESTS:
        return NotNative.ALGORITHM
    if iterations < MIN_ITERATIONS:
        return NotNative.ITERATIONS
    return {
        "algorithm": "PBKDF2",
        "salt": _base64(salt),
        "value": _base64(key),
        "iterationCount": iterations,
        "keySize": length,
        "digestAlgorithm": PBKDF2_DIGESTS[prf],
    }


def _digest(key: bytes, name: str, salt: bytes = b"", order: str = "PREFIX") -> NativeHash | NotNative:
    if name not in DIGESTS:
        return NotNative.ALGORITHM
    salted: NativeHash = {"salt": _base64(salt), "saltOrder": order} if salt else {}
    return {"algorithm": DIGESTS[name], **salted, "value": _base64(key)}


_WRITERS: Mapping[object, Callable[..., NativeHash | NotNative]] = {
    bcrypt.derive: _bcrypt,
    pbkdf2: _pbkdf2,
    digest: _digest,
    frameworks.salted: partial(_digest, order="PREFIX"),
    ldap.salted: partial(_digest, order="POSTFIX"),
}
"""By the function that a check derives its key with; each takes the key and that function's arguments."""


def _of_formula(check: FormulaCheck) -> NativeHash | NotNative:
    if len(check.interpretations) > 1:
        return NotNative.AMBIGUOUS
    root, key = check.interpretations[0]
    if not isinstance(root, Hashed):
        return NotNative.ALGORITHM
    if check.given.charset != UTF_8:
        return NotNative.CHARSET
    before, after = (_bytes(check.given, side) for side in _sides(root.operand) or ((), ()))
    if root.rounds > 1 or _sides(root.operand) is None or (before and after):
        return NotNative.COMPOSITION
    return _digest(key, root.algorithm, before or after, "POSTFIX" if after else "PREFIX")


def _sides(operand: Operation) -> tuple[tuple[Operation, ...], tuple[Operation, ...]] | None:
    """Return the parts before and after the password, or None if it does not occur exactly once and unchanged."""
    values = operand.values if isinstance(operand, Concatenation) else (operand,)
    places = [i for i, value in enumerate(values) if uses_password(value)]
    if len(places) != 1 or values[places[0]] != Variable("pass"):
        return None
    return values[: places[0]], values[places[0] + 1 :]


def _bytes(given: Given, values: tuple[Operation, ...]) -> bytes:
    return b"".join(given.encode(value.evaluate(given)) for value in values)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
