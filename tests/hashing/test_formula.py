"""The formula language: the values of formulas, the columns that they use, and the errors."""

import base64
import contextlib
import hashlib
import hmac
import pickle
from collections.abc import Callable
from dataclasses import replace

import bcrypt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from passlib.hash import django_pbkdf2_sha256, phpass, sha512_crypt

from service.hashing import registry
from service.hashing.executor import Executor
from service.hashing.format import MalformedHash, Recipe, StoredHash, TooCostly, UnusableHash
from service.hashing.formula import MalformedFormula, formula_check, formula_dummy_hash, parse_formula


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stored(formula: str, digest: str, salt: str | None = None, **recipe: object) -> StoredHash:
    return StoredHash(digest, Recipe(formula, **recipe), salt=salt)  # type: ignore[arg-type]


def verifies(formula: str, digest: str, password: str, salt: str | None = None, **recipe: object) -> bool:
    return formula_check(stored(formula, digest, salt, **recipe)).verify(password)


Compose = Callable[[bytes, bytes, str], str]
COMPOSED: dict[str, Compose] = {
    "md5(md5($pass).$salt)": lambda p, s, _: md5(md5(p).encode() + s),
    "md5(md5($salt).md5($pass))": lambda p, s, _: md5((md5(s) + md5(p)).encode()),
    "sha512($salt.utf16le($pass))": lambda _, s, t: hashlib.sha512(s + t.encode("utf-16-le")).hexdigest(),
    "hmac_sha256($salt, $pass)": lambda p, s, _: hmac.new(s, p, "sha256").hexdigest(),
    "HMAC-SHA256($pass, $salt)": lambda p, s, _: hmac.new(p, s, "sha256").hexdigest(),
    "sha256(sha256_bin($pass).$salt)": lambda p, s, _: sha256(hashlib.sha256(p).digest() + s),
    "sha256(raw(sha256($pass)))": lambda p, _s, _t: sha256(hashlib.sha256(p).digest()),
    "md5(strtoupper(md5($pass)))": lambda p, _s, _t: md5(md5(p).upper().encode()),
    "md5(hexupper(sha1($pass)).$salt)": lambda p, s, _: md5(sha1(p).upper().encode() + s),
    "sha1(base64(md5($pass)))": lambda p, _s, _t: sha1(base64.b64encode(bytes.fromhex(md5(p)))),
    "sha1(base64(md5_hex($pass)))": lambda p, _s, _t: sha1(base64.b64encode(md5(p).encode())),
    "sha1('--'.$salt.\"--\".$pass.'\\x2d\\'')": lambda p, s, _: sha1(b"--" + s + b"--" + p + b"-'"),
    "sha256(left(md5($pass), 10).right(md5($salt), 2))": lambda p, s, _: sha256((md5(p)[:10] + md5(s)[-2:]).encode()),
    "md5(substr(sha1($pass), 8, 16))": lambda p, _s, _t: md5(sha1(p)[8:24].encode()),
    "sha3-256($pass)": lambda p, _s, _t: hashlib.sha3_256(p).hexdigest(),
    "sha1(unhex('00ff').$pass)": lambda p, _s, _t: sha1(b"\0\xff" + p),
    "pbkdf2_sha256($pass, $salt, 7, 20)": lambda p, s, _: hashlib.pbkdf2_hmac("sha256", p, s, 7, 20).hex(),
    "scrypt($pass, $salt, 16, 1, 1, 24)": lambda p, s, _: hashlib.scrypt(p, salt=s, n=16, r=1, p=1, dklen=24).hex(),
    "upper(sha1($salt.$pass))": lambda p, s, _: sha1(s + p),
    "left(md5($pass), 16)": lambda p, _s, _t: md5(p)[:16],
}


