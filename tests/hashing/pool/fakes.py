"""Checks that tests control, so that the order of events does not depend on the clock."""

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from service.hashing.executor import Executor


class Fake:
    """The properties of every fake check."""

    work = 0.0

    @property
    def looped(self) -> bool:
        return False

    def takes(self, password: str) -> bool:  # noqa: ARG002 - any will do
        return True


@dataclass(frozen=True)
class Fixed(Fake):
    """A check that matches one password."""

    executor: Executor = Executor.THREAD
    cost: str = "fixed"
    password: str = field(default="right", repr=False)
    looped: bool = False

    def verify(self, password: str) -> bool:
        return password == self.password


@dataclass(frozen=True)
class Broken(Fake):
    """Raises an exception that quotes the password."""

    executor: Executor = Executor.THREAD
    cost: str = "broken"

    def verify(self, password: str) -> bool:
        raise RuntimeError(password)


@dataclass(frozen=True)
class Gated(Fake):
    """Waits until the test opens the gate, and records which passwords were hashed."""

    executor: Executor = Executor.THREAD
    cost: str = "gated"
    gate: threading.Event = field(default_factory=threading.Event)
    hashed: list[str] = field(default_factory=list)

    def verify(self, password: str) -> bool:
        self.hashed.append(password)
        return self.gate.wait(30)


@dataclass(frozen=True)
class WhereAmI(Fake):
    """Records the thread that it ran in."""

    executor: Executor = Executor.INLINE
    cost: str = "where"
    threads: list[str] = field(default_factory=list)

    def verify(self, password: str) -> bool:  # noqa: ARG002 - any will do
        self.threads.append(threading.current_thread().name)
        return True


@dataclass(frozen=True)
class Environment(Fake):
    """Runs in a worker process; the password is the name of a variable that must not be set there."""

    executor: Executor = Executor.PROCESS
    cost: str = "environment"

    def verify(self, password: str) -> bool:
        return password not in os.environ


@dataclass(frozen=True)
class Pid(Fake):
    """Runs in a worker process; matches its process id."""

    executor: Executor = Executor.PROCESS
    cost: str = "pid"

    def verify(self, password: str) -> bool:
        return password == str(os.getpid())


@dataclass(frozen=True)
class Sleeps(Fake):
    """Runs in a worker process for a long time; the password is a file that it creates at its start."""

    executor: Executor = Executor.PROCESS
    cost: str = "sleeps"

    def verify(self, password: str) -> bool:
        Path(password).touch()
        time.sleep(60)
        return True
