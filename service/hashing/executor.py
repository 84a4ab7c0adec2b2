"""Executor of a check: on the event loop, in a thread, or in a worker process.

Every check names its own (`Check.executor`): those of named formats in `formats/`, those of formulas by `executor_of`
in `formula/cost.py`; the others are INLINE (`check.py`). The pool runs INLINE checks itself (`pool/pool.py`) and hands
over the others (`pool/workers.py`).
"""

import enum


class Executor(enum.Enum):
    """Where a check runs without blocking the event loop."""

    INLINE = "inline"
    """Microseconds: cheaper than a hand-over to a thread."""
    THREAD = "thread"
    """C code that releases the GIL for the whole computation."""
    PROCESS = "process"
    """A Python loop, which would hold the GIL: runs in a worker process."""
