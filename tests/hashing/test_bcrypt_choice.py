"""The bcrypt implementation is the fastest verified one, or the configured one, or an error with the reason."""

from collections.abc import Callable

import bcrypt
import pytest

from service.hashing import libxcrypt
from service.hashing.bcrypt_choice import BcryptUnavailable, choose_bcrypt
from service.hashing.formats.bcrypt import SALT, FastBcrypt
from service.hashing.interleaved import selfcheck
from service.hashing.interleaved.engine import MakeKernel
from tests.hashing.interleaved.fakes import PackageKernel


class Wrong(PackageKernel):
    def digest(self, _key: bytes, _salt: bytes, _cost: int) -> bytes:
        return bytes(23)


def kernel() -> MakeKernel:
    return PackageKernel


def wrong() -> MakeKernel:
    return Wrong


def missing() -> MakeKernel:
    raise ImportError("no compiler")


@pytest.fixture
def single() -> FastBcrypt:
    return FastBcrypt()


def test_a_kernel_that_is_no_faster_is_not_used(single: FastBcrypt) -> None:
    choice = choose_bcrypt(single=single, load=kernel)  # PackageKernel runs one check after another
    assert choice.implementation == choice.single != "interleaved"
    assert choice.interleaving is None
    assert "times as fast" in choice.reason


def test_a_kernel_that_is_fast_enough_is_used(single: FastBcrypt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selfcheck, "MIN_SPEEDUP", 0.0)
    choice = choose_bcrypt(single=single, load=kernel)
    assert choice.implementation == "interleaved"
    assert choice.interleaving is not None
    assert choice.interleaving.usable


def test_a_kernel_that_is_set_is_used_however_slow(single: FastBcrypt) -> None:
    choice = choose_bcrypt("interleaved", single=single, load=kernel)
    assert choice.implementation == "interleaved"
    assert choice.interleaving is not None


@pytest.mark.parametrize("load", [wrong, missing])
def test_a_kernel_that_is_not_proved_is_not_used_and_setting_it_is_an_error(
    single: FastBcrypt, load: Callable[[], MakeKernel]
) -> None:
    assert choose_bcrypt(single=single, load=load).interleaving is None
    with pytest.raises(BcryptUnavailable, match=r"^BCRYPT: interleaved cannot be used\. The C extension"):
        choose_bcrypt("interleaved", single=single, load=load)


def test_after_a_fault_the_choice_names_what_is_used_instead_and_why(single: FastBcrypt) -> None:
    choice = choose_bcrypt("interleaved", single=single, load=kernel)
    assert choice.in_use()["implementation"] == "interleaved"
    assert choice.interleaving is not None
    choice.interleaving.switch_off("it disagrees with the bcrypt package")
    choice.interleaving.switch_off("another")
    assert choice.in_use()["implementation"] == choice.single
    assert "it disagrees with the bcrypt package" in str(choice.in_use()["reason"])


def test_the_package_is_used_where_it_is_set(single: FastBcrypt) -> None:
    choice = choose_bcrypt("package", single=single, load=kernel)
    assert (choice.implementation, choice.single, choice.interleaving) == ("package", "package", None)
    assert single(b"a", SALT) == bcrypt.hashpw(b"a", SALT)


def test_libxcrypt_that_is_set_and_missing_is_an_error(single: FastBcrypt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libxcrypt, "library", lambda: None)
    with pytest.raises(BcryptUnavailable, match=r"^BCRYPT: libxcrypt is not on this machine"):
        choose_bcrypt("libxcrypt", single=single, load=kernel)


def test_libxcrypt_is_used_where_it_is_set(single: FastBcrypt) -> None:
    if not libxcrypt.supports(SALT):
        pytest.skip("libxcrypt is not on this machine")
    assert choose_bcrypt("libxcrypt", single=single, load=kernel).implementation == "libxcrypt"
