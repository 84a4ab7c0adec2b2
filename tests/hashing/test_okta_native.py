"""Which hashes Okta could import itself, and the reasons otherwise; each result is computed again as Okta would."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import bcrypt
import pytest

from service.hashing import registry
from service.hashing.format import Recipe, StoredHash
from service.hashing.okta_native import NativeHash, NotNative, native_hash

VECTORS = [json.loads(line) for line in Path(__file__).with_name("vectors.jsonl").read_text("utf-8").splitlines()]
DIGESTS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}


def native(text: str, name: str | None = None, **columns: str | bytes) -> NativeHash | NotNative:
    recipe = Recipe(name or registry.candidates(text)[0].name)
    return native_hash(registry.check(StoredHash(text, recipe, **columns)))  # type: ignore[arg-type]


def okta_accepts(fields: NativeHash, password: str) -> bool:
    """Return what Okta computes according to its documentation."""
    secret, value = password.encode(), str(fields["value"])
    salt = base64.b64decode(str(fields.get("salt", ""))) if fields["algorithm"] != "BCRYPT" else b""
    match fields["algorithm"]:
        case "BCRYPT":
            setting = f"$2b${fields['workFactor']:02}${fields['salt']}"
            return bcrypt.hashpw(secret[:72], setting.encode()).decode() == setting + value
        case "PBKDF2":
            prf = str(fields["digestAlgorithm"]).partition("_")[0].lower()
            size, count = int(fields["keySize"]), int(fields["iterationCount"])
            return hashlib.pbkdf2_hmac(prf, secret, salt, count, size) == base64.b64decode(value)
        case name:
            salted = secret + salt if fields.get("saltOrder") == "POSTFIX" else salt + secret
            return hmac.compare_digest(hashlib.new(DIGESTS[str(name)], salted).digest(), base64.b64decode(value))


def test_of_all_vectors_those_that_are_native_verify_as_okta_computes() -> None:
    seen = set()
    for line in VECTORS:
        found = registry.candidates(line["hash"])
        if len(found) != 1 or "pepper" in line:
            continue
        row = StoredHash(line["hash"], Recipe(found[0].name), line.get("salt"), line.get("username"))
        fields = native_hash(registry.check(row))
        if isinstance(fields, dict) and "bcrypt_of" not in line["format"]:
            assert okta_accepts(fields, line["password"]), line["format"]
            seen.add(fields["algorithm"])
    assert seen == {"BCRYPT", "PBKDF2", "MD5", "SHA-1", "SHA-256", "SHA-512"}


@pytest.mark.parametrize(
    "formula, digest, columns",
    [
        ("sha256($pass)", hashlib.sha256(b"pw"), {}),
        ("sha256($salt.$pass)", hashlib.sha256(b"saltpw"), {"salt": "salt"}),
        ("sha512($pass.$salt)", hashlib.sha512(b"pwsalt"), {"salt": "salt"}),
        ("sha1(strtolower($user).$pass)", hashlib.sha1(b"joepw", usedforsecurity=False), {"username": "Joe"}),
        ("md5($pass.'-'.md5($salt))", hashlib.md5(b"pw-" + hashlib.md5(b"s").hexdigest().encode()), {"salt": "s"}),  # noqa: S324
    ],
)
def test_a_formula_of_one_digest_and_one_salt_is_native(
    formula: str, digest: "hashlib._Hash", columns: dict[str, str]
) -> None:
    fields = native(digest.hexdigest(), formula, **columns)
    assert isinstance(fields, dict)
    assert okta_accepts(fields, "pw")


@pytest.mark.parametrize(
    "formula, reason",
    [
        ("md5(md5($pass))", NotNative.COMPOSITION),
        ("md5($salt.$pass.$salt)", NotNative.COMPOSITION),
        ("md5(utf16le($pass))", NotNative.COMPOSITION),
        ("md5_bin^2($pass)", NotNative.COMPOSITION),
        ("md5($pass.$pass)", NotNative.COMPOSITION),
        ("md5($pass) | md5($pass.$salt)", NotNative.AMBIGUOUS),
        ("md4($pass)", NotNative.ALGORITHM),
        ("hmac_md5($salt, $pass)", NotNative.ALGORITHM),
    ],
)
def test_a_formula_of_more_than_that_is_not(formula: str, reason: NotNative) -> None:
    assert native("a" * 32, formula, salt="s") is reason


def test_a_store_that_did_not_hash_utf_8_is_not_native() -> None:
    row = StoredHash("a" * 32, Recipe("md5", charset="latin-1"))
    assert native_hash(registry.check(row)) is NotNative.CHARSET


def test_pbkdf2_needs_iterations_and_a_digest_that_okta_computes() -> None:
    digest = base64.b64encode(bytes(32)).decode()
    assert native(f"pbkdf2_sha256$4095$salt${digest}") is NotNative.ITERATIONS
    assert native(f"pbkdf2_sha1$9999$salt${digest[:28]}") is NotNative.ALGORITHM
    assert isinstance(native(f"pbkdf2_sha256$4096$salt${digest}"), dict)


def test_bcrypt_of_something_else_or_with_a_pepper_is_not_native() -> None:
    text = bcrypt.hashpw(b"pw", bcrypt.gensalt(4)).decode()
    assert isinstance(native(text), dict)
    assert isinstance(native("{bcrypt}" + text), dict)
    assert not isinstance(native(text, "bcrypt", pepper=b"pepper"), dict)
    assert not isinstance(native(text, "bcrypt(sha256($pass))"), dict)
    assert not isinstance(native("$wp" + text), dict)