@pytest.mark.parametrize("formula", COMPOSED)
@settings(deadline=None)  # for a busy machine
@given(
    password=st.text(st.characters(codec="utf-8"), max_size=80).map(lambda text: text.rstrip("\0")),
    salt=st.text("abcXYZ019:$./é", max_size=12),
)
@example(password="", salt="")
@example(password="p" * 4096, salt="s")
@example(password="nul\0inside", salt=":")
def test_a_formula_computes_what_the_same_calls_in_python_do(formula: str, password: str, salt: str) -> None:
    digest = COMPOSED[formula](password.encode(), salt.encode(), password)
    assert verifies(formula, digest, password, salt)
    assert verifies(formula, digest.upper(), password, salt)
    assert not verifies(formula, digest, password + "x", salt)


def test_the_digest_may_be_hex_or_base64_of_either_alphabet() -> None:
    raw = hashlib.sha256(b"saltpassword").digest()
    standard, url = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
    for text in (raw.hex(), raw.hex().upper(), "0x" + raw.hex(), standard, url, standard.rstrip("=")):
        assert verifies("sha256($salt.$pass)", text, "password", "salt")


@pytest.mark.parametrize("damage", ["", "0", "zz", ":", "=", "é", "a" * 31, "a" * 33, "a" * 64])
def test_a_digest_of_another_length_or_alphabet_is_malformed(damage: str) -> None:
    with pytest.raises(MalformedHash):
        formula_check(stored("md5($pass)", damage))


def test_a_salt_behind_the_first_colon_may_contain_colons() -> None:
    assert verifies("md5($pass.$salt)", md5(b"passworda:b:c") + ":a:b:c", "password")


def test_a_salt_in_its_column_may_be_repeated_behind_the_hash() -> None:
    assert verifies("md5($pass.$salt)", md5(b"passworda:b") + ":a:b", "password", "a:b")


def test_a_salt_column_may_be_hex_or_base64_of_bytes() -> None:
    digest = sha1(b"\x00\xffpassword")
    assert verifies("sha1($salt.$pass)", digest, "password", "00ff", salt_encoding="hex")
    assert verifies("sha1($salt.$pass)", digest, "password", "AP8=", salt_encoding="base64")


def test_a_nul_behind_the_password_is_not_lost_in_the_padding_of_a_key() -> None:
    assert verifies("hmac_sha1($pass, $salt)", hmac.new(b"pw", b"salt", "sha1").hexdigest(), "pw", "salt")
    assert not verifies("hmac_sha1($pass, $salt)", hmac.new(b"pw", b"salt", "sha1").hexdigest(), "pw\0", "salt")
    derived = hashlib.pbkdf2_hmac("sha1", b"pw", b"salt", 2).hex()
    assert not verifies("pbkdf2_sha1($pass, $salt, 2)", derived, "pw\0", "salt")


def test_two_salts_stand_behind_two_colons() -> None:
    digest = sha1(b"onepasswordtwo")
    assert verifies("sha1($salt1.$pass.$salt2)", f"{digest}:one:two", "password")


def test_salt_and_name_stand_behind_two_colons() -> None:
    stored = StoredHash(
        hashlib.md5(b"s:1passjo", usedforsecurity=False).hexdigest() + ":s:1:jo", Recipe("md5($salt.$pass.$user)")
    )
    assert formula_check(stored).verify("pass")
    assert formula_check(formula_dummy_hash(stored)) != formula_check(stored)


def test_a_row_without_the_salt_or_name_that_the_formula_needs_is_malformed() -> None:
    with pytest.raises(MalformedHash, match=r"uses \$salt"):
        formula_check(stored("md5($pass.$salt)", md5(b"")))
    with pytest.raises(MalformedHash, match=r"uses \$user"):
        formula_check(stored("md5($pass.$user)", md5(b"")))


def test_user_and_pepper_come_from_the_row_and_the_source() -> None:
    row = StoredHash(sha1(b"joe" + b"secret" + b"pw"), Recipe("sha1(lower($user).$pepper.$pass)"), username="Joe")
    assert formula_check(replace(row, pepper=b"secret")).verify("pw")
    assert not formula_check(replace(row, pepper=b"other")).verify("pw")
    with pytest.raises(MalformedHash, match=r"uses \$pepper"):
        formula_check(row)


def rounds(data: bytes, feed: Callable[[bytes], bytes], count: int) -> str:
    digest = hashlib.sha256(data).digest()
    for _ in range(count - 1):
        digest = hashlib.sha256(feed(digest)).digest()
    return digest.hex()


