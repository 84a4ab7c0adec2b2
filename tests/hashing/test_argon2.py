"""Argon2 with all lanes in one thread has the same results."""

import pytest
from argon2.low_level import Type, hash_secret_raw

from service.hashing.formats.argon2 import Argon2Failed, argon2_key

SALT = b"somesalt"


@pytest.mark.parametrize("kind", list(Type))
@pytest.mark.parametrize("version", [16, 19])
@pytest.mark.parametrize("lanes", [1, 2, 5, 8])
@pytest.mark.parametrize("secret", [b"", b"password", b"with\0NUL", b"x" * 4096])
def test_it_is_what_the_reference_computes_with_a_thread_for_each_lane(
    kind: Type, version: int, lanes: int, secret: bytes
) -> None:
    expected = hash_secret_raw(secret, SALT, 2, 8 * lanes, lanes, 24, kind, version)
    assert argon2_key(kind, version, (8 * lanes, 2, lanes), SALT, 24, secret) == expected


def test_what_libargon2_refuses_is_a_fault_and_no_digest() -> None:
    with pytest.raises(Argon2Failed, match=r"(?i)salt"):
        argon2_key(Type.ID, 19, (64, 1, 1), b"short", 32, b"password")
