"""Files with personal data: readable only by their owner, and never written through a symbolic link."""

import os
import stat
from pathlib import Path
from typing import TextIO


def open_private(path: Path, *, encoding: str = "utf-8", errors: str = "strict") -> TextIO:
    """Open a file for writing, with mode 0600 even if it exists. Raises `OSError`, also if the path is a symbolic link.

    A path that is not a regular file, such as /dev/null, keeps its mode.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            # Before truncation: this raises for a file that another user owns, and leaves it unchanged.
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
        return os.fdopen(descriptor, "w", encoding=encoding, errors=errors, newline="")
    except BaseException:
        os.close(descriptor)
        raise
