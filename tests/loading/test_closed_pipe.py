"""A command whose reader closes the pipe early, as `head` does."""

import errno
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from service.cli.errors import DONE, FAILED, reported
from tests.loading.loader import command


@pytest.mark.parametrize(
    "arguments", [["accounts", "list"], ["accounts", "list", "--json"], ["identify", "--formats"], ["audit", "export"]]
)
def test_a_reader_that_leaves_early_ends_every_command_quietly(
    database_url: str, tmp_path: Path, arguments: list[str]
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("login\njessie@example.com\n")
    assert command("load", str(people), "--source", "legacy", url=database_url).returncode == DONE
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        env={**os.environ, "DATABASE_URL": database_url},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (DONE, b"")


def test_a_broken_pipe_to_anybody_else_is_a_failure_that_is_said(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = typer.Typer()

    @app.command()
    def break_off() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with os.fdopen(os.dup(1), "w") as read_by_somebody:
        monkeypatch.setattr(sys, "stdout", read_by_somebody)
        monkeypatch.setattr(sys, "stderr", sys.stderr)  # Typer replaces both
        assert reported(functools.partial(app, args=[])) == FAILED
    assert "Broken pipe" in capfd.readouterr().err
