"""Choice of the bcrypt implementation: the fastest that is proved equal to the bcrypt package, or the one set."""

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
    """The implementation that is set cannot be used here. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class BcryptChoice:
    """What computes bcrypt in this process, for the log and the status page."""

    implementation: Implementation
    """What the pool uses for the common formats."""
    single: Implementation
    """What computes one hash at a time: formulas, and all formats where nothing is interleaved."""
    reason: str
    self_check: SelfCheck | None
    """What the self-check of the kernel found; None where it did not run."""
    interleaving: Interleaving | None
    """For the pool; None where nothing is interleaved."""

    def in_use(self) -> dict[str, str | float | None]:
        """Give what computes bcrypt now, and why, for the status page: also after the kernel was switched off."""
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
    """Prove and time what there is, and take the fastest, or what is `wanted`.

    Took 0.14 s of CPU time where it was measured. `on_fault` is called once where the kernel is switched off later.
    Raises `BcryptUnavailable` where `wanted` is not there or not proved; that it is slower than another is no reason.
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
