"""Standard input that can be told to wait no longer. Knows nothing of what comes from it."""

import io
import select
import sys
from typing import Any

LOOK_EVERY = 0.2
"""Seconds between two looks whether what waits should go on waiting."""


class StandardInput(io.FileIO):
    """Standard input that another thread can tell to wait no longer: Ctrl-C ends a load whose pipe is silent."""

    def __init__(self) -> None:
        super().__init__(sys.stdin.fileno(), closefd=False)
        self.interrupted = False

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 (any buffer; 3.12 has a name for it)
        """Read what is there, as soon as there is some; nothing once it was interrupted."""
        while not self.interrupted:
            if select.select([self], [], [], LOOK_EVERY)[0]:
                return super().readinto(buffer)
        return 0
