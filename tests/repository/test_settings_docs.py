"""docs/settings.md is correct: it lists every setting exactly once, with its default."""

import re

import pytest

from service.settings import Settings
from tests.repository.test_repository import ROOT

ROWS = re.findall(
    r"^\| `([A-Z_]+)` \| (.*?) ?\| (.+) \|$", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"), re.MULTILINE
)
FIELDS = {name.upper(): field for name, field in Settings.model_fields.items()}


def test_every_setting_is_listed_once_and_nothing_else_is() -> None:
    assert sorted(name for name, _, _ in ROWS) == sorted(FIELDS)


@pytest.mark.parametrize("name, shown, _meaning", ROWS)
def test_default_of_a_setting_is_the_one_that_the_table_shows(name: str, shown: str, _meaning: str) -> None:
    default = FIELDS[name].default
    expected = "" if default is None or default == () else f"`{str(default).lower() if default is False else default}`"
    assert shown.strip() == expected


@pytest.mark.parametrize("name, _shown, meaning", ROWS)
def test_every_setting_has_a_meaning(name: str, _shown: str, meaning: str) -> None:
    assert len(meaning.split()) >= 3, name
