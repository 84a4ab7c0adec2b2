"""The profile that is sent to Okta for an account, and the comparison with an existing user. No I/O.

The limits are those of Okta's user schema: https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/
"""

import enum
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from service.okta.users import IMPORT, OktaUser
from service.store.accounts import login_key

LOGIN_LENGTH = range(5, 101)
NAME_LENGTH = range(1, 51)
COMPARED = ("email", "firstName", "lastName")
CLOCKS_APART = timedelta(minutes=5)


class Method(enum.StrEnum):
    """How a user gets the password."""

    HOOK = "hook"
    """At the first sign-in, Okta calls the password import hook."""
    DIRECT = "direct"
    """The hash is sent, and Okta checks it itself."""
    NONE = "none"
    """There is no hash: the user gets a random password that is not stored, and resets it."""


class Outcome(enum.StrEnum):
    """The outcome for an account to create."""

    CREATED = "created"
    FOUND = "found"
    """A user with the login exists, is the same person, and is left unchanged."""
    REFUSED = "refused"
    """Okta rejects the account, or another person has the login there."""


def okta_profile(login: str, profile: Mapping[str, Any], only: Collection[str] | None = None) -> dict[str, Any]:
    """Select the attributes to send; a missing e-mail address is replaced by the login if that is one."""
    sent = {name: value for name, value in profile.items() if value not in (None, "") and (not only or name in only)}
    if "@" in login:
        sent.setdefault("email", profile.get("email") or login)
    return sent | {"login": login}


def faults_of(profile: Mapping[str, Any]) -> list[str]:
    """List the known faults of a profile; Okta may have more rules."""
    faults = [] if len(profile["login"]) in LOGIN_LENGTH else ["login: must have from 5 to 100 characters"]
    faults += [] if profile.get("email") else ["email: is missing"]
    return faults + [
        f"{name}: must have from 1 to 50 characters"
        for name in ("firstName", "lastName")
        if name in profile and len(str(profile[name])) not in NAME_LENGTH
    ]


def differences(profile: Mapping[str, Any], user: OktaUser) -> list[str]:
    """Name the attributes that show that a user is another person than the account's."""
    names = ["login"] if login_key(profile["login"]) != login_key(user.login) else []
    return names + [name for name in COMPARED if not _same(profile.get(name), user.profile.get(name))]


def is_same_person(profile: Mapping[str, Any], user: OktaUser) -> bool:
    """Return whether a user is the account's person; if it has its own password, the e-mail addresses must be equal."""
    if differences(profile, user):
        return False
    return user.provider == IMPORT or bool(user.profile.get("email") and profile.get("email"))


def is_ours(user: OktaUser, begun_at: datetime) -> bool:
    """Return whether our own request created this user, although no answer arrived."""
    return user.created is not None and user.created >= begun_at - CLOCKS_APART


FULL = re.compile(r"(limit|maximum|exceed|quota)\b.*\busers?\b|\busers?\b.*(limit|maximum|exceed|quota)", re.IGNORECASE)


def plan_hint(texts: Iterable[str]) -> str:
    """Return a hint if a rejection may be due to the org's plan; Okta's text for it is not an API and may change."""
    if not any(map(FULL.search, texts)):
        return ""
    return "; the org may be full: an Integrator Free org has ten active users, so a pilot there is five"


def _same(ours: object, theirs: object) -> bool:
    if ours in (None, "") or theirs in (None, ""):
        return True
    return str(ours).strip().casefold() == str(theirs).strip().casefold()
