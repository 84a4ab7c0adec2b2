"""The products' transformations of a typed password are tried: vectors made by their own code, and the mechanism."""

import hashlib
import json
import pickle
from pathlib import Path

import bcrypt
import pytest

from service.hashing import registry
from service.hashing.check import attempts_at, most_attempts
from service.hashing.format import Check, Recipe, StoredHash
from service.hashing.okta_native import NotNative, native_hash
from service.hashing.pool.pool import HashingPool

LINES = [
    json.loads(line) for line in (Path(__file__).parent / "products_typed.jsonl").read_text("utf-8").split("\n") if line
]
"""`made_by` states whether the product's own code ran. A `format` of null means that the hash identifies its format."""
BCRYPT = "$2b$04$abcdefghijklmnopqrstuu"
each_line = pytest.mark.parametrize("line", LINES, ids=[f"{at}-{line['product']}" for at, line in enumerate(LINES)])


def stored_of(line: dict[str, object]) -> StoredHash:
    text = str(line["hash"])
    name = str(line["format"] or registry.candidates(text)[0].name)
    options = line.get("options", {})
    assert isinstance(options, dict)
    pepper = str(line["pepper"]).encode() if "pepper" in line else None
    salt, username = (str(line[column]) if column in line else None for column in ("salt", "username"))
    return StoredHash(text, Recipe(name, options=options), salt, username, pepper)


def check_of(text: str, name: str, **columns: object) -> Check:
    return registry.check(StoredHash(text, Recipe(name), **columns))  # type: ignore[arg-type]


def attempts(text: str, name: str, password: str) -> int:
    return len(attempts_at(check_of(text, name), password))


@each_line
def test_what_was_typed_verifies_and_something_else_does_not(line: dict[str, object]) -> None:
    check = registry.check(stored_of(line))
    assert check.verify(str(line["password"]))
    assert not check.verify(f"x{line['password']}x")


def bcrypt_of(hashed: str) -> str:
    # One salt, since xdist compares the names of the tests that each worker collects.
    return bcrypt.hashpw(hashed.encode(), BCRYPT.encode()).decode()


def md5_of(hashed: str) -> str:
    return ":A:" + hashlib.md5(hashed.encode()).hexdigest()  # noqa: S324 (what MediaWiki stored)


@pytest.mark.parametrize(
    "name, stored, typed",
    [
        ("phpbb", bcrypt_of("caf\u00e9 &amp; co"), "cafe\u0301 & co"),
        ("phpbb", bcrypt_of("a\nb &amp; c"), "a\r\nb & c"),
        ("phpbb", bcrypt_of("a &amp; b"), "\ufeffa & b"),
        ("phpbb", bcrypt_of(" a &amp; b"), " a & b"),
        ("phpbb", bcrypt_of("a &amp; b"), " a & b "),
        ("mediawiki_a", md5_of("caf\u00e9"), "cafe\u0301"),
        ("mediawiki_a", md5_of("a\nb"), "a\r\nb"),
        ("smf", hashlib.sha1(b"kim" + b"a&b").hexdigest(), "a&amp;b"),  # noqa: S324 (what SMF stored)
        ("smf21", bcrypt_of("kim" + "a&b"), "a&amp;b"),
    ],
)
def test_each_interpretation_of_a_product_verifies_what_the_product_hashed(name: str, stored: str, typed: str) -> None:
    check = check_of(stored, name, username="Kim")
    assert check.verify(typed)
    assert not check.verify(f"x{typed}")


@pytest.mark.parametrize("password", ["plain", "it's", "Tom & <Jerry>", " blank ", "x" * 80, "é😀"])
def test_a_dummy_hash_takes_as_many_attempts_as_the_recipe_for_any_password(password: str) -> None:
    lines = {(line["product"], line["format"]): line for line in LINES}.values()
    for line in lines:
        stored = stored_of(line)
        real, dummy = registry.check(stored), registry.check(registry.dummy_hash(stored))
        counted = [[attempt.cost for attempt in attempts_at(check, password)] for check in (real, dummy)]
        assert counted[0] == counted[1], line["product"]


@pytest.mark.parametrize(
    "name, password, expected",
    [
        ("wordpress", "plain", 1),
        ("wordpress", "it's", 2),
        ("wordpress", " it's ", 3),
        ("phpbb", "it's", 1),
        ("phpbb", "a & b", 2),
        ("bcrypt", "it's & ", 1),
        ("bcrypt", "x" * 73, 3),
        ("typo3", "plain", 1),
        ("meteor", "plain", 1),
        ("meteor", "emoji 😀", 2),
        ("nodebb", "plain", 2),
        ("shopware", "a < b", 1),
        ("shopware", "a<b", 2),
        ("sugarcrm", "plain", 1),
        ("sugarcrm", "it's", 2),
        ("sugarcrm", "it's `", 3),
    ],
)
def test_only_interpretations_that_differ_are_attempted(name: str, password: str, expected: int) -> None:
    assert attempts(BCRYPT.replace("2b", "2y") + "O" * 31, name, password) == expected


def test_the_most_attempts_that_a_password_may_need_are_known() -> None:
    assert most_attempts(check_of(BCRYPT + "O" * 31, "wordpress")) == 3
    assert most_attempts(check_of("0" * 32, "md5")) == 1


def test_a_nul_that_a_product_would_trim_makes_a_password_wrong() -> None:
    check = check_of("5f4dcc3b5aa765d61d8327deb882cf99", "wordpress")
    assert check.verify("password")
    assert check.verify(" password ")
    assert not check.verify("password\0")


