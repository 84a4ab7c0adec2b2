"""A short model of the rules: the effect of each call on a world of accounts and events.

A call is a list of moves, each of which happens completely or not at all. After a crash the store may be in the world
after any number of them; after two concurrent calls, in the world after any interleaving of both their moves.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from tests.histories.steps import LOGINS, OKTA_IDS, Call, Deliver, Event, Load, Retire, RotateKeys, Row, SignIn


@dataclass(frozen=True)
class Account:
    okta_id: str | None = None
    state: str = "unarmed"
    hashes: frozenset[tuple[str, str]] = frozenset()
    """Source and password: the model may know it."""
    names: frozenset[str] = frozenset()
    was_verified: bool = False
    proof: str | None = None

    @property
    def armed(self) -> bool:
        return self.state in {"waiting", "verified"}


@dataclass(frozen=True)
class World:
    accounts: dict[str, Account] = field(default_factory=dict)
    events: dict[str, tuple[Event, str]] = field(default_factory=dict)
    """By uuid: the event, and its effect."""

    def having(self, login: str, **changed: object) -> "World":
        account = replace(self.accounts.get(login, Account()), **changed)  # type: ignore[arg-type]
        return replace(self, accounts=self.accounts | {login: account})


@dataclass
class Org:
    """The state of Okta: of its users (import, own, deactivated or deleted), of its log, and how much has been read."""

    users: dict[str, str] = field(default_factory=lambda: dict.fromkeys(OKTA_IDS, "import"))
    log: list[Event] = field(default_factory=list)
    read: int = 0


Move = Callable[[World], World]


def moves(call: Call, org: Org, forget_when: str) -> list[Move]:
    match call:
        case Load(source, rows):
            return [lambda world: load(world, source, rows, forget_when)]
        case Deliver(events):
            return [lambda world: record(world, events, forget_when)]
        case SignIn(name, password):
            return [lambda world: remember(world, name, password)]
        case Retire(login):
            return [lambda world: retire(world, login, "end_of_programme")]
        case RotateKeys():
            return []  # not observable
    log, unread = tuple(org.log), tuple(org.log[org.read :])
    return [
        lambda world: record(world, unread, forget_when),
        lambda world: record(world, log, forget_when),  # the second reading, for events that were persisted late
        *comparison(org, forget_when),
    ]


def may_follow(world: World, moves: Sequence[Move]) -> list[World]:
    """Return the worlds after none, some or all of the moves."""
    worlds = [world]
    for move in moves:
        worlds.append(move(worlds[-1]))
    return worlds


def may_follow_both(world: World, first: Sequence[Move], second: Sequence[Move]) -> list[list[World]]:
    """Return the worlds on all interleavings of both; in the last ones both calls are complete."""
    grid: dict[tuple[int, int], list[World]] = {}
    for i in range(len(first) + 1):
        for j in range(len(second) + 1):
            reached = [first[i - 1](known) for known in grid[i - 1, j]] if i else []
            reached += [second[j - 1](known) for known in grid[i, j - 1]] if j else []
            grid[i, j] = [each for k, each in enumerate(reached) if each not in reached[:k]] or [world]
    return list(grid.values())


def left_alone(world: World, call: Retire, other: Sequence[Move]) -> list[World]:
    """Return the world in which an account that another call bound meanwhile is skipped, as decided without its id."""
    after = may_follow(world, other)[-1]
    known, bound = (each.accounts.get(call.login, Account()).okta_id for each in (world, after))
    return [after] if known != bound else []


# The account that is meant


def meant_by_name(world: World, name: str) -> list[str]:
    """Return the account with the login, otherwise with another name, otherwise with the login's part before the @."""
    other = [login for login, account in world.accounts.items() if name in account.names]
    local = [login for login in world.accounts if login.split("@")[0] == name]
    return [name] if name in world.accounts else other or local


def meant_by_event(world: World, event: Event) -> str | None:
    """Return the account with that Okta id, otherwise the one with that login, whatever its Okta id."""
    for login, account in world.accounts.items():
        if event.okta_id is not None and account.okta_id == event.okta_id:
            return login
    return event.login if event.login in world.accounts else None


def verdict(world: World, name: str, password: str) -> str:
    if not world.accounts:
        return "503"
    selected = [world.accounts[login] for login in meant_by_name(world, name)]
    right = len(selected) == 1 and selected[0].armed and password in {known for _, known in selected[0].hashes}
    return "VERIFIED" if right else "UNVERIFIED"


# The effects of calls


def remember(world: World, name: str, password: str) -> World:
    if verdict(world, name, password) != "VERIFIED":
        return world
    (login,) = meant_by_name(world, name)
    return world if world.accounts[login].state == "verified" else world.having(
        login, state="verified", was_verified=True
    )  # fmt: skip


