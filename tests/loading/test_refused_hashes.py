"""The message for a rejected hash: the missing name, or the intended one. The hash is not quoted."""

from tests.loading.loader import Loader

NT = "b4b9b02e6f09a9bd760f388b67351e2b"
SPRING = "{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG"


async def refused(loader: Loader, row: str) -> str:
    totals = await loader.load(f"login,password_hash,format\n{row}\n")
    assert totals.refused == 1
    return loader.rejected()


async def test_a_hash_that_several_formats_write_is_answered_with_their_names(loader: Loader) -> None:
    progress = await refused(loader, f"person@example.com,{NT},")
    assert "name its format (md5, md4, nt, lm) or a formula" in progress


async def test_a_hash_of_another_format_than_its_row_names_is_told_what_it_looks_like(loader: Loader) -> None:
    progress = await refused(loader, f"person@example.com,{SPRING},bcrypt")
    assert "not in the shape of bcrypt; it looks like spring_bcrypt" in progress


async def test_an_unknown_hash_is_answered_with_the_remedy(loader: Loader) -> None:
    progress = await refused(loader, "person@example.com,$unknown$12$o6hx.Wog/wvFSkT,")
    assert "name its format, or a formula" in progress