FEEDS: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda digest: digest.hex().encode(),
    "bin": lambda digest: digest,
    "chain": lambda digest: digest + b"pw{s}",
}


@pytest.mark.parametrize("feed", FEEDS)
def test_rounds_that_leave_open_what_they_feed_on_are_read_in_every_way(feed: str) -> None:
    digest = rounds(b"pw{s}", FEEDS[feed], 50)
    assert verifies("sha256^50($pass.'{'.$salt.'}')", digest, "pw", "s")
    assert not verifies("sha256^51($pass.'{'.$salt.'}')", digest, "pw", "s")


@pytest.mark.parametrize("feed", FEEDS)
def test_rounds_that_say_what_they_feed_on_are_read_in_that_way_alone(feed: str) -> None:
    digest = rounds(b"pw{s}", FEEDS[feed], 50)
    matches = [other for other in FEEDS if verifies(f"sha256_{other}^50($pass.'{{'.$salt.'}}')", digest, "pw", "s")]
    assert matches == [feed]


def test_the_iterations_of_the_row_are_the_rounds_of_the_outermost_digest() -> None:
    digest = rounds(b"pw", FEEDS["hex"], 3)
    assert verifies("sha256($pass)", digest, "pw", iterations=3)
    assert verifies("sha256^$iterations($pass)", digest, "pw", iterations=3)
    with pytest.raises(MalformedFormula, match="no place"):
        formula_check(stored("hmac_md5($salt, $pass)", md5(b""), "s", iterations=3))


def test_alternatives_verify_by_any_of_them() -> None:
    formula = "md5($pass) | md5(latin1($pass))"
    assert verifies(formula, md5("é".encode()), "é")
    assert verifies(formula, md5("é".encode("latin-1")), "é")
    assert not verifies(formula, md5("é".encode("utf-16")), "é")


@pytest.mark.parametrize("charset", ["latin-1", "cp1252", "utf-16-le"])
def test_a_password_is_written_in_the_charset_of_the_source(charset: str) -> None:
    assert verifies("md5($pass)", md5("pässword".encode(charset)), "pässword", charset=charset)


def test_a_password_that_the_charset_cannot_write_is_wrong_and_no_fault() -> None:
    check = formula_check(stored("md5($pass)", md5(b"?"), charset="latin-1"))
    assert not check.verify("\u2603")
    assert not check.verify("\ud800")


def test_bcrypt_takes_cost_and_salt_from_the_stored_hash() -> None:
    digest = bcrypt.hashpw(sha256(b"password").encode(), bcrypt.gensalt(4)).decode()
    check = formula_check(stored("bcrypt(sha256($pass))", digest))
    assert (check.verify("password"), check.verify("passwort")) == (True, False)
    assert (check.executor, check.cost) == (Executor.THREAD, "bcrypt 4 + sha256")


def test_bcrypt_of_bcrypt_takes_the_same_salt_twice() -> None:
    salt = bcrypt.gensalt(4, prefix=b"2a")
    digest = bcrypt.hashpw(bcrypt.hashpw(b"password", salt), salt).decode()
    assert verifies("bcrypt(bcrypt($pass))", digest, "password")


@pytest.mark.parametrize(
    "name, make",
    [
        ("sha512_crypt", sha512_crypt.using(rounds=1000).hash),
        ("phpass", phpass.using(rounds=7).hash),
        ("django_pbkdf2_sha256", django_pbkdf2_sha256.using(rounds=1000).hash),
    ],
)
def test_a_named_format_around_a_formula_checks_the_formulas_value(name: str, make: Callable[[str], str]) -> None:
    row = stored(f"{name}(md5($pass))", make(md5(b"password")))
    check = pickle.loads(pickle.dumps(formula_check(row, registry.find)))  # noqa: S301 (our own)
    assert check.verify("password")
    assert not check.verify("other")
    assert formula_check(formula_dummy_hash(row, registry.find), registry.find).cost == check.cost


