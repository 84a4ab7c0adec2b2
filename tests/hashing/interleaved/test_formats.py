"""Each bcrypt hash of another implementation has a binary form, and it has the verdict of its check."""

import pickle

import pytest

from service.hashing.interleaved import reference
from service.hashing.interleaved.interleaving import Interleavable
from tests.hashing.vectors import ALL, load

CHECKS = [(vector.check, vector.password) for vector in map(load, (line for line in ALL if "$2" in str(line["hash"])))]
INTERLEAVABLE = [(check, password) for check, password in CHECKS if isinstance(check, Interleavable)]


def test_most_bcrypt_formats_can_be_interleaved() -> None:
    assert len(INTERLEAVABLE) > len(CHECKS) / 2


@pytest.mark.parametrize("check, password", INTERLEAVABLE, ids=range(len(INTERLEAVABLE)))
def test_the_binary_form_takes_the_right_password_and_no_other(check: Interleavable, password: str) -> None:
    right, wrong = check.bcrypt_job(password), check.bcrypt_job("wrong" + password)
    assert right is not None
    assert reference.matches(right)
    assert wrong is not None
    assert not reference.matches(wrong)


@pytest.mark.parametrize("check, password", INTERLEAVABLE, ids=range(len(INTERLEAVABLE)))
def test_a_check_shows_no_secret_and_can_be_pickled(check: Interleavable, password: str) -> None:
    job = check.bcrypt_job(password)
    assert job is not None
    assert job.digest.hex() not in repr(check)
    assert pickle.loads(pickle.dumps(check)).bcrypt_job(password) == job  # noqa: S301 - our own
