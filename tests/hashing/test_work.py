"""The maximum cost of a hash as a whole, and the maximum length of a password that is hashed."""

import base64
import hashlib

import pytest

from service.hashing import registry
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, Recipe, StoredHash, TooCostly
from service.hashing.formula.cost import growth
from service.hashing.formula.functions import FUNCTIONS, Given
from service.hashing.formula.operations import Applied, Variable
from service.hashing.formula.parse import parse_formula
from service.hashing.limits import MAX_LOOPED_PASSWORD, MAX_PASSWORD
from tests.hashing.vectors import ALL, load

BCRYPT = "$2b$%02d$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"
ARGON2 = "$argon2id$v=19$m=%d,t=1,p=1$c29tZXNhbHQ$WLg6yCu3qmqPwRZuZcKpCQ"
SHA256 = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
SHA512_CRYPT = (
    "$6$rounds=656000$saltsalt$YMvoNWNMkpqFLGbxqQLwG2gWtTLcnUjMTUnPHTsm7ZzeKnCSE6zYu5TNhiyFtBPeSFKBMMzOYBVGBIvJGEE5N."
)


def read(text: str, name: str = "", salt: str | None = None, charset: str = "utf-8") -> Check:
    found = name or registry.candidates(text)[0].name
    return registry.check(StoredHash(text, Recipe(found, charset=charset), salt=salt))


def several(*texts: str) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


@pytest.mark.parametrize(
    "text",
    [
        several(*[BCRYPT % 15] * 8),
        several(*[BCRYPT % 14] * 3),
        several(BCRYPT % 15, BCRYPT % 4),
        several(*[ARGON2 % 262144] * 8),
    ],
)
def test_hashes_that_are_too_costly_only_together_are_refused(text: str) -> None:
    with pytest.raises(TooCostly):
        read(text, "multiple")


@pytest.mark.parametrize("text", [several(*[BCRYPT % 12] * 8), several(*[ARGON2 % 65536] * 8), BCRYPT % 15])
def test_hashes_that_together_cost_no_more_than_the_most_expensive_single_one_are_taken(text: str) -> None:
    assert 0 < read(text, "multiple" if text.startswith("[") else "").work <= 1


def nested(inside: str, times: int) -> str:
    formula = "$pass"
    for _ in range(times):
        formula = inside.replace("$pass", formula)
    return formula


@pytest.mark.parametrize(
    "formula",
    [
        nested("pbkdf2_sha256($pass, $salt, 2000000, 32)", 39),
        nested("pbkdf2_sha256($pass, $salt, 2000000, 32)", 2),
        "pbkdf2_sha256(scrypt($pass, $salt, 262144, 8, 1, 32), $salt, 1500000, 32)",
        "pbkdf2_sha256(sha256^900000($pass), $salt, 500000, 32)",
    ],
)
def test_functions_that_are_too_costly_only_together_are_refused_in_a_formula(formula: str) -> None:
    with pytest.raises(TooCostly):
        read(SHA256, formula, "salt")


def test_a_named_format_counts_together_with_the_formula_inside_it() -> None:
    with pytest.raises(TooCostly):
        read(ARGON2 % 262144, "argon2(pbkdf2_sha256($pass, 'salt', 1900000, 32))")


@pytest.mark.parametrize("value", ["$pass", "$salt", "$user", "'text'"])
def test_a_formula_whose_values_double_with_each_call_is_refused(value: str) -> None:
    formula = f"md5({nested('hex($pass)', 38).replace('$pass', value)}.$pass)"
    with pytest.raises(TooCostly, match="bytes per byte"):
        parse_formula(formula)


def test_no_hash_of_a_real_product_is_too_costly() -> None:
    assert [line["format"] for line in ALL if load(line).check.work > 1] == []


def test_no_function_makes_more_of_a_character_than_the_bound_takes_it_to_make() -> None:
    for name, function in FUNCTIONS.items():
        most = growth(Applied(name, Variable("pass"), (0,) * min(function.numbers)))
        for character in map(chr, (*range(0x20, 0x300), 0x1E9E, 0x390, 0xFDFA, 0x1FB7, 0x2014, 0xFB03, 0x1F600)):
            given = Given(password=character * 60)
            try:
                made = given.encode(Applied(name, Variable("pass"), (60,) * min(function.numbers)).evaluate(given))
            except UnicodeError:
                continue
            assert len(made) <= most * len(given.password.encode()), (name, character)


@pytest.mark.parametrize(
    "text, name",
    [
        ("scrypt:1048576:1:1$saltsalt$" + "ab" * 64, "werkzeug_scrypt"),
        ("scrypt:65536:1:1$saltsalt$" + "ab" * 64, "werkzeug_scrypt"),
        ("$scrypt$ln=16,r=1,p=1$c29tZXNhbHQ$OiWRHhQtpDx7M/793x6UXK14AD512jg/qNm/hkWZG4M", ""),
    ],
)
def test_scrypt_that_rfc_7914_does_not_define_is_refused(text: str, name: str) -> None:
    with pytest.raises(MalformedHash, match="RFC 7914"):
        read(text, name)