FAULTS = {
    "md5($pass": ("The ) of md5 is missing here", 9),
    "sha1(md6($pass))": ("No function is called md6; did you mean md5 or md4?", 5),
    "md5($pas)": ("No variable is called $pas; there are $pass, $salt, $user and $pepper", 4),
    "md5($pass))": ("Nothing may follow here", 10),
    "md5('a.$pass)": ("This quote is never closed", 4),
    "md5($pass+$salt)": ("Texts are joined by a dot", 9),
    "hmac_md5($pass)": ("hmac_md5 takes 2 values", 0),
    "md5($pass, $salt)": ("md5 takes 1 value", 11),
    "left(md5($pass), 'x')": ("A whole number is needed here", 17),
    "md5(5)": ("A value is needed here, and this is a number: put it in quotes", 4),
    "md5(utf16le(md5_bin($pass)))": ("utf16le needs text, and this is raw bytes", 12),
    "md5^0($pass)": ("There is at least one round", 4),
    "md5^x($pass)": ("The number of rounds must follow the ^", 4),
    "lower^3($pass)": ("Only a digest can be repeated with ^", 0),
    "md5^$iterations($pass)": ("The source and the row give no iterations", 4),
    "md5": ("A ( must follow md5", 3),
    "": ("A value is needed: a variable, a text in quotes or a function", 0),
    "md5($salt)": ("The formula does not use $pass", 0),
    "$pass": ("The formula hashes nothing: it would be a store of plain passwords", 0),
    "md5(bcrypt($pass))": ("bcrypt takes its salt from the stored hash, so it must be outermost", 0),
    "md5(phpass($pass))": ("phpass is a format of its own: only the whole formula can be in it", 4),
    "md5(" * 60 + "$pass" + ")" * 60: ("The formula is too large here", 160),
    "md5($pass.'" + "x" * 3000: ("A formula has at most 2000 characters", 0),
}


@pytest.mark.parametrize("formula", FAULTS)
def test_a_fault_is_named_with_its_place(formula: str) -> None:
    with pytest.raises(MalformedFormula) as raised:
        parse_formula(formula, find=registry.find)
    assert (raised.value.fault, raised.value.position) == FAULTS[formula]


def test_the_message_of_a_fault_draws_a_caret_under_its_place() -> None:
    with pytest.raises(MalformedFormula) as raised:
        parse_formula("sha1(md6($pass))")
    assert str(raised.value).splitlines()[1:] == ["  sha1(md6($pass))", "       ^"]
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # noqa: S301 (our own)


WORDS = [
    "md5",
    "sha1_bin",
    "$pass",
    "$salt",
    "(",
    ")",
    ".",
    ",",
    "^",
    "|",
    "5",
    "'x'",
    "bcrypt",
    "hmac_sha1",
    "utf16le",
    " ",
]


@settings(deadline=None)  # for a busy machine
@given(st.one_of(st.lists(st.sampled_from(WORDS), max_size=20).map("".join), st.text(max_size=60)))
def test_any_text_is_a_formula_or_a_malformed_one(text: str) -> None:
    try:
        parse_formula(text)
    except MalformedFormula as fault:
        assert 0 <= fault.position <= len(text)  # noqa: PT017 (either way is right)


@settings(deadline=None)  # for a busy machine
@given(st.text(max_size=90))
def test_any_stored_text_is_bound_or_malformed(text: str) -> None:
    for formula in ("md5($pass.$salt)", "bcrypt(md5($pass))", "left(md5($pass), 16)", "sha512_crypt(md5($pass))"):
        with contextlib.suppress(UnusableHash):
            assert not formula_check(stored(formula, text)).verify("password")


@pytest.mark.parametrize(
    "formula",
    [
        "md5^1000001($pass)",
        "sha256^400000($pass)",
        "pbkdf2_sha1($pass, $salt, 3000000)",
        "scrypt($pass, $salt, 8388608, 8, 1)",
        "md5(sha1^600000(sha1_bin^600000($pass)))",
    ],
)
def test_a_formula_that_cannot_be_computed_in_time_is_too_costly(formula: str) -> None:
    with pytest.raises(TooCostly):
        formula_check(stored(formula, "aa" * 64, "s"))


