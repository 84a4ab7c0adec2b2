"""The steps of a history: plain values, whose `repr` is the line that creates them again."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LOGINS = ("ann@a.example", "ann@b.example", "bo@a.example")
OKTA_IDS = ("00ua", "00ub", "00uc")
"""Logins of the users, in this order; loads and events may have others."""
NICKNAME = "nick"
PASSWORDS = ("one", "two")
WRONG = "wrong"
KEYS = ("2025", "2026")
"""Encryption keys: all are configured, one is active."""
LATER = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """An import event; `at` orders events, and is later than every sign-in unless negative."""

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
    """A row of an export; without a password it has no hash, without names no column for them."""

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
    """Several are asked concurrently, as by Okta when it repeats a call."""


@dataclass(frozen=True)
class Deliver:
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Lose:
    """Okta logs events, but never delivers them."""

    events: tuple[Event, ...]


@dataclass(frozen=True)
class ChangeUser:
    """In Okta: the password is reset, the user is deactivated long ago or deleted, or still to be imported."""

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
    """Every hash is encrypted under this key, and so are later loads; before the first rotation, none is."""

    active: str


@dataclass(frozen=True)
class Wait:
    """Time passes until failures are forgotten."""


@dataclass(frozen=True)
class Restart:
    pass


Call = Load | SignIn | Deliver | Reconcile | Retire | RotateKeys


@dataclass(frozen=True)
class Crash:
    """PostgreSQL terminates the connection at the statement with that number; `late`: after its execution."""

    call: Call
    statement: int
    late: bool = False


@dataclass(frozen=True)
class Together:
    first: Call
    second: Call


Step = Call | Lose | ChangeUser | Wait | Restart | Crash | Together
