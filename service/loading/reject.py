"""Reasons for rejecting a row, as the report counts them."""

import enum


class Reason(enum.StrEnum):
    """Why a row is rejected; the value is the report's text."""

    UNREADABLE = "not readable as a row"
    NO_LOGIN = "no login"
    BAD_LOGIN = "an invalid login"
    SAME_LOGIN = "a login that Okta considers equal to another row's"
    OTHER_SPELLING = "a login that Okta considers equal to another account's"
    CREDENTIAL = "a column that looks like a password hash, but is not used as one"
    BAD_COLUMN = "a column with an invalid value"
    UNKNOWN_SHAPE = "a hash of unknown shape"
    AMBIGUOUS_SHAPE = "a hash that matches several formats"
    UNKNOWN_FORMAT = "an unknown format"
    MALFORMED_HASH = "a hash that does not match its format"
    TOO_COSTLY = "a hash that costs too much to check"
    NO_PEPPER = "a hash whose pepper is not in the environment"
    OTHER_OKTA_ID = "an account known under another Okta id"
    OKTA_ID_TAKEN = "an Okta id that another account has"

    @property
    def is_unverifiable(self) -> bool:
        """Return whether the hash cannot be checked, so that the account counts against the coverage."""
        return self in UNVERIFIABLE


UNVERIFIABLE = frozenset(
    {
        Reason.UNKNOWN_SHAPE,
        Reason.AMBIGUOUS_SHAPE,
        Reason.UNKNOWN_FORMAT,
        Reason.MALFORMED_HASH,
        Reason.TOO_COSTLY,
        Reason.NO_PEPPER,
    }
)


class RejectedRow(Exception):
    """A row that is not loaded; the message never quotes a hash."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        """Return the reason and its detail for this row."""
        return f"{self.reason}: {self.detail}" if self.detail else self.reason.value
