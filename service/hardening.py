"""Protection of the process's memory: no core dumps, no debugger of the same user.

Passwords and hashes are in the memory of the service and of the processes that check for it. A resource limit is
inherited by those; the "dumpable" attribute (prctl(2), Linux) is not, so each process sets it for itself.
"""

import contextlib
import ctypes
import sys

PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """Prevent a crash of this process, or of its children, from writing memory to disk."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no core dumps
        import resource  # noqa: PLC0415 (POSIX only)

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def hide_memory() -> None:
    """Prevent other processes of this user from reading this one's memory, if the system supports it (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
