"""Choice of the bcrypt implementation: the fastest one that agrees with the bcrypt package, or the configured one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from service.hashing.formats.bcrypt import FastBcrypt, fastest_bcrypt
from service.hashing.interleaved.engine import MakeKernel, load_kernel
from service.hashing.interleaved.interleaving import Interleaving
from service.hashing.interleaved.selfcheck import SelfCheck, check_kernel

Implementation = Literal["package", "libxcrypt", "interleaved"]
"""The values of the setting `BCRYPT`."""


class BcryptUnavailable(Exception):
    """The configured implementation cannot be used. The message gives the reason and the fix."""


@dataclass(frozen=True, slots=True)
class BcryptChoice:
    """The bcrypt implementations that this process uses, for the log and the status page."""

    implementation: Implementation
    """The implementation that the pool uses for the common formats."""
    single: Implementation
    """The implementation for one hash at a time: formulas, and all formats if nothing is interleaved."""
    reason: str
    self_check: SelfCheck | None
    """The result of the kernel's self-check; None if it did not run."""
    interleaving: Interleaving | None
    """For the pool; None if nothing is interleaved."""

    def in_use(self) -> dict[str, str | float | None]:
        """Return the implementation in use and the reason, for the status page; reports a kernel switched off later."""
        name, reason = self.implementation, self.reason
        if self.interleaving is not None and self.interleaving.fault is not None:
            name, reason = self.single, f"The C extension was switched off until a restart: {self.interleaving.fault}."
        speedup = self.self_check.speedup if self.self_check else None
        return {
            "implementation": name,
            "single": self.single,
            "reason": reason,
            "speedup": None if speedup is None else round(speedup, 2),
        }


def choose_bcrypt(
    wanted: Implementation | None = None,
    *,
    on_fault: Callable[[str], None] = lambda _: None,
    single: FastBcrypt = fastest_bcrypt,
    load: Callable[[], MakeKernel] = load_kernel,
) -> BcryptChoice:
    """Verify and time the available implementations, and choose the fastest or the one `wanted`.

    Took 0.14 s of CPU time when measured. `on_fault` is called once if the kernel is switched off later.
    Raises `BcryptUnavailable` if `wanted` is unavailable or fails verification, but not if it is merely slower.
    """
    name = single.choose("package" if wanted == "package" else "libxcrypt" if wanted == "libxcrypt" else None)
    if wanted == "libxcrypt" and name != wanted:
        raise BcryptUnavailable(
            "BCRYPT: libxcrypt is not on this machine or differs from the bcrypt package; unset BCRYPT"
        )
    if wanted in {"package", "libxcrypt"}:
        return BcryptChoice(name, name, "It is set by BCRYPT.", None, None)
    found = check_kernel(load, single)
    if wanted == "interleaved" and not found.passed:
        raise BcryptUnavailable(f"BCRYPT: interleaved cannot be used. {found.reason} Build it, or unset BCRYPT")
    if not (found.fast_enough or wanted == "interleaved"):
        return BcryptChoice(name, name, found.reason, found, None)
    interleaving = Interleaving(load(), found.stretch, on_fault=on_fault)
    return BcryptChoice("interleaved", name, found.reason, found, interleaving)
