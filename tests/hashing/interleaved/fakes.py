"""A kernel in Python, based on the bcrypt package; subclasses make it faulty."""

from service.hashing.interleaved import recheck


class PackageKernel:
    """Finishes the cheapest job at each step."""

    def __init__(self) -> None:
        self.jobs: dict[int, tuple[bytes, bytes, int]] = {}

    def __len__(self) -> int:
        return len(self.jobs)

    def add(self, ticket: int, key: bytes, salt: bytes, cost: int, /) -> None:
        self.jobs[ticket] = (key, salt, cost)

    def discard(self, ticket: int, /) -> bool:
        return self.jobs.pop(ticket, None) is not None

    def step(self, _iterations: int = 64, /) -> list[tuple[int, bytes]]:
        ticket = min(self.jobs, key=lambda one: self.jobs[one][2])
        done = self.digest(*self.jobs[ticket])
        del self.jobs[ticket]
        return [(ticket, done)]

    def digest(self, key: bytes, salt: bytes, cost: int) -> bytes:
        return recheck.compute(key, salt, cost)
