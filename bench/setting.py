"""The resources of a run: a database server, peers if they are available, and the durations."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import servers, store
from service.hashing.pool.workers import usable_cores


@dataclass
class Setting:
    """One run."""

    folder: Path
    administrator: str
    rounds: int
    seconds: float
    """Seconds of one round of one side."""
    full: bool
    quick: bool
    peers: bool
    """Whether to measure the Node and Starlette peers."""
    cores: int = field(default_factory=usable_cores)
    stack: ExitStack = field(default_factory=ExitStack)
    """Resources that are closed at the end of the run."""
    _stores: dict[str, str] = field(default_factory=dict)
    _running: dict[str, servers.Server] = field(default_factory=dict)

    def people(self, kind: str) -> str:
        """Return the URL of a store, created once: `fast` (salted SHA-256) or `bcrypt N`."""
        if kind not in self._stores:
            hashes = self._hashes(kind)
            self._stores[kind] = store.make_store(self.administrator, kind.replace(" ", ""), hashes, self.folder)
        return self._stores[kind]

    @cached_property
    def node(self) -> Path | None:
        """The folder of the Node peers, installed when they are first needed."""
        return servers.install_node(self.folder / "node") if self.peers else None

    @cached_property
    def starlette(self) -> Path | None:
        """The Python with Starlette, installed when it is first needed."""
        return servers.install_starlette(self.folder / "starlette") if self.peers else None

    @contextmanager
    def service(self, url: str) -> Iterator[servers.Server]:
        """Run our service over a store; in a quick run, one process serves all measurements of it."""
        if not self.quick:
            with servers.service(url) as server:
                yield server
            return
        if url not in self._running:
            self._running[url] = self.stack.enter_context(servers.service(url))
        yield self._running[url]

    @property
    def number(self) -> int:
        """The number of people in a store."""
        return 200 if self.quick else 4000

    def _hashes(self, kind: str) -> dict[str, str]:
        if kind == "fast":
            return {store.login(number): store.salted_sha256(number) for number in range(self.number)}
        stored = store.bcrypt_hash(int(kind.split()[1]))
        return {store.login(number): stored for number in range(self.number)}


@contextmanager
def setting(*, rounds: int, seconds: float, full: bool, quick: bool, peers: bool) -> Iterator[Setting]:
    """Start the server, in a folder that is removed afterwards."""
    with TemporaryDirectory(prefix="bench") as name, store.postgres(Path(name)) as administrator:
        at_hand = Setting(Path(name), administrator, rounds, seconds, full, quick, peers)
        with at_hand.stack:
            yield at_hand
