"""Properties of single rows: unsalted rows next to salted ones, columns of products, peppers."""

import hashlib

import pytest

from service.hashing import registry
from service.hashing.format import Recipe, StoredHash
from service.loading.hashes import HashResolver
from service.loading.sources import Source, read_sources

PASSWORD = "password"
DIGEST = hashlib.md5(PASSWORD.encode()).hexdigest()  # noqa: S324 (what old stores hold)
SALTED = hashlib.md5(f"{PASSWORD}{{abc}}".encode()).hexdigest()  # noqa: S324
BCRYPT = "$2y$04$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"


def verifies(resolver: HashResolver, text: str, **columns: str) -> bool:
    number, salt, username = resolver.resolve(columns, text)
    made = next(each for each in resolver.new if each.number == number)
    recipe = Recipe(made.format, **made.parameters)
    return registry.check(StoredHash(text, recipe, salt, username)).verify(PASSWORD)


@pytest.mark.parametrize("source", [Source("app"), Source("app", format="spring")])
def test_unsalted_and_salted_rows_of_spring_are_each_read_as_they_are(source: Source) -> None:
    resolver = HashResolver(source, {})
    for text in (f"{{MD5}}{{abc}}{SALTED}", f"{{MD5}}{DIGEST}", f"{{MD5}}{{abc}}{SALTED}", f"{{MD5}}{DIGEST}"):
        assert verifies(resolver, text)


@pytest.mark.parametrize("algorithm, iterations", [("pbkdf2$12000$50", 12_000), ("pbkdf2", 10_000), ("", 10_000)])
def test_giteas_column_says_how_its_row_was_hashed(algorithm: str, iterations: int) -> None:
    digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"0123456789", iterations, 50).hex()
    resolver = HashResolver(Source("git", format="gitea"), {})
    assert verifies(resolver, digest, salt="0123456789", passwd_hash_algo=algorithm)


def test_a_digest_of_another_length_than_giteas_column_says_is_refused() -> None:
    resolver = HashResolver(Source("git", format="gitea"), {})
    with pytest.raises(Exception, match="the digest has 32 bytes"):
        resolver.resolve({"salt": "0123456789", "passwd_hash_algo": "pbkdf2$10$50"}, "0a" * 32)


def test_a_format_that_is_computed_without_the_pepper_of_its_source_is_named() -> None:
    resolver = HashResolver(Source("school", format="moodle", pepper_env="A B"), {"A": "1", "B": "2"})
    resolver.resolve({}, DIGEST)
    assert resolver.unused_peppers == set()
    other = HashResolver(Source("blog", format="wordpress", pepper_env="A"), {"A": "1"})
    other.resolve({}, BCRYPT)
    assert other.unused_peppers == {"wordpress (bcrypt 4)"}


def test_a_source_may_name_several_peppers() -> None:
    sources = read_sources('[sources.school]\nformat = "moodle"\npepper_env = ["A", "B"]\n', "sources.toml")
    assert sources["school"].pepper_env == "A B"
