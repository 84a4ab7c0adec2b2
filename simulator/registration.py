"""Registration or completion of a profile: the registration hook's payload, and the effect of its answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from simulator import payloads
from simulator.answers import Answer
from simulator.calling import call_inline
from simulator.channel import JsonObject
from simulator.display import Form, Shown, default_failure, shown_for_denial, shown_for_error
from simulator.hooks import HookType
from simulator.ids import okta_time
from simulator.payloads import Caused
from simulator.state import OrgState
from simulator.user import User
from simulator.verdicts import UPDATE_ACTION

PROFILE_UPDATE = {
    Form.SELF_SERVICE: "com.okta.user.profile.update",
    Form.CLASSIC: "com.okta.user.profile.update",
    Form.PROGRESSIVE: "com.okta.user.progressive.profile.update",
}
PATHS = {Form.SELF_SERVICE: "/idp/idx/enroll/new", Form.PROGRESSIVE: "/idp/idx/enroll/update"}


class InvalidAnswer(Exception):
    """The hook's answer violates the contract; the text says how."""


@dataclass(frozen=True)
class Registration:
    """The result of a registration or an update: the stored attributes, or the messages that the person saw."""

    form: Form
    allowed: bool
    attributes: JsonObject = field(default_factory=dict)
    shown: Shown = field(default_factory=Shown)
    user: User | None = None
    answer: Answer | None = None
    fault: str | None = None


async def ask(org: OrgState, form: Form, entered: JsonObject, ip: str, user: User | None = None) -> Registration:
    """Call the registration hook with the entered attributes, and apply its answer. Without a hook all is allowed."""
    hook = org.hook(HookType.REGISTRATION)
    if hook is None:
        return Registration(form, allowed=True, attributes=entered, user=user)
    policy = org.registration_policy_id
    caused = org.caused(PATHS.get(form, f"/api/v1/registration/{policy}/register"), ip)
    base = payloads.inline(HookType.REGISTRATION, org.ids.inline_event(), org.clock.now(), policy)
    answer = await call_inline(org, hook, caused, _payload(org, form, base, caused, entered, user))
    return replace(judge(form, answer, entered, org.attributes), user=user, answer=answer)


def judge(form: Form, answer: Answer, entered: JsonObject, known: Iterable[str]) -> Registration:
    """Return the effect of an answer. Any `error`, even an empty one, cancels all commands and denies."""
    members = answer.object() if answer.ok else None
    if members is None:
        fault = answer.failure if not answer.ok else "the answer is not a JSON object"
        return Registration(form, allowed=False, shown=default_failure(form), fault=fault)
    if members.get("error") is not None:
        return Registration(form, allowed=False, shown=shown_for_error(form, members["error"]))
    try:
        denied, attributes = _run(form, members.get("commands") or [], entered, frozenset(known))
    except InvalidAnswer as invalid:
        return Registration(form, allowed=False, shown=default_failure(form), fault=str(invalid))
    if denied:
        return Registration(form, allowed=False, shown=shown_for_denial(form))
    return Registration(form, allowed=True, attributes=attributes)


def _run(form: Form, commands: object, entered: JsonObject, known: frozenset[str]) -> tuple[bool, JsonObject]:
    if not isinstance(commands, list):
        raise InvalidAnswer("commands is not an array")
    denied, attributes = False, dict(entered)
    for command in commands:
        kind = command.get("type") if isinstance(command, dict) else None
        value = command.get("value") if isinstance(command, dict) else None
        if not isinstance(value, dict):
            raise InvalidAnswer("the value of a command is not an object")
        if kind == UPDATE_ACTION:
            denied = _denies(value)
        elif kind == PROFILE_UPDATE[form]:
            attributes |= _settable(value, known)
        else:
            raise InvalidAnswer(f"the command {kind!r} is not valid for this request")
    return denied, attributes


def _denies(value: JsonObject) -> bool:
    wish = value.get("registration")
    if wish not in ("ALLOW", "DENY"):
        raise InvalidAnswer("registration is neither ALLOW nor DENY")
    return bool(wish == "DENY")


def _settable(value: JsonObject, known: frozenset[str]) -> JsonObject:
    if unknown := [name for name in value if name == "password" or name not in known]:
        raise InvalidAnswer(f"these attributes can't be set: {', '.join(unknown)}")
    return value


def _payload(
    org: OrgState, form: Form, base: JsonObject, caused: Caused, entered: JsonObject, user: User | None
) -> JsonObject:
    sent = {name: value for name, value in entered.items() if name not in org.sensitive_attributes}
    if form is Form.CLASSIC:
        return payloads.classic(base, caused, sent)
    if form is Form.SELF_SERVICE or user is None:
        return payloads.self_service(base, caused, sent)
    own = f"/api/v1/users/{user.id}"
    about = {
        "passwordChanged": okta_time(user.password_changed) if user.password_changed else None,
        "_links": {"groups": {"href": f"{own}/groups"}, "factors": {"href": f"{own}/factors"}},
        "profile": {name: value for name, value in user.profile.items() if name not in org.sensitive_attributes},
        "id": user.id,
    }
    return payloads.progressive(base, caused, about, sent)
