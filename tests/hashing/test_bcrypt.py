"""bcrypt agrees with old stores, at the limits of its key and in its historical variants."""

import bcrypt
import pytest

from service.hashing import registry
from service.hashing.executor import Executor
from service.hashing.format import Recipe, StoredHash
from service.hashing.formats.bcrypt import hash_bcrypt, sign_extended
from service.hashing.interleaved import recheck
from service.hashing.interleaved.interleaving import Interleavable
from service.hashing.registry import by_name

SALT = b"$2b$04$abcdefghijklmnopqrstuu"


def verifies(
    text: str, password: str, name: str = "bcrypt", pepper: bytes | None = None, charset: str = "utf-8"
) -> bool:
    check = registry.check(StoredHash(text, Recipe(name, charset=charset), pepper=pepper))
    matched = check.verify(password)
    if isinstance(check, Interleavable):  # the binary form that a pool interleaves gives the same verdict
        job = check.bcrypt_job(password)
        assert matched == (job is not None and recheck.matches(job))
    return matched


@pytest.mark.parametrize("length", [0, 71, 72, 73, 511, 512, 4095])
def test_what_is_behind_72_bytes_does_not_count(length: int) -> None:
    text = bcrypt.hashpw(b"x" * min(length, 72), SALT).decode()
    assert verifies(text, "x" * length)
    assert verifies(text, "x" * length + "y") == (length >= 72)


def test_a_character_may_be_cut_in_its_middle() -> None:
    text = bcrypt.hashpw(("x" * 71 + "é").encode()[:72], SALT).decode()
    assert verifies(text, "x" * 71 + "é")


@pytest.mark.parametrize("variant", ["2a", "2b", "2y"])
def test_three_names_are_one_computation(variant: str) -> None:
    text = bcrypt.hashpw(b"right", SALT).decode().replace("$2b$", f"${variant}$")
    assert verifies(text, "right")


def test_the_faulty_2x_is_imitated() -> None:
    """Vectors of crypt_blowfish 1.3, wrapper.c: the byte a3, here as text in latin-1."""
    faulty = "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"
    sound = "$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"
    assert verifies(faulty, "\xa3", charset="latin-1")
    assert verifies(sound, "\xa3", charset="latin-1")
    assert not verifies(faulty.replace("$2x$", "$2y$"), "\xa3", charset="latin-1")
    assert not verifies(sound.replace("$2y$", "$2x$"), "\xa3", charset="latin-1")


def test_the_fault_of_2x_needs_bytes_above_127() -> None:
    assert sign_extended(b"plain")[:6] == b"plain\0"


def test_the_first_2_repeats_the_password_without_a_nul() -> None:
    """As passlib has it: the password over and over, to 72 bytes."""
    text = bcrypt.hashpw((b"right" * 15)[:72], SALT).decode().replace("$2b$", "$2$")
    assert verifies(text, "right")
    assert not verifies(text, "wrong")


@pytest.mark.parametrize("right", ["", "right", "x" * 70])
def test_a_nul_does_not_disguise_a_password_as_another(right: str) -> None:
    text = bcrypt.hashpw(right.encode(), SALT).decode()
    assert not verifies(text, right + "\0" + right)
    assert not verifies(text, right + "\0")
    assert verifies(text, right)


def test_a_password_with_a_nul_is_hashed_whole() -> None:
    text = bcrypt.hashpw(b"be\0fore", SALT).decode()
    assert verifies(text, "be\0fore")
    assert not verifies(text, "be\0hind")
    assert not verifies(text, "be")


def test_spare_bits_in_the_salt_are_cleared() -> None:
    text = bcrypt.hashpw(b"right", SALT).decode()
    filled = text[:28] + "v" + text[29:]
    assert verifies(filled, "right")


def test_a_pepper_stands_behind_the_password() -> None:
    text = bcrypt.hashpw(b"rightpepper", SALT).decode()
    assert verifies(text, "right", "devise", b"pepper")
    assert verifies(text, "right", "bcrypt", b"pepper")
    assert not verifies(text, "right", "devise")


def test_a_wrapped_hash_costs_what_bcrypt_costs() -> None:
    text = bcrypt.hashpw(b"right", SALT).decode()
    check = by_name("meteor").parse(StoredHash(text, Recipe("meteor")))
    assert (check.cost, check.executor) == ("bcrypt 4", Executor.THREAD)


def test_wordpress_trims_what_is_typed() -> None:
    text = "$wp$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES"
    assert verifies(text, " admin\n", "wordpress")


def test_the_one_place_that_computes_gives_the_whole_hash() -> None:
    assert hash_bcrypt(b"right", SALT) == bcrypt.hashpw(b"right", SALT)
