"""Sign-in of a person: with the org's own password, or with the password import hook."""

from dataclasses import dataclass
from enum import StrEnum

from simulator import payloads
from simulator.answers import Answer
from simulator.calling import call_inline
from simulator.channel import JsonObject
from simulator.hooks import HookType, InlineHook
from simulator.passwords import ImportedHash, OwnPassword
from simulator.payloads import Caused
from simulator.sign_in_events import log_import, log_session
from simulator.state import OrgState
from simulator.user import Status, User
from simulator.verdicts import verdict_of


class Outcome(StrEnum):
    """The outcome of a sign-in."""

    SIGNED_IN = "signed in"
    WRONG_PASSWORD = "wrong password"  # noqa: S105 - a sentence
    UNKNOWN_USER = "unknown user"
    NOT_ACTIVE = "not active"
    NO_HOOK = "no active password import hook"
    HOOK_FAILED = "hook failed"


@dataclass(frozen=True)
class SignIn:
    """The result of a sign-in. `answer` is the hook's, if it was called; `imported`: Okta stored the password."""

    outcome: Outcome
    user: User | None = None
    answer: Answer | None = None
    verdict: str | None = None
    imported: bool = False
    request_id: str = ""

    @property
    def signed_in(self) -> bool:
        """Return whether the person was signed in."""
        return self.outcome is Outcome.SIGNED_IN

    @property
    def hook_called(self) -> bool:
        """Return whether the password import hook was called."""
        return self.answer is not None


async def sign_in(org: OrgState, username: str, password: str, *, ip: str, path: str) -> SignIn:
    """Sign a person in, with all its effects."""
    caused = org.caused(path, ip)
    user = org.users.typed(username, short_name_first=org.switches.short_name_first)
    if user is None:
        result = SignIn(Outcome.UNKNOWN_USER, request_id=caused.request_id)
    elif user.status not in (Status.ACTIVE, Status.PASSWORD_EXPIRED):
        result = SignIn(Outcome.NOT_ACTIVE, user, request_id=caused.request_id)
    elif user.password_hook:
        result = await _ask(org, user, caused, username, password)
    else:
        result = _check(org, user, caused, password)
    if result.signed_in and result.user:
        result.user.last_login = org.clock.now()
    log_session(org, result.user, caused, username, signed_in=result.signed_in)
    return result


async def _ask(org: OrgState, user: User, caused: Caused, username: str, password: str) -> SignIn:
    hook = org.hook(HookType.PASSWORD_IMPORT)
    if hook is None:
        return SignIn(Outcome.NO_HOOK, user, request_id=caused.request_id)
    payload = payloads.password_import(_begin(org, hook), caused, username, password)
    answer = await call_inline(org, hook, caused, payload)
    verdict = verdict_of(answer)
    if verdict is None:
        outcome = Outcome.HOOK_FAILED
    elif verdict != "VERIFIED":
        outcome = Outcome.WRONG_PASSWORD
        if org.switches.report_unverified:
            log_import(org, user, caused, "UNVERIFIED")
    else:
        return _complete(org, user, caused, password, answer)
    return SignIn(outcome, user, answer, verdict, request_id=caused.request_id)


def _begin(org: OrgState, hook: InlineHook) -> JsonObject:
    source = f"{org.url}/api/v1/inlineHooks/{hook.id}"
    return payloads.inline(HookType.PASSWORD_IMPORT, org.ids.inline_event(), org.clock.now(), source)


def _complete(org: OrgState, user: User, caused: Caused, password: str, answer: Answer | None) -> SignIn:
    # The user's password may have been reset during the hook call; an import would then undo the reset.
    imported = user.provider == "IMPORT" and not org.switches.read_only
    if imported:
        _store(org, user, password)
        log_import(org, user, caused)
    elif user.provider == "IMPORT":
        log_import(org, user, caused, "The org is in read-only mode")
    verdict = "VERIFIED" if answer else None
    return SignIn(Outcome.SIGNED_IN, user, answer, verdict, imported, caused.request_id)


def _store(org: OrgState, user: User, password: str) -> None:
    user.password, user.password_hook = OwnPassword.of(password), False
    user.password_changed = user.updated = org.clock.now()


def _check(org: OrgState, user: User, caused: Caused, password: str) -> SignIn:
    if user.password is None or not user.password.matches(password):
        return SignIn(Outcome.WRONG_PASSWORD, user, request_id=caused.request_id)
    if isinstance(user.password, ImportedHash):
        return _complete(org, user, caused, password, None)
    return SignIn(Outcome.SIGNED_IN, user, request_id=caused.request_id)
