"""Hashes that differ only in their digits are parsed once; all others are parsed separately."""

import pytest

from service.hashing import registry
from service.hashing.format import StoredHash, UnusableHash
from service.loading.hashes import HashResolver, parse_key
from service.loading.reject import Reason, RejectedRow
from service.loading.sources import Source
from tests.hashing.vectors import ALL, load
from tests.loading.loader import BCRYPT, OTHER_BCRYPT

DIGEST = "5f4dcc3b5aa765d61d8327deb882cf99"


def resolver(**settings: object) -> HashResolver:
    return HashResolver(Source("s", **settings), {})  # type: ignore[arg-type]


def test_alike_hashes_have_one_recipe_and_other_costs_another() -> None:
    known = resolver()
    numbers = [known.resolve({}, text)[0] for text in (BCRYPT, OTHER_BCRYPT, BCRYPT.replace("$04$", "$05$"))]
    assert numbers == [1, 1, 2]
    assert [each.cost for each in known.new] == ["bcrypt 4", "bcrypt 5"]


def test_a_costly_or_broken_hash_is_refused_after_good_ones() -> None:
    known = resolver()
    known.resolve({}, BCRYPT)
    for text, reason in (
        (BCRYPT.replace("$04$", "$31$"), Reason.TOO_COSTLY),
        (BCRYPT.replace("$04$", "$03$"), Reason.MALFORMED_HASH),
        (BCRYPT[:-1], Reason.UNKNOWN_SHAPE),
    ):
        with pytest.raises(RejectedRow) as raised:
            known.resolve({}, text)
        assert raised.value.reason is reason


def test_a_row_without_the_salt_that_its_formula_needs_is_refused_after_rows_with_one() -> None:
    known = resolver(format="md5($salt.$pass)")
    known.resolve({"salt": "ab"}, DIGEST)
    with pytest.raises(RejectedRow, match="salt"):
        known.resolve({"salt": ""}, DIGEST)


def test_a_salt_is_read_row_by_row_where_it_is_encoded() -> None:
    known = resolver(format="md5($salt.$pass)", salt_encoding="hex")
    known.resolve({"salt": "abcd"}, DIGEST)
    with pytest.raises(RejectedRow):
        known.resolve({"salt": "xyz"}, DIGEST)


def test_rows_that_are_parsed_one_by_one_have_one_recipe_all_the_same() -> None:
    known = resolver(format="md5($salt.$pass)", salt_encoding="hex")
    assert [known.resolve({"salt": salt}, DIGEST)[0] for salt in ("abcd", "ef01", "abcd")] == [1, 1, 1]
    assert len(known.new) == 1


def test_a_salt_that_is_read_in_two_ways_has_a_recipe_of_its_own() -> None:
    known = resolver(format="pbkdf2_md5", iterations=1000)
    numbers = [known.resolve({"salt": salt}, DIGEST)[0] for salt in ("c2FsdHM=", "salt", "cGVwcGU=")]
    assert numbers == [1, 2, 1]


def test_a_digest_of_another_length_is_refused_after_good_ones() -> None:
    known = resolver(format="md5($pass)")
    known.resolve({}, DIGEST)
    with pytest.raises(RejectedRow):
        known.resolve({}, DIGEST[:-2])


def is_alike(line: dict[str, object]) -> bool:
    stored = load(line).stored
    return parse_key(stored.recipe, stored.hash, stored.salt, stored.username) is not None


WRITTEN_SO = [line for line in ALL if is_alike(line)]


@pytest.mark.parametrize("line", WRITTEN_SO, ids=[f"{index}-{line['format']}" for index, line in enumerate(WRITTEN_SO)])
def test_other_digits_in_hex_base64_or_bcrypt_change_nothing_of_how_a_hash_is_checked(line: dict[str, object]) -> None:
    """For every format with such an encoding: the assumption by which similar hashes are not parsed again."""
    stored = load(line).stored
    text = stored.hash
    said = len("$2b$10$") if text.startswith("$2") else text.find("}") + 1
    shifted = text[:said] + text[said:].translate(str.maketrans("0123456789abcdef", "fedcba9876543210"))
    other = StoredHash(shifted, stored.recipe, stored.salt, stored.username, stored.pepper)
    try:
        found = registry.check(other)
    except UnusableHash as fault:
        pytest.fail(str(fault))
    assert found.cost == registry.check(stored).cost
