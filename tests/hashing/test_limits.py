"""Hashes that cannot be checked within a sign-in are rejected when parsed; the strongest real ones are not."""

import pytest

from service.hashing import registry
from service.hashing.format import MalformedHash, Recipe, StoredHash, TooCostly

BCRYPT = "$2b$%s$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"
ARGON2 = "$argon2id$v=19$m=%s,t=%s,p=%s$c29tZXNhbHQ$MNzk5BtR2vUhrp6qQEjRNw"
SCRYPT = "$scrypt$ln=%s,r=%s,p=%s$c29tZXNhbHQ$OiWRHhQtpDx7M/793x6UXK14AD512jg/qNm/hkWZG4M"
DJANGO = "pbkdf2_sha256$%s$salt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c="
DIGEST = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"


def parse(text: str, name: str | None = None, **more: object) -> str:
    recipe = Recipe(name or registry.candidates(text)[0].name, **more)  # type: ignore[arg-type]
    return registry.check(StoredHash(text, recipe, salt="salt")).cost


@pytest.mark.parametrize(
    "text, cost",
    [
        (BCRYPT % "14", "bcrypt 14"),
        (ARGON2 % (102400, 2, 8), "argon2id m=102400 t=2 p=8"),  # Django
        (ARGON2 % (262144, 4, 1), "argon2id m=262144 t=4 p=1"),  # libsodium's "moderate" is 256 MiB, 3 passes
        (SCRYPT % (17, 8, 1), "scrypt N=131072 r=8 p=1"),  # OWASP
        (SCRYPT % (14, 8, 5), "scrypt N=16384 r=8 p=5"),
        (DJANGO % 1_500_000, "pbkdf2-sha256 1500000"),  # Django 6.1
    ],
)
def test_the_strongest_that_products_write_is_taken(text: str, cost: str) -> None:
    assert parse(text) == cost


@pytest.mark.parametrize(
    "text",
    [
        BCRYPT % "16",
        BCRYPT % "31",
        BCRYPT % "99",
        ARGON2 % (1048576, 1, 1),
        ARGON2 % (65536, 100, 1),
        ARGON2 % (65536, 1, 255),
        ARGON2 % (999999999999, 1, 1),
        SCRYPT % (20, 8, 1),
        SCRYPT % (14, 8, 100),
        SCRYPT % (63, 1, 1),
        SCRYPT % (10, 999999, 1),
        DJANGO % 999_999_999,
        DJANGO % 2_000_001,
        "{FSHP1|8|999999999}MTIzNDU2NzjTdHcmoXwNc0ff9+ArUHoN0CvlbPZpxFi1C6RDM/MHSA==",
        "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAf"
        "Z8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw==".replace("AAAD6", "/AAD6"),
    ],
)
def test_what_asks_for_too_much_is_refused_as_too_costly(text: str) -> None:
    with pytest.raises(TooCostly):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        BCRYPT % "03",
        ARGON2 % (7, 1, 1),
        ARGON2 % (8, 0, 1),
        ARGON2 % ("9" * 400, 1, 1),
        SCRYPT % (0, 8, 1),
        SCRYPT % (16383, 8, 1),
        SCRYPT % (14, 0, 1),
        DJANGO % 0,
    ],
)
def test_parameters_that_no_function_takes_are_malformed(text: str) -> None:
    with pytest.raises(MalformedHash):
        parse(text)


def test_each_block_of_output_counts() -> None:
    """PBKDF2-SHA1 yields 20 bytes per block, so 32 cost twice as much."""
    assert parse(DIGEST, "pbkdf2_sha1", iterations=1_000_000) == "pbkdf2-sha1 1000000 x2"
    with pytest.raises(TooCostly):
        parse(DIGEST, "pbkdf2_sha1", iterations=1_000_001)


def test_options_of_a_source_are_bounded_too() -> None:
    with pytest.raises(TooCostly):
        parse(DIGEST, "scrypt", options={"n": "1048576", "r": "8"})
    with pytest.raises(TooCostly):
        parse(DIGEST, "symfony_message_digest", iterations=10_000_000, options={"algorithm": "sha256"})


def test_columns_that_are_missing_are_named() -> None:
    with pytest.raises(MalformedHash, match="iterations"):
        parse(DIGEST, "pbkdf2_sha256")
    with pytest.raises(MalformedHash, match="salt column"):
        registry.check(StoredHash(DIGEST, Recipe("scrypt")))
    with pytest.raises(MalformedHash, match="signer_key"):
        parse(DIGEST, "firebase_scrypt")
