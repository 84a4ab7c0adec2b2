"""The hashes of products, databases, Windows and firewalls, with libpass or a second composition as the oracle."""

import hashlib
import pickle
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib.hash import (
    cisco_asa,
    cisco_pix,
    lmhash,
    msdcc,
    msdcc2,
    mssql2000,
    mssql2005,
    mysql41,
    mysql323,
    nthash,
    oracle10,
    oracle11,
    phpass,
    postgres_md5,
)

from service.hashing import registry
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, Recipe, StoredHash, UnusableHash
from service.hashing.formats import products
from service.hashing.formats.product import Product

Make = Callable[[str], str]
NAME = "Jürgen"
ORACLES: dict[str, Make] = {
    "lm": lmhash.hash,
    "nt": nthash.hash,
    "msdcc": lambda password: msdcc.hash(password, user=NAME),
    "msdcc2": lambda password: msdcc2.hash(password, user=NAME),
    "mysql323": mysql323.hash,
    "mysql41": mysql41.hash,
    "mssql2000": mssql2000.hash,
    "mssql2005": mssql2005.hash,
    "oracle10": lambda password: oracle10.hash(password, user=NAME),
    "oracle11": oracle11.hash,
    "postgres_md5": lambda password: postgres_md5.hash(password, user=NAME),
    "phpass": phpass.using(rounds=7).hash,
    "cisco_pix": lambda password: cisco_pix.hash(password[:5], user=NAME),
    "cisco_asa": lambda password: cisco_asa.hash(password[:10], user=NAME),
}
CUT = {"cisco_pix": 5, "cisco_asa": 10}
passwords = st.text("abcXYZ019 $éü", min_size=1, max_size=14)


def check(name: str, text: str, username: str | None = NAME) -> Check:
    found = registry.check(StoredHash(text, Recipe(name), username=username))
    return pickle.loads(pickle.dumps(found))  # type: ignore[no-any-return] # noqa: S301 (our own)


@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=20, deadline=None)
@given(password=passwords)
def test_a_hash_of_libpass_verifies_its_password_and_no_other(name: str, password: str) -> None:
    text = ORACLES[name](password)
    right = password[: CUT.get(name)]
    found = check(name, text)
    assert found.verify(right)
    assert not found.verify("x" + right)
    assert check(name, text.swapcase() if name in {"nt", "lm"} else text).verify(right)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize(
    "password",
    ["", "\0", "\ud800", "\u2603", "é" * 4096, "x" * 512, "right\0junk", "right\0", "right" + "\0" * 9 + "x"],
)
def test_no_password_is_a_fault(name: str, password: str) -> None:
    assert not check(name, ORACLES[name]("right")).verify(password)


@pytest.mark.parametrize("length", [1, 3, 12, 13, 15, 16, 17, 27, 28, 31, 32])
def test_firewalls_take_the_name_in_by_the_length_of_the_password(length: int) -> None:
    password = "p" * length
    if length <= cisco_pix.truncate_size:
        assert check("cisco_pix", cisco_pix.hash(password, user="joe"), "joe").verify(password)
    assert check("cisco_asa", cisco_asa.hash(password, user="joe"), "joe").verify(password)
    assert check("cisco_asa", cisco_asa.hash(password, user=""), None).verify(password)


def test_a_name_may_stand_behind_a_colon() -> None:
    assert check("oracle10", oracle10.hash("tiger", user="scott") + ":scott", None).verify("tiger")
    assert check("postgres_md5", postgres_md5.hash("tiger", user="a:b") + ":a:b", None).verify("tiger")


def test_lm_ignores_case_and_half_of_it_means_a_short_password() -> None:
    assert check("lm", lmhash.hash("PassWord")).verify("pASSwORD")
    assert check("lm", lmhash.hash("secret")[:16]).verify("Secret")
    assert not check("lm", lmhash.hash("secret7")[:16]).verify("secret7more")


def test_sql_server_2000_compares_case_unless_only_the_upper_case_digest_is_there() -> None:
    text = mssql2000.hash("Secret")
    assert not check("mssql2000", text).verify("SECRET")
    assert check("mssql2000", text[:14] + "0" * 40 + text[54:]).verify("secret")


