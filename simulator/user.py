"""One user of the org: profile, status and stored password."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from simulator.channel import JsonObject
from simulator.passwords import ImportedHash, OwnPassword

BASE_ATTRIBUTES = frozenset(
    [
        "login",
        "email",
        "secondEmail",
        "firstName",
        "lastName",
        "middleName",
        "honorificPrefix",
        "honorificSuffix",
        "title",
        "displayName",
        "nickName",
        "profileUrl",
        "primaryPhone",
        "mobilePhone",
        "streetAddress",
        "city",
        "state",
        "zipCode",
        "countryCode",
        "postalAddress",
        "preferredLanguage",
        "locale",
        "timezone",
        "timeZone",
        "userType",
        "employeeNumber",
        "costCenter",
        "organization",
        "division",
        "department",
        "managerId",
        "manager",
    ]
)
"""The attributes of Okta's base user schema; an org adds its own."""


class Status(StrEnum):
    """The status of a user, in Okta's terms."""

    STAGED = "STAGED"
    PROVISIONED = "PROVISIONED"
    ACTIVE = "ACTIVE"
    RECOVERY = "RECOVERY"
    PASSWORD_EXPIRED = "PASSWORD_EXPIRED"  # noqa: S105 - Okta's name of a state
    LOCKED_OUT = "LOCKED_OUT"
    SUSPENDED = "SUSPENDED"
    DEPROVISIONED = "DEPROVISIONED"


@dataclass
class User:
    """A user of the org. With `password_hook`, the first sign-in calls the password import hook."""

    id: str
    profile: JsonObject
    created: datetime
    updated: datetime
    status: Status = Status.ACTIVE
    password_hook: bool = False
    password: OwnPassword | ImportedHash | None = field(default=None, repr=False)
    identifiers: tuple[str, ...] = ()
    groups: set[str] = field(default_factory=set)
    rearmed: int = 0
    """How often a hook was set on the user after the creation, which should never happen."""
    activated: datetime | None = None
    status_changed: datetime | None = None
    last_login: datetime | None = None
    password_changed: datetime | None = None

    @property
    def login(self) -> str:
        """The login of the user in the org."""
        return str(self.profile["login"])

    @property
    def display_name(self) -> str:
        """First and last name, as the System Log shows them."""
        return f"{self.profile.get('firstName') or ''} {self.profile.get('lastName') or ''}".strip() or self.login

    @property
    def provider(self) -> str:
        """`credentials.provider.type`: IMPORT until an imported password is stored, then OKTA."""
        return "IMPORT" if self.password_hook or isinstance(self.password, ImportedHash) else "OKTA"
