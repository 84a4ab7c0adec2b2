"""A fixture for loading."""

from pathlib import Path

import pytest

from tests.loading.loader import Loader


@pytest.fixture
def loader(database_url: str, tmp_path: Path) -> Loader:
    return Loader(database_url, tmp_path)