def test_a_bcrypt_of_too_high_a_cost_is_too_costly() -> None:
    with pytest.raises(TooCostly):
        formula_check(stored("bcrypt(md5($pass))", "$2b$16$" + "a" * 53))


@pytest.mark.parametrize(
    "formula, executor, cost",
    [
        ("md5(md5($pass).$salt)", Executor.INLINE, "md5 x2"),
        ("hmac_sha1($salt, sha256($pass))", Executor.INLINE, "hmac_sha1 + sha256"),
        ("sha512_bin^5000($pass.$salt)", Executor.PROCESS, "sha512 x5000"),
        ("pbkdf2_sha512($pass, $salt, 1000)", Executor.THREAD, "pbkdf2_sha512 1000"),
    ],
)
def test_the_work_names_the_executor_and_the_cost(formula: str, executor: Executor, cost: str) -> None:
    size = 2 * {"md5": 16, "hmac_sha1": 20}.get(formula.partition("(")[0], 64)
    check = formula_check(stored(formula, "a" * size, "s"))
    assert (check.executor, check.cost) == (executor, cost)


def test_a_check_survives_pickling_and_shows_no_secret() -> None:
    row = StoredHash(md5(b"pwsaltysecretjoe"), Recipe("md5($pass.$salt.$pepper.$user)"), "salty", "joe", b"secret")
    check = formula_check(row)
    assert pickle.loads(pickle.dumps(check)).verify("pw")  # noqa: S301 (our own)
    assert not {word for word in ("salty", "secret", "joe", row.hash) if word in repr(check) + repr(row)}


def test_a_dummy_hash_has_the_shape_and_cost_and_belongs_to_no_account() -> None:
    for row in (
        stored("md5(md5($pass).$salt)", md5(md5(b"pw").encode() + b"salt") + ":salt"),
        stored("md5(md5($pass).$salt)", md5(md5(b"pw").encode() + b"salt"), "salt"),
        stored("bcrypt(sha256($pass))", bcrypt.hashpw(sha256(b"pw").encode(), bcrypt.gensalt(4)).decode()),
    ):
        made = formula_dummy_hash(row)
        assert len(made.hash) == len(row.hash)
        assert made.hash != row.hash
        assert formula_check(made).cost == formula_check(row).cost
        assert not formula_check(made).verify("pw")


def test_a_salt_that_the_charset_cannot_write_is_malformed_and_no_verdict() -> None:
    for row in (
        stored("md5($pass.$salt)", md5(b""), "\u2603", charset="latin-1"),
        stored("md5($pass)", md5(b"") + ":\ud800"),
    ):
        with pytest.raises(MalformedHash):
            formula_check(row)


def test_an_unknown_charset_is_refused() -> None:
    with pytest.raises(MalformedHash, match="charset"):
        registry.check(stored("md5($pass)", md5(b""), charset="klingon"))


@pytest.mark.parametrize("mark", ["0x", "\\x", "$BLAKE2$"])
def test_a_dummy_hash_keeps_the_mark_before_hex(mark: str) -> None:
    stored = StoredHash(mark + "ab" * 20, Recipe("sha1($pass)"))
    made = registry.dummy_hash(stored)
    assert made.hash.startswith(mark)
    assert not registry.check(made).verify("anything")


@pytest.mark.parametrize("name", ["pbkdf2_md4", "pbkdf2_sm3", "pbkdf2_whirlpool", "hmac_keccak_256"])
def test_what_no_library_computes_is_no_function(name: str) -> None:
    with pytest.raises(MalformedFormula, match="No function is called"):
        registry.check(StoredHash("ab" * 32, Recipe(f"{name}($pass, $salt, 10)"), "salt"))


def test_slow_digests_count_for_more_of_the_bound() -> None:
    with pytest.raises(TooCostly):
        registry.check(StoredHash("ab" * 64, Recipe("whirlpool_hex^2000($pass)")))
    assert not registry.check(StoredHash("ab" * 64, Recipe("sha512_hex^2000($pass)"))).verify("anything")
