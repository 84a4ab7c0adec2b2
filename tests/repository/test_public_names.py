"""Every public name is in docs/public-names.txt, so that a change of one is visible in a review."""

from tests.repository.public_names import LIST, listing


def test_the_list_of_public_names_is_the_one_that_the_code_has() -> None:
    assert LIST.read_text(encoding="utf-8") == listing(), (
        "public names changed; if that is meant: python -m tests.repository.public_names > docs/public-names.txt"
    )
