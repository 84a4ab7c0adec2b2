"""What can happen in a history: plain values, whose `repr` is the line that makes it happen again. Does nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LOGINS = ("ann@a.example", "ann@b.example", "bo@a.example")
OKTA_IDS = ("00ua", "00ub", "00uc")
"""Of the users with these logins, in this order; loads and events may say otherwise."""
NICKNAME = "nick"
PASSWORDS = ("one", "two")
WRONG = "wrong"
KEYS = ("2025", "2026")
"""Of encryption at rest: all are at hand, one is the active one."""
LATER = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """An import event; `at` orders them and is later than every sign-in, but where it is negative."""

    uuid: str
    okta_id: str | None
    login: str | None
    outcome: str = "SUCCESS"
    at: int | None = 0

    @property
    def published(self) -> datetime | None:
        return None if self.at is None else LATER + timedelta(minutes=self.at) - timedelta(36525 if self.at < 0 else 0)


@dataclass(frozen=True)
class Row:
    """A row of an export; without a password it has no hash, without names it says nothing of them."""

    login: str
    password: str | None
    okta_id: str | None = None
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Load:
    source: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class SignIn:
    name: str
    password: str
    times: int = 1
    """More than one are asked at once, as Okta does when it repeats a call."""


@dataclass(frozen=True)
class Deliver:
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Lose:
    """Okta logs events, and no delivery of them ever comes."""

    events: tuple[Event, ...]


@dataclass(frozen=True)
class ChangeUser:
    """In Okta: the password is reset, the user deactivated long ago or deleted, or still to be imported."""

    okta_id: str
    becomes: str


@dataclass(frozen=True)
class Reconcile:
    pass


@dataclass(frozen=True)
class Retire:
    """The end of the programme, for one person."""

    login: str


@dataclass(frozen=True)
class RotateKeys:
    """Every hash is put under this key, and what is loaded from now on; before the first, none is."""

    active: str


@dataclass(frozen=True)
class Wait:
    """Long enough for failures to be forgotten."""


@dataclass(frozen=True)
class Restart:
    pass


Call = Load | SignIn | Deliver | Reconcile | Retire | RotateKeys


@dataclass(frozen=True)
class Crash:
    """PostgreSQL ends the connection at the statement of that number; `late`: after it was done."""

    call: Call
    statement: int
    late: bool = False


@dataclass(frozen=True)
class Together:
    first: Call
    second: Call


Step = Call | Lose | ChangeUser | Wait | Restart | Crash | Together
