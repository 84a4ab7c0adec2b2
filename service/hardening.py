"""Protection of the process's memory: no core dumps, no debugger of the same user.

Passwords and hashes are in the memory of the service and of the processes that check for it. A limit is inherited by
those; being "dumpable" (prctl(2), Linux) is not, so each process says it for itself.
"""

import contextlib
import ctypes
import sys

PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """Let no crash of this process, or of one that it starts, write its memory to disk."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no core dumps to forbid
        import resource  # noqa: PLC0415 (POSIX only)

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def hide_memory() -> None:
    """Let no other process of this user read this one's memory, where the system can forbid it (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
