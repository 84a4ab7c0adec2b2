"""Any stored hash and any password result in a named fault or a verdict, and never in a false match."""

import random
import string
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.hashing import registry
from service.hashing.executor import Executor
from service.hashing.format import Format, StoredHash, UnusableHash
from tests.hashing.vectors import ALL, Vector, load

CHARACTERS = string.ascii_letters + string.digits + "$./+=:,{}|*-_ \n\0é😀²٣\ud800"
PASSWORDS = (
    "",
    "\0",
    "wrong",
    "wröng",
    "wrong😀",
    "\ud800",
    "x" * 72,
    "x" * 73,
    "x" * 511,
    "x" * 512,
    "x" * 4096,
    "x\0x",
)
PADDED = {"lm", "oracle10", "cisco_pix", "hmac_md5_key_pass", "hmac_sha1_key_pass", "hmac_sha512_key_pass"}
"""These pad the password with NULs, so an additional NUL changes nothing; the products accepted it too."""
VECTORS = [load(line) for line in ALL]
CHEAP = [vector for vector in VECTORS if vector.check.executor is Executor.INLINE]


def cut(generator: random.Random, text: str) -> str:
    return text[: generator.randrange(len(text) + 1)]


def drop(generator: random.Random, text: str) -> str:
    place = generator.randrange(len(text) + 1)
    return text[:place] + text[place + 1 :]


def put(generator: random.Random, text: str) -> str:
    place = generator.randrange(len(text) + 1)
    return text[:place] + generator.choice(CHARACTERS) + text[place + generator.randrange(2) :]


def swell(generator: random.Random, text: str) -> str:
    place = generator.randrange(len(text) + 1)
    return text[:place] + generator.choice("09A$") * generator.choice((5, 13, 5000)) + text[place:]


def corrupt(generator: random.Random, text: str) -> str:
    for _ in range(generator.choice((1, 1, 1, 2, 4))):
        text = generator.choice((cut, drop, put, swell))(generator, text)
    return text


def corrupted(generator: random.Random, stored: StoredHash) -> StoredHash:
    part = generator.randrange(4)
    if part == 0 and stored.salt is not None:
        return replace(stored, salt=corrupt(generator, stored.salt))
    if part == 1 and stored.username is not None:
        return replace(stored, username=corrupt(generator, stored.username))
    return replace(stored, hash=corrupt(generator, stored.hash))


@settings(max_examples=800, deadline=None)
@given(st.sampled_from(VECTORS), st.randoms(use_true_random=False))
def test_a_corrupted_hash_is_refused_by_name_or_refuses(vector: Vector, generator: random.Random) -> None:
    stored = corrupted(generator, vector.stored)
    try:
        check = registry.check(stored)
    except UnusableHash:
        return
    assert registry.check(registry.dummy_hash(stored)).cost == check.cost
    if check.executor is Executor.INLINE:
        assert not any(check.verify(password) for password in PASSWORDS)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200), st.sampled_from(registry.FORMATS))
def test_no_text_crashes_a_format(text: str, each: Format) -> None:
    format_ = each
    recipe = replace(VECTORS[0].stored.recipe, format=format_.name)
    format_.recognises(text)
    registry.candidates(text)
    try:
        format_.parse(StoredHash(text, recipe, salt=text, username=text))
    except UnusableHash:
        return


@pytest.mark.parametrize("vector", CHEAP, ids=lambda vector: vector.stored.recipe.format)
def test_no_password_crashes_a_check_or_slips_through(vector: Vector) -> None:
    check, right = vector.check, vector.password
    tried = {*PASSWORDS, right + "\0junk", right + "\0" + right} - {right}
    if vector.stored.recipe.format not in PADDED:
        tried.add(right + "\0")
    assert not [password for password in sorted(tried) if check.verify(password)]


@pytest.mark.parametrize(
    "vector",
    {
        vector.stored.recipe.format: vector for vector in VECTORS if vector.check.executor is not Executor.INLINE
    }.values(),
    ids=lambda vector: vector.stored.recipe.format,
)
def test_an_odd_password_does_not_slip_through_a_slow_check(vector: Vector) -> None:
    check, right = vector.check, vector.password
    assert not check.verify("\ud800")
    assert not check.verify(right + "\0" + right)
