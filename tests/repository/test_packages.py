"""Wheel and sdist, each installed into an empty environment: the commands work from an empty folder."""

import base64
import json
import os
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest

from tests.repository.test_repository import ROOT

BUILD = "import sys; from setuptools import build_meta as b; getattr(b, 'build_' + sys.argv[1])(sys.argv[2])"
PASSWORD = "password1"
AUTHORIZATION = "Basic " + base64.b64encode(b"okta:supersecret").decode()


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has the built package, and the dependencies of this one."""
    folder = tmp_path_factory.mktemp(request.param)
    source = folder / "source"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{ROOT}", str(source)], check=True)
    subprocess.run(
        [sys.executable, "-c", BUILD, request.param, str(folder)], cwd=source, check=True, capture_output=True
    )
    (built,) = [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    made = folder / "venv" / "bin" / "python"
    paths = subprocess.run(
        [str(made), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    # Only the packages: a `.pth` file is not read in a folder that another one names, so this checkout is not used.
    (Path(paths.stdout.strip()) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    install = [sys.executable, "-m", "pip", "--python", str(made), "install", "-qq", "--no-deps", "--no-index"]
    subprocess.run([*install, "--no-build-isolation", "--ignore-installed", str(built)], check=True, cwd=folder)
    return made


@pytest.fixture
def environment(database_url: str, empty_database_url: str) -> dict[str, str]:
    """Return settings with an empty database, and without this checkout."""
    given = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DATABASE_URL")}
    return given | {
        "DATABASE_URL": empty_database_url,
        "BASIC_AUTH_USER": "okta",
        "BASIC_AUTH_PASSWORD": "supersecret",
        "ADMIN_PORT": "0",
    }


def run(python: Path, folder: Path, environment: dict[str, str], *arguments: str) -> str:
    command = [str(python), "-m", "service", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(python: Path, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run `serve` and yield its address."""
    command = [str(python), "-m", "service", "serve"]
    with subprocess.Popen(
        command, cwd=folder, env=environment | {"PORT": "0"}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = (json.loads(line) for line in process.stderr if line.startswith("{"))
        yield next(line["url"] for line in lines if line["event"] == "listening" and line["name"] == "service")
        process.terminate()


def sign_in(url: str, login: str) -> str:
    body = {"data": {"context": {"credential": {"username": login, "password": PASSWORD}}}}
    headers = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/okta/password-import", json.dumps(body).encode(), headers)  # noqa: S310 (loopback)
    for _ in range(20):  # a busy machine may answer 503 at first
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (loopback)
                return str(json.load(answer)["commands"][0]["value"]["credential"])
        except urllib.error.HTTPError:
            time.sleep(0.5)
    return "no answer"


def test_an_installed_package_migrates_loads_verifies_and_simulates(
    python: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "people.csv").write_text(f"login,password_hash\njessie@example.com,{stored}\n")
    assert "up to date" in run(python, tmp_path, environment, "migrate")
    assert (
        json.loads(run(python, tmp_path, environment, "load", "people.csv", "--source", "legacy", "--json"))["new"] == 1
    )
    with serving(python, tmp_path, environment) as url:
        assert sign_in(url, "jessie@example.com") == "VERIFIED"
    assert "facts verified" in run(python, tmp_path, environment, "simulate")
