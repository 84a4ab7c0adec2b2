"""The rule that maps a typed name to an account: a pure function over the claims to the name.

Okta resolves a typed name to one of its users by its own rule, and stores the password on that user. VERIFIED may
therefore be returned only for that user's account. If the claims leave open which one it is, the name is ambiguous.
"""

import enum
from collections.abc import Sequence
from datetime import datetime

from service.immutable import immutable


class ClaimKind(enum.StrEnum):
    """The kind of an account's name that equals the typed name."""

    LOADED_LOGIN = "loaded_login"
    OKTA_LOGIN = "okta_login"
    SHORT_NAME = "short_name"
    """The typed name has no `@` and is the local part of the account's current login."""
    IDENTIFIER = "identifier"


@immutable
class Claim:
    """One name of one account that equals the typed name."""

    account_id: int
    kind: ClaimKind
    bound: bool
    """Whether the account has an Okta id."""
    replaced: bool = False
    """Whether it is a login that is no longer the account's current login: Okta knows the user by another one, or
    another user by this one."""
    updated_at: datetime | None = None
    """`lastUpdated` of the account's Okta user, as last read."""


@immutable
class DeletedClaim:
    """A deleted account whose login or local part equals the typed name."""

    is_login: bool
    bound: bool
    """Whether it had an Okta id. Its user may still exist."""


class Ambiguity(enum.StrEnum):
    """Why a name identifies no account, although accounts claim it."""

    UNBOUND_LOGIN = "unbound_login"
    """It is the login of an account without Okta id, and an account with an Okta id claims it too."""
    SAME_LOGIN = "same_login"
    """It is the current login of several accounts with Okta ids, none of which was updated last."""
    SEVERAL_CLAIMS = "several_claims"
    """It is not the login of an account, and several accounts claim it as short name or identifier."""


Resolved = int | Ambiguity | None
"""The id of an account, the reason why there is none, or None if no account claims the name."""


def resolve(claims: Sequence[Claim], deleted: Sequence[DeletedClaim] = ()) -> Resolved:
    """Return the account that a name identifies, given all claims to it.

    The caller omits identifiers that do not count (with `@`, from no source that opts in).
    """
    logins = [claim for claim in claims if claim.kind in _LOGINS]
    current = [claim for claim in logins if not claim.replaced]
    if current:
        return _by_login(current, claims, deleted)
    # An identifier that equals any login, including former and deleted ones, identifies no account.
    identifiers_count = not logins and not any(each.is_login for each in deleted)
    return _by_other_name(claims, deleted, identifiers_count=identifiers_count)


_LOGINS = (ClaimKind.LOADED_LOGIN, ClaimKind.OKTA_LOGIN)


def _by_login(current: Sequence[Claim], claims: Sequence[Claim], deleted: Sequence[DeletedClaim]) -> Resolved:
    unbound = [claim for claim in current if not claim.bound]
    if unbound:
        own = unbound[0].account_id
        rivals = {claim.account_id for claim in current}
        # Identifiers are omitted: one that equals a login does not count.
        rivals |= {claim.account_id for claim in claims if claim.kind is ClaimKind.SHORT_NAME and claim.bound}
        is_alone = rivals == {own} and not any(each.bound for each in deleted)
        return own if is_alone else Ambiguity.UNBOUND_LOGIN
    latest = max(map(_updated, current))
    holders = {claim.account_id for claim in current if _updated(claim) == latest}
    return holders.pop() if len(holders) == 1 else Ambiguity.SAME_LOGIN


def _updated(claim: Claim) -> float:
    """Return the time of an update as a number; an account whose user was never read sorts first."""
    return claim.updated_at.timestamp() if claim.updated_at else float("-inf")


def _by_other_name(claims: Sequence[Claim], deleted: Sequence[DeletedClaim], *, identifiers_count: bool) -> Resolved:
    claimants = {
        claim.account_id
        for claim in claims
        if claim.kind is ClaimKind.SHORT_NAME or (claim.kind is ClaimKind.IDENTIFIER and identifiers_count)
    }
    if not claimants:
        return None
    if len(claimants) > 1 or deleted:
        return Ambiguity.SEVERAL_CLAIMS
    return claimants.pop()