def test_a_product_that_removes_nul_within_a_password_verifies_it_and_nul_at_an_end_is_wrong() -> None:
    check = check_of("5f4dcc3b5aa765d61d8327deb882cf99", "mantisbt")
    assert check.verify("pass\0word")
    assert not check.verify("password\0")
    assert not check.verify("\0password")
    assert not check_of("5f4dcc3b5aa765d61d8327deb882cf99", "md5").verify("pass\0word")


def test_an_attempt_goes_to_another_process_and_shows_no_password() -> None:
    attempt = attempts_at(check_of("$P$5UNLvIdv3ZiKUZxC4vZEloyXkAV5Zy/", "phpass"), "it's secret")[1]
    assert pickle.loads(pickle.dumps(attempt)).cost == attempt.cost  # noqa: S301 (our own bytes)
    assert "secret" not in repr(attempt)


async def test_admission_counts_each_attempt() -> None:
    check = check_of(BCRYPT + "O" * 31, "wordpress")
    async with HashingPool(workers=1) as pool:
        before = pool.snapshot().estimates
        await pool.verify([check], " it's ", account="a", deadline=1e12)
        estimates = pool.snapshot().estimates
    assert before == {}
    assert set(estimates) == {"bcrypt 4"}
    assert estimates["bcrypt 4"] < 0.25, "the time of one attempt, not of all three"


def test_each_of_several_peppers_may_have_been_used() -> None:
    made = registry.check(
        StoredHash("7c6a180b36896a0a8c02787eeafb0e4c", Recipe("md5($pass.$pepper)"), None, None, b"x", (b"1", b"y"))
    )
    assert made.verify("password")
    assert not made.verify("password1")
    assert most_attempts(made) == 3


def test_a_pepper_of_a_family_applies_to_the_members_that_use_it() -> None:
    row = next(line for line in LINES if line["product"] == "Moodle" and str(line["hash"]).startswith("$2y$"))
    assert check_of(str(row["hash"]), "moodle", pepper=b"site").verify(str(row["password"]))


@pytest.mark.parametrize("text", ["\\x{}", "0x{}", "X'{}'", "{}"])
def test_the_hex_of_the_text_of_a_hash_is_read_as_the_hash(text: str) -> None:
    stored = text.format((BCRYPT + "O" * 31).encode().hex())
    assert [each.name for each in registry.candidates(stored)] == ["bcrypt"]
    assert check_of(stored, "wordpress").cost == "bcrypt 4"


def test_a_digest_in_hex_stays_a_digest() -> None:
    assert registry.check(StoredHash("24326224" + "30" * 12, Recipe("md5"))).cost == "md5"


def test_a_value_without_hash_beside_a_good_one_says_nothing() -> None:
    hashes = ["{CRYPT}*", "{SASL}jane@example.com", "!!", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="]
    found = registry.candidates(json.dumps(hashes))
    assert [each.name for each in found] == ["multiple"]
    assert check_of(json.dumps(hashes), "multiple").verify("password")


@pytest.mark.parametrize("name", ["spring", "spring_MD5"])
def test_springs_unsalted_rows_are_read_beside_salted_ones(name: str) -> None:
    assert check_of("{MD5}5f4dcc3b5aa765d61d8327deb882cf99", name).verify("password")
    assert check_of("{MD5}{abc}0b96a6b8cf4b95a9b4a9a8c3ea2b0ae2", name).cost == "md5(password.salt)"


def test_okta_is_not_given_a_hash_of_a_product_that_changes_passwords() -> None:
    assert native_hash(check_of(BCRYPT + "O" * 31, "wordpress")) is NotNative.COMPOSITION
    assert isinstance(native_hash(check_of(BCRYPT + "O" * 31, "bcrypt")), dict)


@pytest.mark.parametrize(
    "formula, right, wrong",
    [
        ("md5(addslashes($pass))", "it's", "its"),
        ("md5(nfkc($pass))", "\ufb01", "f"),
        ("md5(cesu8($pass))", "\U0001f600", "x"),
    ],
)
def test_a_formula_may_change_the_password_as_products_do(formula: str, right: str, wrong: str) -> None:
    import hashlib  # noqa: PLC0415 (only here)

    changed = {"it's": b"it\\'s", "\ufb01": b"fi", "\U0001f600": b"\xed\xa0\xbd\xed\xb8\x80"}[right]
    check = check_of(hashlib.md5(changed).hexdigest(), formula)  # noqa: S324 (what old stores hold)
    assert check.verify(right)
    assert not check.verify(wrong)


def test_argon2_may_be_part_of_a_formula() -> None:
    from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415 (only here)

    key = hash_secret_raw(
        b"password", b"saltsalt", time_cost=2, memory_cost=64, parallelism=1, hash_len=32, type=Type.ID
    )
    check = check_of(key.hex(), "argon2id($pass, $salt, 2, 64, 1, 32)", salt="saltsalt")
    assert check.verify("password")
    assert not check.verify("Password")


def test_alternatives_may_be_around_bcrypt_and_named_formats() -> None:
    import bcrypt  # noqa: PLC0415 (only here)

    formula = "bcrypt($pass) | bcrypt(md5($pass)) | md5($pass)"
    over_md5 = bcrypt.hashpw(b"5f4dcc3b5aa765d61d8327deb882cf99", BCRYPT.encode()).decode()
    assert check_of(over_md5, formula).verify("password")
    assert not check_of(over_md5, formula).verify("passwort")
    assert check_of("5f4dcc3b5aa765d61d8327deb882cf99", formula).verify("password")
