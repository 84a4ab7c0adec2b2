"""A diagnosis finds unnamed recipes, confirms them with the code of sign-in, and stops in time."""

import pytest

from service.hashing import registry
from service.hashing.diagnosis import Budget, Case, Finding, OutOfTime, diagnose
from service.hashing.format import Recipe, StoredHash
from tests.hashing.diagnosis.recipes import KNOWN, PASSWORD, SALT, Known, x

CANDIDATES = 800_000
"""The limit of each search here, counted instead of timed. bench/diagnosis.py measures without it."""
LATER = (
    "argon2",
    "hmac",
    "sha256(hmac",
    "md5(hmac",
    "pbkdf2",
    "scrypt",
    "sha256 ",
    "sha1 hex",
    "sha512 hex",
    "md5 raw",
    "sha1(sha256",
)
"""The beginning of recipes that need more candidates, up to some millions."""


def budget(candidates: int) -> Budget:
    made: list[Budget] = []
    made.append(Budget(candidates, clock=lambda: made[0].tried if made else 0))
    return made[0]


def case_of(known: Known) -> Case:
    peppers = {"PEPPER": known.pepper.encode()} if known.pepper else {}
    return Case(known.hash, known.password, known.salt, known.username, Recipe(""), peppers)


def found(known: Known, candidates: int = CANDIDATES) -> Finding | None:
    try:
        return diagnose(case_of(known), budget(candidates))
    except OutOfTime:
        return None


SOON = [each for each in KNOWN if not each.recipe.startswith(LATER)]


@pytest.mark.parametrize("known", SOON, ids=[each.recipe for each in SOON])
def test_recipe_is_found_and_sign_in_verifies_by_it(known: Known) -> None:
    finding = found(known)
    assert finding is not None
    pepper = known.pepper.encode() if finding.recipe.pepper_env and known.pepper else None
    check = registry.check(StoredHash(finding.hash, finding.recipe, finding.salt, finding.username, pepper))
    assert check.verify(known.password)
    assert not check.verify(known.password + "x")


def test_wrong_password_has_no_recipe() -> None:
    assert found(Known("", x("md5", "other"), PASSWORD, SALT), 50_000) is None


def test_search_without_a_time_limit_ends_with_nothing_found() -> None:
    assert diagnose(Case("!", PASSWORD), Budget(float("inf"))) is None


def test_search_ends_at_its_limit() -> None:
    with pytest.raises(OutOfTime):
        diagnose(Case(x("md5", "other"), PASSWORD, SALT), budget(1_000))


def test_progress_is_reported_with_the_stage() -> None:
    stages: set[str] = set()
    limited = budget(100_000)
    limited.report = lambda spent: stages.add(spent.stage)
    with pytest.raises(OutOfTime):
        diagnose(Case(x("md5", "other"), PASSWORD, SALT), limited)
    assert {"common formulas", "two digests"} <= stages


def test_simplest_recipe_wins_where_the_password_cannot_tell() -> None:
    finding = found(Known("", x("sha1", "lower", SALT), "lower", SALT))
    assert finding is not None
    assert finding.recipe.format == "sha1_pass_salt"


def test_split_column_is_named_beside_the_formula() -> None:
    finding = found(next(each for each in KNOWN if each.recipe.startswith("salt in hex before")))
    assert finding is not None
    assert finding.notes == ("split the column: the first 16 characters are the salt",)


def test_case_and_finding_show_no_secret() -> None:
    known = Known("", x("sha1", SALT, PASSWORD), PASSWORD, SALT, "jo")
    shown = repr(case_of(known)) + repr(found(known))
    assert not [secret for secret in (known.hash, PASSWORD, SALT) if secret in shown]
