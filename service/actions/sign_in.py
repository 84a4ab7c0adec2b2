"""A sign-in: what is asked, and what became of it. Knows no way from one to the other."""

import enum

from service.accounts.audit import Action, Entry
from service.accounts.failures import ThrottleKey
from service.immutable import immutable
from service.okta.password_import import PasswordImportCall, Verdict


class SignInOutcome(enum.StrEnum):
    """What became of a call."""

    VERIFIED = "verified"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 (an outcome)
    UNKNOWN = "unknown_login"
    AMBIGUOUS = "ambiguous_login"
    UNARMED = "unarmed"
    TOMBSTONE = "tombstone"

    @property
    def verdict(self) -> Verdict:
        """The word that Okta gets."""
        return Verdict.VERIFIED if self is SignInOutcome.VERIFIED else Verdict.UNVERIFIED


@immutable
class SignInResult:
    """What became of a call, and the code by which its audit entry is found."""

    outcome: SignInOutcome
    code: str

    @property
    def verdict(self) -> Verdict:
        """The word that Okta gets."""
        return self.outcome.verdict


@immutable
class SignInRequest:
    """One call, with who asks and until when."""

    call: PasswordImportCall
    key: str
    who: ThrottleKey
    deadline: float
    """On the loop's clock."""
    code: str

    def entry(self, action: Action, reason: str, account_id: int | None = None) -> Entry:
        """Give the entry of this call in the audit trail."""
        return Entry(
            action, reason, self.code, account_id, event_id=self.call.event_id, request_id=self.call.request_id
        )
