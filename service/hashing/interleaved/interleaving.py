"""Use of the interleaved kernel in one process: enabled after its self-check, disabled permanently by one fault."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from service.hashing.interleaved.engine import BcryptJob, Engine, MakeKernel
from service.hashing.interleaved.recheck import Recheck


class Interleavable:
    """A check that is one bcrypt computation, so that it can share a thread with others."""

    __slots__ = ()

    def bcrypt_job(self, password: str) -> BcryptJob | None:
        """Return the computation for `password`, or None if it cannot be the right one. Never raises."""
        raise NotImplementedError


class Interleaving:
    """Creates an engine for each worker thread, and disables all of them after a fault."""

    def __init__(
        self,
        make: MakeKernel,
        stretch: Sequence[float],
        *,
        on_fault: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use the self-check's `stretch`. `on_fault` is called once, in a worker thread, with a description."""
        self._make = make
        self._stretch = (0.0, *stretch)
        self._on_fault = on_fault
        self._fault: str | None = None
        self.recheck = Recheck(lambda: self.switch_off("it disagrees with the bcrypt package"), clock=clock)

    @property
    def usable(self) -> bool:
        """False after the first fault, until the process ends."""
        return self._fault is None

    @property
    def fault(self) -> str | None:
        """Why it is disabled, without a secret; None while it is usable."""
        return self._fault

    def engine(self) -> Engine[Any]:
        """Create an engine for the calling thread."""
        return Engine(self._make())

    def at_full_width(self, seconds: float, width: int) -> float:
        """Convert the seconds of a step with `width` lanes to those of the same step with all lanes in use."""
        return seconds * self._stretch[width]

    def switch_off(self, fault: str) -> None:
        """Disable the kernel in this process. `fault` must not contain a secret."""
        if self._fault is None:
            self._fault = fault
            self._on_fault(fault)
