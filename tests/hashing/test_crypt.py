"""crypt(3): libpass as the oracle, long passwords and NUL, bounds, and a machine without libxcrypt."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib.hash import (
    apr_md5_crypt,
    bigcrypt,
    bsdi_crypt,
    des_crypt,
    md5_crypt,
    sha1_crypt,
    sha256_crypt,
    sha512_crypt,
    sun_md5_crypt,
)

from service.hashing import crypt_loops, libxcrypt, registry
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, Recipe, StoredHash, TooCostly, UnusableHash
from service.hashing.formats.crypt import read_parameters

ORACLES = {
    "md5_crypt": md5_crypt,
    "apr_md5_crypt": apr_md5_crypt,
    "sha256_crypt": sha256_crypt.using(rounds=1003),
    "sha512_crypt": sha512_crypt.using(rounds=1001),
    "sha1_crypt": sha1_crypt.using(rounds=37),
    "sun_md5_crypt": sun_md5_crypt.using(rounds=2),
    "des_crypt": des_crypt,
    "bsdi_crypt": bsdi_crypt.using(rounds=33),
}
LOOPED = ("md5_crypt", "apr_md5_crypt", "sha256_crypt", "sha512_crypt", "sha1_crypt")
"""Methods that Python computes if libxcrypt does not."""
passwords = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


def check(text: str, name: str | None = None) -> Check:
    return registry.check(StoredHash(text, Recipe(name or registry.candidates(text)[0].name)))


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libxcrypt, "library", lambda: None)


@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=12, deadline=None)
@given(password=passwords)
def test_a_hash_of_libpass_verifies_its_password_and_no_other(name: str, password: str) -> None:
    found = check(ORACLES[name].hash(password), name)
    assert found.verify(password)
    assert not found.verify("x" + password)


@pytest.mark.parametrize("name", ORACLES)
def test_a_hash_describes_itself(name: str) -> None:
    assert [each.name for each in registry.candidates(ORACLES[name].hash("password"))] == [name]


@pytest.mark.parametrize("length", [72, 73, 511, 512, 4096])
@pytest.mark.parametrize("name", LOOPED)
def test_a_long_password_verifies_also_where_the_library_refuses_it(name: str, length: int) -> None:
    found = check(ORACLES[name].hash("p" * length), name)
    assert found.verify("p" * length)
    assert not found.verify("p" * (length - 1))


@pytest.mark.parametrize("name", ORACLES)
def test_a_password_does_not_end_at_a_nul(name: str) -> None:
    found = check(ORACLES[name].hash("right"), name)
    assert found.verify("right")
    assert not found.verify("right\0junk")
    assert not found.verify("right\0")


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("password", ["", "\0", "\ud800", "é" * 4096, "x" * 511, "x" * 512])
def test_no_password_is_a_fault(name: str, password: str) -> None:
    assert not check(ORACLES[name].hash("right"), name).verify(password)


def test_the_empty_password_verifies() -> None:
    assert check(sha512_crypt.using(rounds=1000).hash("")).verify("")


@settings(max_examples=12, deadline=None)
@given(password=st.text("abcé 9", min_size=9, max_size=30))
def test_bigcrypt_reads_beyond_eight_characters(password: str) -> None:
    found = check(bigcrypt.hash(password), "bigcrypt")
    assert found.verify(password)
    assert not found.verify(password[:8])
    assert not found.verify(password + "\0")


def test_des_ignores_what_follows_eight_characters_as_it_always_did() -> None:
    found = check(des_crypt.hash("password"))
    assert found.verify("password-and-more" * 50)
    assert not found.verify("passwort")


@pytest.mark.parametrize("name", ["md5_crypt", "sha256_crypt", "sha512_crypt", "sha1_crypt"])
def test_a_machine_without_the_library_gives_the_same_verdicts_in_a_worker(name: str, no_library: None) -> None:
    found = pickle.loads(pickle.dumps(check(ORACLES[name].hash("pässword"), name)))  # noqa: S301 (our own)
    assert found.executor is Executor.PROCESS
    assert (found.verify("pässword"), found.verify("passwort")) == (True, False)


@pytest.mark.parametrize("name", ["des_crypt", "bsdi_crypt", "sun_md5_crypt"])
def test_a_machine_without_the_library_refuses_what_it_cannot_compute(name: str, no_library: None) -> None:
    with pytest.raises(MalformedHash, match="libxcrypt"):
        check(ORACLES[name].hash("password"), name)


@settings(max_examples=15, deadline=None)
@given(password=passwords, rounds=st.integers(1000, 1100), salt=st.text("./09AZaz", max_size=16))
def test_the_loops_in_python_equal_the_library(password: str, rounds: int, salt: str) -> None:
    for digit, algorithm in (("5", "sha256"), ("6", "sha512")):
        setting = f"${digit}$rounds={rounds}${salt}$".encode()
        made = libxcrypt.crypt(password.encode(), setting)
        assert made.rpartition(b"$")[2].decode() == crypt_loops.sha2_crypt(
            algorithm, password.encode(), salt.encode(), rounds
        )


@pytest.mark.parametrize(
    "text",
    [
        "$6$rounds=1500001$salt$" + "a" * 86,
        "$5$rounds=999999999$salt$" + "a" * 43,
        "$sha1$1000001$salt$" + "a" * 28,
        "$md5,rounds=999999$salt$$" + "a" * 22,
        "_zzzzsalt" + "a" * 11,
        "$y$jFT$salt$" + "a" * 43,
        "$gy$jzzz$salt$" + "a" * 43,
        "$7$Z6..../....salt$" + "a" * 43,
        "$7$A6....zz...salt$" + "a" * 43,
    ],
)
def test_a_hash_that_takes_too_long_or_too_much_memory_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(UnusableHash):
        check(text)


def test_too_many_rounds_are_named() -> None:
    with pytest.raises(TooCostly, match="rounds"):
        check("$6$rounds=99999999$salt$" + "a" * 86)


def test_the_parameters_of_yescrypt_are_read() -> None:
    assert read_parameters("j9T") == (4096, 32, 1, 0)
    assert read_parameters("jDT") == (65536, 32, 1, 0)


def test_yescrypt_verifies_what_the_library_makes() -> None:
    made = libxcrypt.crypt("pässword".encode(), b"$y$j75$abcdefghijklmnopqrstu.$").decode()
    found = check(made)
    assert (found.verify("pässword"), found.verify("password"), found.executor) == (True, False, Executor.THREAD)


@settings(deadline=None)
@given(st.text("$156apry.,=rounds0Az_:é\0 ", max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    for each in registry.candidates(text):
        try:
            found = each.parse(StoredHash(text, Recipe(each.name)))
        except UnusableHash:
            continue
        assert found.cost
