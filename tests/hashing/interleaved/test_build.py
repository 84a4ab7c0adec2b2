"""The C extension is optional: a build without a compiler succeeds without it. Its tables are the digits of pi."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from service.hashing.interleaved import pi_tables

ROOT = Path(__file__).parents[3]


def build(folder: Path, compiler: str | None = None) -> tuple[list[str], str]:
    """Run the build in `folder`; return the created extensions and the output."""
    environment = {**os.environ, **({"CC": compiler} if compiler else {})}
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", folder, "--build-temp", folder / "temp"],
        cwd=ROOT,
        env=environment,
        check=False,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return [path.name for path in folder.rglob("*.so")], done.stdout + done.stderr


@pytest.mark.parametrize("compiler", ["/bin/false", "/nonexistent/cc"])
def test_without_a_compiler_the_build_succeeds_and_says_what_is_missing(tmp_path: Path, compiler: str) -> None:
    made, printed = build(tmp_path, compiler)
    assert made == []
    assert 'building extension "service.hashing.interleaved._kernel" failed' in printed


def test_with_a_compiler_it_makes_one_library_for_all_versions_of_python(tmp_path: Path) -> None:
    compiler = os.environ.get("CC") or str(sysconfig.get_config_var("CC"))
    empty = tmp_path / "empty.c"
    empty.write_text("#include <Python.h>\n")
    headers = sysconfig.get_path("include")
    command = [*shlex.split(compiler), "-I", headers, "-c", str(empty), "-o", str(tmp_path / "empty.o")]
    if not shutil.which(command[0]) or subprocess.run(command, check=False).returncode:
        pytest.skip(f"no working C compiler with Python's headers: {compiler}")
    made, _ = build(tmp_path)
    assert made == ["_kernel.abi3.so"]


def test_the_tables_of_the_kernel_are_the_digits_of_pi() -> None:
    assert pi_tables.HEADER.read_text() == pi_tables.header()


def test_the_digits_of_pi_are_right() -> None:
    assert pi_tables.pi_words(3) == [0x243F6A88, 0x85A308D3, 0x13198A2E]
    assert pi_tables.pi_words(1042)[-1] == 0x3AC372E6
