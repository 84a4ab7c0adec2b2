"""When an account's hash has no use any more although no SUCCESS came. Pure.

Nobody leaves `IMPORT` but by an imported password (a SUCCESS says so) or by one that was set in Okta: then Okta never
asks for the legacy password again. Suspended and locked users come back; deactivated ones may, within thirty days.
"""

import enum
from datetime import datetime, timedelta

from service.immutable import immutable
from service.okta.users import OWN, OktaUser, Status

AFTER_DEACTIVATION = timedelta(days=30)


class Proof(enum.StrEnum):
    """Why a hash was forgotten without a SUCCESS; begins the account's recorded proof."""

    PASSWORD_IN_OKTA = "password_in_okta"  # noqa: S105 (a reason, no password)
    """Okta has a password of its own: it was reset or changed there."""
    DEACTIVATED = "deactivated_in_okta"
    """The user has been deactivated for thirty days."""
    DELETED = "deleted_in_okta"
    """The user that was created for the account does not exist any more."""
    END = "end_of_programme"
    """The operator ended the programme."""


@immutable
class Retirement:
    """The proof on which a hash is forgotten."""

    proof: Proof
    detail: str

    def __str__(self) -> str:
        """Write it as it is recorded."""
        return f"{self.proof.value}: {self.detail}"


def judge_user(user: OktaUser, now: datetime) -> Retirement | None:
    """Judge whether the hash of the account that this user was created for is of use; None where it is."""
    if user.provider == OWN:
        changed = user.password_changed.isoformat() if user.password_changed else "at an unknown time"
        return Retirement(Proof.PASSWORD_IN_OKTA, f"{user.id} has the provider OKTA, password changed {changed}")
    since = user.status_changed if user.status == Status.DEPROVISIONED else None
    if since is not None and since <= now - AFTER_DEACTIVATION:
        return Retirement(Proof.DEACTIVATED, f"{user.id} is deactivated since {since.isoformat()}")
    return None


def judge_missing(okta_id: str, now: datetime) -> Retirement:
    """Give the proof for a user that Okta does not know any more."""
    return Retirement(Proof.DELETED, f"{okta_id} did not exist any more at {now.isoformat(timespec='seconds')}")


def end_of_programme(now: datetime) -> Retirement:
    """Give the proof for those who are left at the end."""
    return Retirement(Proof.END, f"ended at {now.isoformat(timespec='seconds')}")
