"""Creation of one user in Okta, even if answers are lost: created, found, or rejected.

If no answer arrives, or an earlier run may have sent the request, the login is looked up before a request is repeated.
A login is unique in Okta, so a second request is rejected and never creates a second user. An existing user is
compared, never changed: setting the hook on a user whose hash is forgotten would lock that person out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from service.immutable import immutable
from service.okta.errors import INVALID, MalformedAnswer, NoAnswer, OktaFault, ReadOnly, Refused
from service.okta.users import OktaUser
from service.provisioning.plan import Request
from service.provisioning.rules import Method, Outcome, differences, faults_of, is_ours, is_same_person, plan_hint
from service.store.accounts import login_key

TRIES = 8
"""Maximum requests for a user whose answers get lost."""


class Creating(Protocol):
    """The parts of an org that creating users needs."""

    async def create_user(
        self, profile: Mapping[str, Any], password: Mapping[str, Any], groups: Sequence[str]
    ) -> OktaUser:
        """Create an active user."""
        ...

    async def find_user(self, id_or_login: str) -> OktaUser | None:
        """Find a user by id or login."""
        ...


@immutable
class Result:
    """The outcome for an account."""

    account_id: int
    outcome: Outcome
    user: OktaUser | None = None
    reason: str | None = None
    sent: Method | None = None
    """How the user gets the password, if this run created the user; None if an earlier one may have."""
    exists: bool = False
    """Rejected because another person has the login in Okta, which does not indicate a fault of other accounts."""


class UserCreation:
    """Creates users one at a time; `looked_up` counts the logins that were looked up."""

    def __init__(self, org: Creating) -> None:
        self.org = org
        self.looked_up = 0

    async def create(self, request: Request, begun_at: datetime) -> Result:
        """Create a user whose intent dates from `begun_at`. Raises `OktaFault` if the outcome stays unknown."""
        if faults := [*faults_of(request.profile), *request.faults]:
            return Result(request.candidate.id, Outcome.REFUSED, reason="; ".join(faults))
        asked, sent = request.candidate.tried, None
        lost: OktaFault | None = None
        for _ in range(TRIES):
            if asked and (user := await self._look(request.candidate.login)) is not None:
                return replace(_compare(request, user, begun_at), sent=sent)
            try:
                user = await self.org.create_user(request.profile, request.password, request.groups)
                return Result(request.candidate.id, Outcome.CREATED, user, sent=request.method)
            except (NoAnswer, MalformedAnswer) as error:
                # Whether the user exists now is unknown.
                lost, asked, sent = error, True, request.method
            except Refused as refused:
                # A user from before the first request is not ours, however new.
                return await self._refused(request, refused, begun_at if asked else None)
        raise lost or OktaFault

    async def _refused(self, request: Request, refused: Refused, begun_at: datetime | None) -> Result:
        # A full org may reject the next user with a 403, although our credentials are valid.
        about_us = refused.is_about_us and not plan_hint(refused.texts)
        if about_us or isinstance(refused, ReadOnly):
            raise refused
        if refused.code is None:
            # A proxy answered, not Okta, so the answer does not concern this account.
            raise NoAnswer(str(refused))
        # Okta reports an existing login with the code of every invalid request.
        user = await self._look(request.candidate.login) if refused.code == INVALID else None
        if user is not None:
            return _compare(request, user, begun_at)
        return Result(request.candidate.id, Outcome.REFUSED, reason=f"{refused}{plan_hint(refused.texts)}")

    async def _look(self, login: str) -> OktaUser | None:
        self.looked_up += 1
        try:
            user = await self.org.find_user(login)
        except Refused as refused:
            if refused.is_about_us:
                raise
            # Creating the user will reject such a login with a reason.
            return None
        # Okta also finds users by the short name of a login.
        return user if user is not None and login_key(user.login) == login_key(login) else None


def _compare(request: Request, user: OktaUser, begun_at: datetime | None) -> Result:
    own = request.candidate.id
    if is_same_person(request.profile, user):
        ours = begun_at is not None and is_ours(user, begun_at)
        return Result(own, Outcome.CREATED if ours else Outcome.FOUND, user)
    others = ", ".join(differences(request.profile, user)) or "password, and no e-mail address to compare"
    reason = f"the login exists in Okta already, with another {others}"
    return Result(own, Outcome.REFUSED, reason=reason, exists=True)