def test_oracle_12_is_pbkdf2_with_its_own_salt() -> None:
    salt = bytes(range(16))
    key = hashlib.pbkdf2_hmac("sha512", "pässword".encode(), salt + b"AUTH_PBKDF2_SPEEDY_KEY", 4096, 64)
    digest = hashlib.sha512(key + salt).hexdigest().upper()
    spare4 = f"S:{'A' * 60};H:{'B' * 32};T:{digest}{salt.hex().upper()}"
    assert check("oracle12", spare4).verify("pässword")
    assert not check("oracle12", spare4).verify("password")
    assert [each.name for each in registry.candidates(spare4)] == ["oracle12"]


def test_drupal_stretches_sha512_and_its_upgrade_of_md5_in_place() -> None:
    digits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def drupal(password: bytes) -> str:
        digest = hashlib.sha512(b"saltsalt" + password).digest()
        for _ in range(2**7):
            digest = hashlib.sha512(digest + password).digest()
        number = int.from_bytes(digest + bytes(2), "little")
        return "$S$5saltsalt" + "".join(digits[number >> 6 * i & 63] for i in range(43))

    found = check("drupal7", drupal(b"password"))
    assert (found.verify("password"), found.verify("passwort"), found.executor) == (True, False, Executor.PROCESS)
    inner = hashlib.md5(b"password", usedforsecurity=False).hexdigest()
    assert check("drupal7", "U" + drupal(inner.encode())).verify("password")


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


SHA256, SHA1 = sha256(sha256("pw") + "salt"), sha1(sha1("pw") + "salt")
PORTABLE = phpass.using(rounds=7, salt="saltsalt").hash("pw")


@pytest.mark.parametrize(
    "text",
    [
        f'a:3:{{s:4:"hash";s:64:"{SHA256}";s:4:"salt";s:4:"salt";s:8:"hashFunc";s:6:"sha256";}}',
        f'a:3:{{s:4:"hash";s:40:"{SHA1}";s:4:"salt";s:4:"salt";s:8:"hashFunc";s:4:"sha1";}}',
        f'{{"hash": "{SHA256}", "salt": "salt", "hashFunc": "sha256"}}',
        f'{{"hash":"{SHA1}","salt":"salt"}}',
        f'a:1:{{s:4:"hash";s:34:"{PORTABLE}";}}',
    ],
)
def test_xenforos_serialised_data_is_read(text: str) -> None:
    (found,) = registry.candidates(text)
    row = StoredHash(text, Recipe(found.name))
    assert found.parse(row).verify("pw")
    assert not found.parse(row).verify("pW")
    assert found.recognises(found.dummy_hash(row).hash)


def test_restful_authentication_takes_its_site_key_from_the_pepper_or_a_third_column() -> None:
    digest = "key"
    for _ in range(10):
        digest = sha1(f"{digest}--salt--pw--key")
    row = StoredHash(digest, Recipe("restful_authentication"), salt="salt", pepper=b"key")
    assert registry.check(row).verify("pw")
    assert registry.check(StoredHash(f"{digest}:salt:key", row.recipe)).verify("pw")
    assert registry.check(StoredHash(f"{digest}:salt:key", row.recipe, salt="salt")).verify("pw")


def test_what_only_looks_like_many_things_is_never_one_thing_alone() -> None:
    for text in ("a" * 32, "a" * 40, "a" * 64, "a" * 128, "a" * 32 + ":salt", "a" * 40 + ":salt", "a" * 64 + ":salt"):
        assert len(registry.candidates(text)) > 1


@pytest.mark.parametrize("product", products.FORMATS, ids=lambda product: product.name)
def test_a_product_refuses_what_is_no_hash_of_its_own(product: Product) -> None:
    for text in ("", ":", "x", "a" * 31, "\0" * 32, "é" * 32, "$", "a" * 5000):
        with pytest.raises(UnusableHash):
            product.parse(StoredHash(text, Recipe(product.name), salt="s", username="u", pepper=b"p"))


def test_a_digest_without_its_layout_has_a_dummy_hash_with_the_usual_rounds() -> None:
    stored = StoredHash("ab" * 32, Recipe("sspr_3"), "salt")
    assert registry.check(registry.dummy_hash(stored)).cost == registry.check(stored).cost


def test_an_unpaired_surrogate_is_no_hash() -> None:
    with pytest.raises(MalformedHash):
        registry.check(StoredHash("8743b52063cd84\ud8009", Recipe("half_md5")))
