"""The result of `make release`: reproducible bytes, a list of every locked package, correct checksums."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.repository.test_locks import read_lock, version

ROOT = Path(__file__).parents[2]


def release(folder: Path, **environment: str) -> Path:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout: a release is built from a commit")
    command = [sys.executable, str(ROOT / ".ci" / "release.py"), str(folder)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(tmp_path_factory.mktemp("release") / "dist", TZ="UTC")


def test_a_release_is_the_same_bit_for_bit_wherever_it_is_built(dist: Path, tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        again = release(tmp_path / "elsewhere", TZ="Asia/Tokyo", LC_ALL="C", HOME=str(tmp_path))
    finally:
        os.umask(umask)
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in dist.iterdir()
    }


def test_a_release_has_wheel_sdist_bill_of_materials_and_checksums(dist: Path) -> None:
    assert sorted("".join(path.suffixes[-2:]) for path in dist.iterdir() if path.suffix) == sorted(
        [".cdx.json", ".tar.gz", "".join(next(dist.glob("*.whl")).suffixes[-2:])]
    )
    assert zipfile.ZipFile(next(dist.glob("*.whl"))).testzip() is None
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        assert {(member.uid, member.uname) for member in sdist} == {(0, "")}


def test_the_checksums_fit(dist: Path) -> None:
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("sha256sum is not installed")
    subprocess.run([program, "--check", "--strict", "SHA256SUMS"], cwd=dist, check=True, capture_output=True)


def test_the_bill_of_materials_lists_every_locked_package(dist: Path) -> None:
    document = json.loads(next(dist.glob("*.cdx.json")).read_text())
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.5", 1)
    listed = {component["name"]: component["version"] for component in document["components"]}
    assert listed == {name: version(pin) for name, (pin, _) in read_lock("runtime.txt").items()}
    references = [component["bom-ref"] for component in document["components"]]
    assert len(set(references)) == len(references)
    assert all(component["purl"].startswith("pkg:pypi/") for component in document["components"])
