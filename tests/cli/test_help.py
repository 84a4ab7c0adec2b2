"""The command line's own options: version and help."""

import subprocess
import sys
from importlib.metadata import version

import pytest

COMMAND = [sys.executable, "-m", "service"]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_the_version_is_the_package_s() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"password-import {version('password-import')}\n")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_shown_by_either_option(option: str) -> None:
    done = run("load", option)
    assert done.returncode == 0
    assert "--dry-run" in done.stdout


@pytest.mark.parametrize("command", [[], ["load"], ["accounts", "delete"], ["hooks", "check"]])
def test_a_switch_takes_no_value_in_the_help(command: list[str]) -> None:
    assert "bool" not in run(*command, "--help").stdout


def test_a_reader_that_leaves_the_help_early_is_no_error() -> None:
    script = f"{sys.executable} -m service --help | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.split()[-1], done.stderr) == ("0", "")


def test_a_closed_standard_output_is_named() -> None:
    script = f"exec {sys.executable} -m service keys make >&-"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    said = "password-import: failed: standard output: Bad file descriptor: redirect it to a file or a program\n"
    assert (done.returncode, done.stderr) == (1, said)