def load(world: World, source: str, rows: Sequence[Row], forget_when: str) -> World:
    met: list[str] = []
    before = world
    for row in _distinct(rows):
        account = before.accounts.get(row.login, Account())
        owner = [login for login, other in before.accounts.items() if row.okta_id and other.okta_id == row.okta_id]
        conflicts = row.okta_id and account.okta_id and account.okta_id != row.okta_id
        if account.state in {"migrated", "retired"} or conflicts or owner not in ([], [row.login]):
            continue
        if row.login not in before.accounts or (row.okta_id and account.okta_id is None):
            met.append(row.login)
        # An identifier from another source is not removed by this one.
        kept_names = account.names if row.names is None or any(known != source for known, _ in account.hashes) else ()
        names = frozenset(kept_names) | frozenset(row.names or ())
        world = world.having(row.login, okta_id=account.okta_id or row.okta_id, names=names)
        kept = {known for known in account.hashes if known[0] != source}
        if row.password and (source, row.password) not in account.hashes:
            hashes = frozenset(kept | {(source, row.password)})
            world = world.having(row.login, hashes=hashes, state="waiting", was_verified=False)
    return apply_unmatched(world, met, forget_when)


def _distinct(rows: Sequence[Row]) -> list[Row]:
    """Keep the first row of a login or of an Okta id within one file."""
    taken: list[Row] = []
    for row in rows:
        if row.login not in [each.login for each in taken] and (
            row.okta_id is None or row.okta_id not in [each.okta_id for each in taken]
        ):
            taken.append(row)
    return taken


def record(world: World, events: Iterable[Event], forget_when: str) -> World:
    """Record each event once, by its uuid; without an account it is unmatched until an account for it is loaded."""
    bound: list[str] = []
    first = {event.uuid: event for event in reversed(tuple(events))}.values()
    for event in sorted(first, key=lambda event: (event.at is not None, event.at or 0, event.uuid)):
        if world.events.get(event.uuid, (event, "unmatched")) == (event, "unmatched"):
            world, login = decide(world, event, forget_when)
            bound += [login] if login else []
    return apply_unmatched(world, bound, forget_when)


def apply_unmatched(world: World, logins: Sequence[str], forget_when: str) -> World:
    def means(event: Event, login: str) -> bool:
        own = world.accounts[login].okta_id
        return event.okta_id == own if own else event.login == login

    kept = [event for event, effect in world.events.values() if effect == "unmatched"]
    found = [event for event in kept if any(means(event, login) for login in logins)]
    return record(world, found, forget_when) if found else world


def decide(world: World, event: Event, forget_when: str) -> tuple[World, str | None]:
    """Return the world in which the event is recorded, and the account that it bound to its Okta id."""
    login = meant_by_event(world, event)
    if login is None:
        return replace(world, events=world.events | {event.uuid: (event, "unmatched")}), None
    account = world.accounts[login]
    binds = event.okta_id is not None and account.okta_id is None
    effect = effect_of(event, account, forget_when)
    if binds:
        world = world.having(login, okta_id=event.okta_id)
    if effect == "migrated":
        world = world.having(login, state="migrated", hashes=frozenset(), proof=event.uuid)
    return replace(world, events=world.events | {event.uuid: (event, effect)}), login if binds else None


def effect_of(event: Event, account: Account, forget_when: str) -> str:
    if account.okta_id is not None and account.okta_id != event.okta_id:
        return "mismatch"
    if event.outcome != "SUCCESS":
        return "kept"
    if account.state == "migrated":
        return "already"
    explained = account.was_verified and (event.at is None or event.at >= 0)
    return "migrated" if forget_when == "success" or explained else "unexplained"


# The comparison with Okta's users


def retire(world: World, login: str, proof: str) -> World:
    armed = login in world.accounts and world.accounts[login].armed
    return world.having(login, state="retired", hashes=frozenset(), proof=proof) if armed else world


PROOFS = {"own": "password_in_okta", "deactivated": "deactivated_in_okta", "deleted": "deleted_in_okta"}


def comparison(org: Org, forget_when: str) -> list[Move]:
    def bind(world: World, *, deactivated: bool) -> World:
        bound = []
        for login, okta_id in zip(LOGINS, OKTA_IDS, strict=True):
            account, user = world.accounts.get(login), org.users[okta_id]
            if account is None or not account.armed or account.okta_id is not None or user == "deleted":
                continue
            taken = any(other.okta_id == okta_id for other in world.accounts.values())
            is_own_strange = user == "own" and account.state != "verified"
            if not taken and not is_own_strange and (user == "deactivated") == deactivated:
                world = world.having(login, okta_id=okta_id)
                bound.append(login)
        return apply_unmatched(world, bound, forget_when)

    def retire_all(world: World, *whose: str) -> World:
        for login, account in world.accounts.items():
            if account.okta_id in org.users and (user := org.users[account.okta_id]) in whose:
                world = retire(world, login, PROOFS[user])
        return world

    return [
        lambda world: bind(world, deactivated=False),
        lambda world: retire_all(world, "own"),
        lambda world: bind(world, deactivated=True),
        lambda world: retire_all(world, "deactivated"),
        lambda world: retire_all(world, "deleted"),
    ]
