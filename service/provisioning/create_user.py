"""Creation of one user in Okta, whichever answer is lost: created, found, or refused.

Whoever gets no answer, or finds that Okta was asked before, looks the login up before asking again. A login is unique
in Okta, so a second request for the same one is refused, never a second user. A user that exists is compared, never
changed: setting the hook on one whose hash is forgotten would lock that person out.
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
"""How often a user is asked for whose answers get lost."""


class Creating(Protocol):
    """What creating users needs of an org."""

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
    """How it ended for an account."""

    account_id: int
    outcome: Outcome
    user: OktaUser | None = None
    reason: str | None = None
    sent: Method | None = None
    """How the user gets the password, where this run made the user; None if an earlier one may have."""
    exists: bool = False
    """Refused because the login is another person's in Okta: that says nothing of the other accounts."""


class UserCreation:
    """Creates users one at a time; `looked_up` counts the logins that had to be looked up."""

    def __init__(self, org: Creating) -> None:
        self.org = org
        self.looked_up = 0

    async def create(self, request: Request, begun_at: datetime) -> Result:
        """Create a user whose intent is from `begun_at`. Raises `OktaFault` if its end stays unknown."""
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
                # A user from before we ever asked for it is not ours, however new.
                return await self._refused(request, refused, begun_at if asked else None)
        raise lost or OktaFault

    async def _refused(self, request: Request, refused: Refused, begun_at: datetime | None) -> Result:
        # An org that is full may refuse the next user by a 403, which says nothing of our credentials.
        about_us = refused.is_about_us and not plan_hint(refused.texts)
        if about_us or isinstance(refused, ReadOnly):
            raise refused
        if refused.code is None:
            # Something in between answered, in a form that is not Okta's: it says nothing of this account.
            raise NoAnswer(str(refused))
        # The code of a login that exists is that of every invalid request.
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
            # A login that Okta does not even look up is refused, with the reason, when the user is to be created.
            return None
        # Okta takes the short name of another login, too.
        return user if user is not None and login_key(user.login) == login_key(login) else None


def _compare(request: Request, user: OktaUser, begun_at: datetime | None) -> Result:
    own = request.candidate.id
    if is_same_person(request.profile, user):
        ours = begun_at is not None and is_ours(user, begun_at)
        return Result(own, Outcome.CREATED if ours else Outcome.FOUND, user)
    others = ", ".join(differences(request.profile, user)) or "password, and no e-mail address to compare"
    reason = f"the login exists in Okta already, with another {others}"
    return Result(own, Outcome.REFUSED, reason=reason, exists=True)
