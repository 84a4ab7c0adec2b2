"""Hashes by libpass of random passwords are verified here, in all formats that both support."""

import secrets
import warnings
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.hashing import registry
from service.hashing.format import Recipe, StoredHash

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from passlib import hash as libpass


QUICK: dict[str, dict[str, object]] = {
    "argon2": {"time_cost": 1, "memory_cost": 64, "parallelism": 1},
    "atlassian_pbkdf2_sha1": {},
    "bcrypt": {"rounds": 4},
    "bcrypt_sha256": {"rounds": 4},
    "cta_pbkdf2_sha1": {"rounds": 10},
    "dlitz_pbkdf2_sha1": {"rounds": 10},
    "django_bcrypt": {"rounds": 4},
    "django_bcrypt_sha256": {"rounds": 4},
    "django_pbkdf2_sha1": {"rounds": 10},
    "django_pbkdf2_sha256": {"rounds": 10},
    "django_salted_md5": {},
    "django_salted_sha1": {},
    "fshp": {"rounds": 10},
    "grub_pbkdf2_sha512": {"rounds": 10},
    "ldap_md5": {},
    "ldap_pbkdf2_sha1": {"rounds": 10},
    "ldap_pbkdf2_sha256": {"rounds": 10},
    "ldap_pbkdf2_sha512": {"rounds": 10},
    "ldap_salted_md5": {},
    "ldap_salted_sha1": {},
    "ldap_salted_sha256": {},
    "ldap_salted_sha512": {},
    "ldap_sha1": {},
    "pbkdf2_sha1": {"rounds": 10},
    "pbkdf2_sha256": {"rounds": 10},
    "pbkdf2_sha512": {"rounds": 10},
    "scram": {"rounds": 10},
    "scrypt": {"rounds": 4},
}
"""libpass's formats by name, with parameters that take microseconds."""
LENGTHS = (0, 1, 71, 72, 73, 511, 512, 4096)
NO_NUL = {"bcrypt", "django_bcrypt", "django_bcrypt_sha256", "bcrypt_sha256"}
"""libpass rejects a NUL in passwords for bcrypt."""


def hashed(name: str, password: str) -> str:
    """Hash with libpass."""
    secret = password
    if name in ("bcrypt", "django_bcrypt"):  # the bcrypt package rejects more than 72 bytes, where others truncate
        secret = password.encode()[:72].decode("utf-8", "ignore")
    hasher: Callable[[str], str] = getattr(libpass, name).using(**QUICK[name]).hash
    return hasher(secret)


def verifies(text: str, password: str) -> bool:
    (only, *_) = registry.candidates(text)
    return registry.check(StoredHash(text, Recipe(only.name))).verify(password)


@pytest.mark.parametrize("name", QUICK)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=st.text(st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0"), max_size=60))
def test_a_random_password_verifies_and_another_does_not(name: str, password: str) -> None:
    if name == "scram" and not is_prepared(password):
        return
    text = hashed(name, password)
    assert verifies(text, password)
    assert not verifies(text, "x" + password)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", sorted(set(QUICK) - {"scram"}))
def test_a_password_of_any_length_verifies(name: str, length: int) -> None:
    password = secrets.token_hex(length)[:length]
    text = hashed(name, password)
    assert verifies(text, password)
    assert not verifies(text, "x" + password)


@pytest.mark.parametrize("name", sorted(set(QUICK) - NO_NUL - {"scram"}))
def test_a_nul_inside_a_password_counts_like_any_character(name: str) -> None:
    text = hashed(name, "be\0fore")
    assert verifies(text, "be\0fore")
    assert not verifies(text, "be")
    assert not verifies(text, "be\0hind")


def is_prepared(password: str) -> bool:
    """Return whether SASLprep accepts a password: libpass rejects the others."""
    try:
        libpass.scram.using(rounds=1).hash(password)
    except ValueError:
        return False
    return True
