"""Each bcrypt hash of another implementation has a binary form with the same verdict as its check."""

import pickle

import pytest

from service.hashing.check import attempts_at
from service.hashing.format import Check
from service.hashing.interleaved import recheck
from service.hashing.interleaved.engine import BcryptJob
from service.hashing.interleaved.interleaving import Interleavable
from tests.hashing.vectors import ALL, load

VECTORS = [load(line) for line in ALL if "$2" in str(line["hash"])]


def first_attempt(check: Check, password: str) -> Check:
    """Return the check of the password as it was typed."""
    return attempts_at(check, password)[0]


INTERLEAVABLE = [
    (vector.check, vector.password)
    for vector in VECTORS
    if isinstance(first := first_attempt(vector.check, vector.password), Interleavable)
    and first.verify(vector.password)
]


def job_of(check: Check, password: str) -> BcryptJob:
    attempt = first_attempt(check, password)
    assert isinstance(attempt, Interleavable)
    job = attempt.bcrypt_job(password)
    assert job is not None
    return job


def test_most_bcrypt_formats_can_be_interleaved() -> None:
    assert len(INTERLEAVABLE) > len(VECTORS) / 2


@pytest.mark.parametrize("check, password", INTERLEAVABLE, ids=range(len(INTERLEAVABLE)))
def test_the_binary_form_takes_the_right_password_and_no_other(check: Check, password: str) -> None:
    assert recheck.matches(job_of(check, password))
    assert not recheck.matches(job_of(check, "wrong" + password))


@pytest.mark.parametrize("check, password", INTERLEAVABLE, ids=range(len(INTERLEAVABLE)))
def test_a_check_shows_no_secret_and_can_be_pickled(check: Check, password: str) -> None:
    job = job_of(check, password)
    assert job.digest.hex() not in repr(check)
    assert job_of(pickle.loads(pickle.dumps(check)), password) == job  # noqa: S301 - our own
