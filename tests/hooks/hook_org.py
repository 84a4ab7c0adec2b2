"""A small fake org with hooks, and a fake service: a test determines which call fails, and sees every call."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from service.hooks.register import DesiredHooks
from service.okta.events import IMPORT_EVENT
from service.okta.hooks import HeaderChannel, Hook, HookKind
from service.okta.system_log import Page

PASSWORD, REGISTRATION, EVENTS = HookKind.PASSWORD_IMPORT, HookKind.REGISTRATION, HookKind.EVENTS
OURS = HeaderChannel("Authorization", "Basic YWRtaW46c3VwZXJzZWNyZXQ=")
URL = "https://service.example.com"
WANTED = DesiredHooks(URL, OURS, OURS)
GOOD: Mapping[HookKind, object] = {
    PASSWORD: {"commands": [{"type": "com.okta.action.update", "value": {"credential": "UNVERIFIED"}}]},
    REGISTRATION: {"commands": []},
    EVENTS: {"verification": "password-import-probe"},
}


def hook(kind: HookKind, own: str = "", **members: Any) -> Hook:
    """Return a correct hook."""
    given: dict[str, Any] = {"name": kind.label, "active": True, "uri": URL + kind.path, "header": OURS.name}
    given |= {"oauth": False, "events": (IMPORT_EVENT,) if kind is EVENTS else ()} | members
    return Hook(id=own or f"id of the {kind.label}", **given)


class HookBoard:
    """An org with the three hooks. `faults` are raised by the calls that they name, such as `verify`."""

    def __init__(self) -> None:
        self.clock_ahead: float | None = None
        self.hooks: dict[str, tuple[HookKind, Hook]] = {}
        for kind in HookKind:
            self.put(kind, hook(kind))
        self.faults: dict[str, Exception] = {}
        self.answers: dict[HookKind, object] = dict(GOOD)
        self.log: list[object] = []
        self.calls: list[tuple[str, str]] = []
        """The actions, each with its hook (or, for a new one, its name)."""

    def put(self, kind: HookKind, given: Hook) -> None:
        self.hooks[given.id] = (kind, given)

    @property
    def changes(self) -> list[tuple[str, str]]:
        return [call for call in self.calls if call[0] not in ("list", "log", "execute")]

    def _note(self, what: str, named: str) -> None:
        self.calls.append((what, named))
        if what in self.faults:
            raise self.faults[what]

    async def list_hooks(self, kind: HookKind) -> list[Hook]:
        self._note("list", kind.label)
        return [each for known, each in self.hooks.values() if known is kind]

    async def create_hook(self, kind: HookKind, settings: Mapping[str, Any]) -> Hook:
        self._note("create", settings["name"])
        if any(each.name == settings["name"] for _, each in self.hooks.values()) and "name" in self.faults:
            raise self.faults["name"]
        made = hook(kind, f"new {len(self.hooks)}", name=settings["name"], verified=kind.is_inline)
        self.put(kind, replace(made, uri=settings["channel"]["config"]["uri"]))
        return made

    async def replace_hook(self, kind: HookKind, hook_id: str, settings: Mapping[str, Any]) -> Hook:
        self._note("replace", hook_id)
        known = self.hooks[hook_id][1]
        uri = settings["channel"]["config"]["uri"]
        self.put(kind, replace(known, name=settings["name"], uri=uri, verified=kind.is_inline))
        return self.hooks[hook_id][1]

    async def hook_step(self, kind: HookKind, hook_id: str, step: str) -> Hook:
        self._note(step, hook_id)
        known = self.hooks[hook_id][1]
        change = {"verified": True} if step == "verify" else {"active": step == "activate"}
        self.put(kind, replace(known, **change))  # type: ignore[arg-type]
        return self.hooks[hook_id][1]

    async def delete_hook(self, _kind: HookKind, hook_id: str) -> None:
        self._note("delete", hook_id)
        assert not self.hooks[hook_id][1].active, "Okta deletes no active hook"
        del self.hooks[hook_id]

    async def execute_hook(self, hook_id: str, _payload: Mapping[str, Any]) -> object:
        self._note("execute", hook_id)
        return self.answers[self.hooks[hook_id][0]]

    async def log_page(self, query: Mapping[str, str]) -> Page:
        self._note("log", query["filter"])
        return self.log, None


class KnownHooks:
    """The ids of the hooks that this installation created, in memory; at first all of the given board."""

    def __init__(self, board: HookBoard | None = None) -> None:
        known = board.hooks.items() if board else ()
        self.known = {(kind, own) for own, (kind, _) in known}

    async def ids(self, kind: HookKind) -> frozenset[str]:
        return frozenset(own for known, own in self.known if known is kind)

    async def add(self, kind: HookKind, hook_id: str) -> None:
        self.known.add((kind, hook_id))

    async def remove(self, kind: HookKind, hook_id: str) -> None:
        self.known.discard((kind, hook_id))


@dataclass
class Called:
    """The results of calling the service."""

    status: int | None = 200
    answer: object = None
    location: str | None = None
    certificate_ends: Any = None
    fault: str | None = None
    bad_certificate: bool = False


@dataclass
class FakeService:
    """A service at some addresses; those in `down` do not answer, kinds in `refusing` reject the secret."""

    down: frozenset[str] = frozenset()
    refusing: frozenset[HookKind] = frozenset()
    called: list[str] = field(default_factory=list)

    async def call(self, url: str, _headers: Mapping[str, str], _payload: Mapping[str, Any] | None = None) -> Called:
        self.called.append(url)
        kind = next(kind for kind in HookKind if url.endswith(kind.path))
        if url.removesuffix(kind.path) in self.down:
            return Called(None, fault="ClientConnectorError")
        return Called(401) if kind in self.refusing else Called(200, GOOD[kind])
