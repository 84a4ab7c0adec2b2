"""The faster bcrypt returns the same results.

Vectors: those that Openwall ships with crypt_blowfish (wrapper.c, https://www.openwall.com/crypt/).
"""

from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.hashing import libxcrypt as hashing_libxcrypt
from service.hashing.formats import bcrypt as formats_bcrypt
from service.hashing.formats.bcrypt import SALT, FastBcrypt, Hash, by_libxcrypt, equal

VECTORS = [
    (b"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", b"U*U"),
    (b"$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", b"U*U*"),
    (b"$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", b"U*U*U"),
    (b"$2b$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", b""),
    (b"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", b"\xff\xff\xa3"),
    (
        b"$2b$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    ),
]


@pytest.fixture(scope="module")
def libxcrypt() -> Hash:
    if not hashing_libxcrypt.supports(SALT):
        pytest.skip("libxcrypt is not on this machine")
    return by_libxcrypt


@pytest.fixture
def chooser() -> FastBcrypt:
    return FastBcrypt()


@pytest.mark.parametrize("hashed, password", VECTORS)
def test_libxcrypt_agrees_with_the_vectors_of_its_author(libxcrypt: Hash, hashed: bytes, password: bytes) -> None:
    assert libxcrypt(password, hashed[:29]) == hashed


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=72))
def test_libxcrypt_and_the_package_agree_on_any_password(libxcrypt: Hash, password: bytes) -> None:
    assert libxcrypt(password, SALT) == bcrypt.hashpw(password, SALT)


def test_a_nul_does_not_end_the_password(libxcrypt: Hash) -> None:
    assert libxcrypt(b"right\0junk", SALT) == bcrypt.hashpw(b"right\0junk", SALT) != libxcrypt(b"right", SALT)


def test_threads_do_not_mix_up_their_hashes(libxcrypt: Hash) -> None:
    passwords = [str(number).encode() for number in range(64)]
    with ThreadPoolExecutor(4) as threads:
        hashes = list(threads.map(lambda password: libxcrypt(password, SALT), passwords))
    assert hashes == [bcrypt.hashpw(password, SALT) for password in passwords]


def test_before_anything_is_proved_the_package_is_used(chooser: FastBcrypt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats_bcrypt, "by_libxcrypt", None)
    assert chooser(b"a", SALT) == bcrypt.hashpw(b"a", SALT)


def test_the_choice_is_named_and_hashes_alike(chooser: FastBcrypt) -> None:
    assert chooser.choose() in {"libxcrypt", "package"}
    assert chooser(b"a", SALT) == bcrypt.hashpw(b"a", SALT)


def test_where_the_library_is_missing_the_package_is_chosen(
    chooser: FastBcrypt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing_libxcrypt, "library", lambda: None)
    assert chooser.choose() == "package"


def test_a_library_that_hashes_otherwise_is_not_chosen(
    chooser: FastBcrypt, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hashing_libxcrypt, "supports", lambda _: True)
    monkeypatch.setattr(formats_bcrypt, "by_libxcrypt", lambda _, __: b"$2b$04$" + b"x" * 53)
    assert chooser.choose() == "package"
    assert "not used" in caplog.text
    assert chooser(b"a", SALT) == bcrypt.hashpw(b"a", SALT)


def test_one_that_takes_8_bit_characters_for_signed_is_found_out() -> None:
    def faulty(password: bytes, salt: bytes) -> bytes:
        return bcrypt.hashpw(password.replace(b"\xff", b"\x7f"), salt)

    assert not equal(faulty)
