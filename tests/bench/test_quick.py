"""The short form of the benchmarks, only to check that it runs: its numbers are not evaluated."""

import subprocess
import sys
from pathlib import Path

from bench.run import MEASURES

ROOT = Path(__file__).parent.parent.parent


def test_the_short_form_measures_everything_and_prints_one_table() -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--no-peers"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = [line.removeprefix("measuring ") for line in done.stderr.splitlines() if line.startswith("measuring ")]
    assert measured == list(MEASURES)
    header, rule, *rows = done.stdout.split("\n\n")[0].strip().splitlines()
    assert header.startswith("| measured")
    assert set(rule) == {"|", "-"}
    assert len(rows) > len(MEASURES)
