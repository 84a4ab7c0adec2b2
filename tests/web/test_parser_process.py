"""The process that parses large deliveries: it lives as long as the service, whatever signals arrive."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.web.bodies import DeliveryReader

SCRIPT = """
import asyncio, os, signal
from service.web.bodies import DeliveryReader

async def main():
    reader = DeliveryReader()
    await reader._parse_in_process(bytearray(b"{}"))
    (pid,) = reader._parser._processes
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    await reader._parse_in_process(bytearray(b"{}"))
    print("parsed", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_it_outlives_the_signals_of_a_supervisor_but_no_kill_of_the_service() -> None:
    # It shares the standard output, which ends only when all processes that have it do.
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "parsed\n"


async def test_it_imports_nothing_from_the_folder_that_the_service_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.unsetenv("PYTHONSAFEPATH")  # another test in this process may have started a parser
    marker = tmp_path / "imported"
    for name in ("multiprocessing", "pickle", "socket", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(marker)!r}, 'a').write({name!r})\nraise SystemExit\n")
    monkeypatch.chdir(tmp_path)
    reader = DeliveryReader()
    await reader._parse_in_process(bytearray(b"{}"))
    await reader.close()
    assert not marker.exists()
