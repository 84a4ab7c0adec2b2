"""A crash writes no memory to disk, and an exception that ends a thread is logged without its message."""

import subprocess
import sys

SCRIPT = """
import resource, sys, threading
from service.cli import app
from service import cli, hardening
from service.telemetry import configure_logging
cli.reported = lambda _: 0
try:
    cli.main()
except SystemExit:
    pass
hardening.hide_memory()
print(resource.getrlimit(resource.RLIMIT_CORE))
print([line for line in open("/proc/self/status") if line.startswith("CoreDumping")])
configure_logging("debug")
class Falls:
    def __del__(self):
        raise ValueError("marked in a destructor")
def fall():
    raise ValueError("marked in a thread")
thread = threading.Thread(target=fall)
thread.start()
thread.join()
Falls()
raise ValueError("marked at the end")
"""


def test_no_core_is_dumped_and_a_crash_shows_no_message() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("(0, 0)")
    assert done.stderr.count('"event": "crash"') == 3
    assert "marked" not in done.stderr + done.stdout
