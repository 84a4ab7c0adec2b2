"""Every vector of another implementation verifies only its password, loaded as an operator would load it."""

import pickle
import re

import pytest

from service.hashing import registry
from service.hashing.formats.product import Family, Product
from service.hashing.formula.typed import TypedFormat
from tests.hashing.vectors import ALL, MORE, load

WRAPPED = {"bcrypt", "phpass"}
"""Applications apply these to a digest, and nothing in the hash shows it."""
each_vector = pytest.mark.parametrize("line", ALL, ids=[f"{index}-{line['format']}" for index, line in enumerate(ALL)])


@each_vector
def test_the_right_password_verifies(line: dict[str, object]) -> None:
    vector = load(line)
    assert vector.check.verify(vector.password)


@each_vector
def test_a_wrong_password_does_not(line: dict[str, object]) -> None:
    vector = load(line)
    assert not vector.check.verify("wrong" + vector.password)


@each_vector
def test_a_dummy_hash_costs_the_same_and_belongs_to_no_account(line: dict[str, object]) -> None:
    vector = load(line)
    made = registry.dummy_hash(vector.stored)
    check, original = registry.check(made), vector.check
    assert (check.cost, check.executor) == (original.cost, original.executor)
    assert (made.hash, made.salt) != (vector.stored.hash, vector.stored.salt)
    assert check != original


@each_vector
def test_a_check_can_go_to_another_process_and_shows_no_secret(line: dict[str, object]) -> None:
    check = load(line).check
    assert pickle.loads(pickle.dumps(check)).cost == check.cost  # noqa: S301 (our own bytes)
    shown = repr(check) + repr(load(line).stored)
    assert not [part for part in re.findall(r"[A-Za-z0-9+/]{16,}", str(line["hash"])) if part in shown]


@pytest.mark.parametrize("line", MORE, ids=[f"{index}-{line['format']}" for index, line in enumerate(MORE)])
def test_the_format_is_told_from_the_text_or_must_be_named(line: dict[str, object]) -> None:
    text, label = str(line["hash"]), str(line["format"])
    found = [each.name for each in registry.candidates(text)]
    if must_be_named(text, label, beside="salt" in line):
        assert len(found) != 1 or found[0] in {label, *members(label)} | WRAPPED, "it would be taken for another"
    else:
        assert label in found


def members(label: str) -> set[str]:
    """Return the formats of a name, if it stands for several."""
    named = None if registry.is_formula(label) else registry.by_name(label)
    return {each.name for each in named.members} if isinstance(named, Family) else set()


def must_be_named(text: str, label: str, *, beside: bool) -> bool:
    """Return whether a hash does not identify its format: a formula or family, an ambiguous shape, or no prefix."""
    if registry.is_formula(label):
        return True
    found = registry.by_name(label)
    named = found.format if isinstance(found, TypedFormat) else found
    marked = getattr(named, "bare", None) is not None or isinstance(named, Product)
    bare = beside or (marked and not named.recognises(text))
    return bare or isinstance(named, Family) or not getattr(named, "names_itself", True)
