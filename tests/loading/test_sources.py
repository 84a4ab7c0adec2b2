"""The file of sources: valid settings, and every fault reported with its location."""

from pathlib import Path

import pytest

from service.loading.sources import BadSources, Source, choose_source, read_sources

GOOD = """
[sources.shop]
format = "sha1($salt.$pass.$pepper)"
charset = "latin-1"
pepper_env = "SHOP_PEPPER"
salt_encoding = "hex"
username = "userName"

[sources.app]
format = "firebase_scrypt"
signer_key = "abc"
rounds = 8
options = { mem_cost = 14 }
"""

BAD = """
top = 1
[sources.a]
format = "md5(md5($pass)"
charset = "latin-99"
iterations = 0
[sources.b]
format = "djngo_pbkdf2"
formt = "x"
salt_encoding = "base32"
[sources.c]
options = 3
pepper_env = ""
"""


PLACES = (
    "top",
    "sources.a.format",
    "sources.a.charset",
    "sources.a.iterations",
    "sources.b.format",
    "sources.b.formt",
    "sources.b.salt_encoding",
    "sources.c.options",
    "sources.c.pepper_env",
)


def test_each_source_says_what_its_hashes_need() -> None:
    sources = read_sources(GOOD, "sources.toml")
    assert sources["shop"] == Source(
        "shop", "sha1($salt.$pass.$pepper)", "latin-1", "SHOP_PEPPER", None, "hex", "userName", {}
    )
    assert sources["app"].options == {"mem_cost": "14", "rounds": "8", "signer_key": "abc"}


def test_every_fault_is_named_at_once_with_its_place() -> None:
    with pytest.raises(BadSources) as raised:
        read_sources(BAD, "sources.toml")
    progress = str(raised.value)
    for place in PLACES:
        assert f"sources.toml: {place}: " in progress, place
    assert "django_pbkdf2" in progress
    assert "did you mean format?" in progress


def test_a_source_that_the_file_does_not_know_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(GOOD)
    with pytest.raises(BadSources, match="the file has: shop, app"):
        choose_source("shp", tmp_path / "sources.toml")


def test_without_a_file_any_source_needs_nothing() -> None:
    assert choose_source("anything", None) == Source("anything")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101])
def test_the_name_of_a_source_can_be_printed(name: str) -> None:
    with pytest.raises(BadSources, match="printable"):
        choose_source(name, None)


def test_the_signer_key_is_not_shown() -> None:
    assert "abc" not in repr(read_sources(GOOD, "sources.toml")["app"])