def test_scrypt_at_the_bound_of_rfc_7914_is_computed() -> None:
    assert not read("scrypt:32768:1:1$saltsalt$" + "ab" * 64, "werkzeug_scrypt").verify("wrong")


def test_rounds_of_mysql_that_take_seconds_are_refused() -> None:
    text = "$mysql$A$%s*" + "ab" * 20 + "*" + "2e" * 43
    assert read(text % "005", "mysql_sha2").cost == "mysql_sha2 5000"
    assert read(text % "1F4", "mysql_sha2").work == 1
    for rounds in ("FFF", "1F5"):
        with pytest.raises(TooCostly):
            read(text % rounds, "mysql_sha2")


@pytest.mark.parametrize("charset", ["punycode", "idna", "IDNA", "unicode_escape", "raw-unicode-escape", "rot13", "no"])
def test_what_is_no_charset_of_passwords_is_refused(charset: str) -> None:
    with pytest.raises(MalformedHash, match="charset"):
        read("5f4dcc3b5aa765d61d8327deb882cf99", "md5", charset=charset)


@pytest.mark.parametrize("charset", ["latin-1", "ISO-8859-1", "L1", "windows-1252", "cp1252", "Shift_JIS", "utf_16le"])
def test_a_charset_may_be_called_by_any_of_its_names(charset: str) -> None:
    assert read("5f4dcc3b5aa765d61d8327deb882cf99", "md5", charset=charset).looped is False


LOOPED = {
    "sha512_crypt": SHA512_CRYPT,
    "sha256_crypt": "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8",
    "md5_crypt": "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
    "apr_md5_crypt": "$apr1$TqI9WECO$LHZB2DqRlk9nObiB6vJG9.",
    "phpass": "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0",
    "sap_h": "{x-issha, 1024}C0624EvGSdAMCtuWnBBYBGA0chvqAflKY74oEpw/rpY=",
    "sha512_chain^5000($pass.'x')": "ab" * 64,
    "sha256^5000($pass)": SHA256,
    "whirlpool($pass)": "ab" * 64,
}
WHOLE = {
    "pbkdf2": "$pbkdf2-sha256$1000$c29tZXNhbHQ$OiWRHhQtpDx7M/793x6UXK14AD512jg/qNm/hkWZG4M",
    "bcrypt": BCRYPT % 4,
    "argon2": ARGON2 % 64,
    "md5": "5f4dcc3b5aa765d61d8327deb882cf99",
    "sha256_raw^5000(sha256($pass))": SHA256,
    "drupal7": "U$S$5abcdefgh" + "a" * 43,
}


@pytest.mark.parametrize("name", LOOPED)
def test_where_each_round_hashes_the_password_512_bytes_are_the_most(name: str) -> None:
    check = read(LOOPED[name], name)
    assert check.looped
    assert check.takes("x" * MAX_LOOPED_PASSWORD)
    assert not check.takes("x" * (MAX_LOOPED_PASSWORD + 1))


@pytest.mark.parametrize("name", WHOLE)
def test_where_the_password_is_hashed_once_4096_bytes_are_the_most(name: str) -> None:
    check = read(WHOLE[name], name)
    assert not check.looped
    assert check.takes("x" * MAX_PASSWORD)
    assert not check.takes("x" * (MAX_PASSWORD + 1))


def test_the_bytes_count_in_the_charset_of_the_source_and_not_the_characters() -> None:
    check = read("5f4dcc3b5aa765d61d8327deb882cf99", "md5")
    assert not check.takes("é" * 2049)
    assert read("5f4dcc3b5aa765d61d8327deb882cf99", "md5", charset="latin-1").takes("é" * 4096)


def test_of_several_hashes_those_are_checked_that_take_so_long_a_password() -> None:
    password = "p" * 600
    text = several(
        LOOPED["sha256_crypt"], "{SHA256}" + base64.b64encode(hashlib.sha256(password.encode()).digest()).decode()
    )
    check = read(text, "multiple")
    assert check.takes(password)
    assert check.verify(password)
    assert not check.verify("q" * 600)


def test_every_check_that_leaves_the_event_loop_says_how_much_work_it_is() -> None:
    cheap = ("des_crypt", "bigcrypt", "md5_crypt", "apr_md5_crypt", "aix_smd5", "domino5", "domino6")
    for line in ALL:
        check = load(line).check
        if check.executor is not Executor.INLINE and not check.cost.startswith(cheap):
            assert check.work > 0, (line["format"], check.cost)
