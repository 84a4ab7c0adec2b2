"""Data folders of embedded servers; no test leaves a process in one."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.embedded_postgres import embedded_sync
from tests.embedded_postgres.using import QUICK, kill_all, processes


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that does not exist yet, with a space in its name."""
    yield from _cleared(tmp_path / "data dir")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a cluster, stopped."""
    path = tmp_path_factory.mktemp("made") / "data dir"
    with embedded_sync(path, server_settings=QUICK):
        pass
    return path


@pytest.fixture
def made_data_dir(made_once: Path, tmp_path: Path) -> Iterator[Path]:
    """Yield a copy of a folder with a cluster: faster than creating one."""
    subprocess.run(["cp", "-a", str(made_once), str(tmp_path)], check=True)
    yield from _cleared(tmp_path / made_once.name)


def _cleared(path: Path) -> Iterator[Path]:
    yield path
    kill_all(processes(path))
