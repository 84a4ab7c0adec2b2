"""The registration inline hook on the wire: the request's bytes to a value, a decision to bytes.

https://developer.okta.com/docs/guides/registration-inline-hook/ and, for the Classic engine's form,
https://developer.okta.com/docs/guides/archive-registration-inline-hook/.
"""

import enum
import json
import math
from collections.abc import Mapping
from dataclasses import field

from service.immutable import immutable
from service.okta.parsing import MalformedCall, is_storable, member, parse_object, text_member
from service.okta.password_import import trace


class Kind(enum.StrEnum):
    """The kind of request; the value is the metric's label."""

    REGISTRATION = "registration"
    """A sign-up form is submitted: `self.service.registration`, and every request of the Classic engine."""
    UPDATE = "update"
    """An existing user completes their profile (`progressive.profile`)."""
    UNKNOWN = "unknown"
    """A `requestType` that did not exist when this was written."""


class Engine(enum.StrEnum):
    """The Okta engine that sent the request. Classic sends no `requestType`."""

    IDENTITY = "identity"
    CLASSIC = "classic"


@immutable
class ScreeningRequest:
    """Okta's request to decide whether a person may register, or change their profile.

    It never contains passwords and attributes that Okta's schema marks as sensitive, so a missing attribute does not
    mean that the person left it empty.
    """

    kind: Kind
    engine: Engine = Engine.IDENTITY
    request_type: str | None = None
    profile: Mapping[str, object] = field(default_factory=dict, repr=False)
    """The submitted attributes; for an update, only those of the form."""
    user: Mapping[str, object] = field(default_factory=dict, repr=False)
    """For an update: the profile stored by Okta; otherwise empty."""
    user_id: str | None = None
    """For an update: Okta's id of the user."""
    event_id: str | None = None
    request_id: str | None = None
    client_address: str | None = None
    source: str | None = None


def parse_request(body: bytes) -> ScreeningRequest:
    """Parse a request. Other members may have any type or be missing. Raises `MalformedCall`."""
    payload = parse_object(body)
    request_type = payload.get("requestType")
    match request_type:
        case None:
            return _request(payload, Kind.REGISTRATION, Engine.CLASSIC)
        case "self.service.registration":
            return _request(payload, Kind.REGISTRATION, Engine.IDENTITY)
        case "progressive.profile":
            return _request(payload, Kind.UPDATE, Engine.IDENTITY)
        case str():
            return _request(payload, Kind.UNKNOWN, Engine.IDENTITY)
    raise MalformedCall("request_type_not_text", "requestType must be a string")


_SUBMITTED = {Kind.REGISTRATION: "userProfile", Kind.UPDATE: "userProfileUpdate"}


def _request(payload: dict[str, object], kind: Kind, engine: Engine) -> ScreeningRequest:
    request = member(payload, "data", "context", "request")
    user = member(payload, "data", "context", "user") if kind is Kind.UPDATE else None
    return ScreeningRequest(
        kind=kind,
        engine=engine,
        request_type=trace(text_member(payload, "requestType")),
        profile=_attributes(payload, "data", _SUBMITTED[kind]) if kind in _SUBMITTED else {},
        user=_attributes(payload, "data", "context", "user", "profile") if member(user, "profile") else {},
        user_id=trace(text_member(user, "id")),
        event_id=trace(text_member(payload, "eventId")),
        request_id=trace(text_member(request, "id")),
        client_address=trace(text_member(request, "ipAddress")),
        source=trace(text_member(payload, "source")),
    )


def _attributes(payload: dict[str, object], *path: str) -> Mapping[str, object]:
    where = ".".join(path)
    value = member(payload, *path)
    if not isinstance(value, dict):
        raise MalformedCall("profile_missing", f"{where} must be an object")
    if not _can_be_repeated(value):
        raise MalformedCall(
            "profile_not_text", f"{where} contains a NUL, a lone surrogate or a number that is not finite"
        )
    return value


def _can_be_repeated(value: object) -> bool:
    """Return whether `value` can be looked up in PostgreSQL and serialised as JSON again."""
    match value:
        case str():
            return is_storable(value)
        case float():
            return math.isfinite(value)
        case dict():
            return all(is_storable(key) and _can_be_repeated(inner) for key, inner in value.items())
        case list():
            return all(map(_can_be_repeated, value))
    return True


# The registration inline hook's answer on the wire: a decision to bytes.
#
# https://developer.okta.com/docs/guides/registration-inline-hook/. Okta's OpenAPI document misspells the commands in
# its examples (`com.action.update`, a stray quote); the names below are those of the guide and of the older
# reference.

MAX_ANSWER = 256 * 1024
"""Bytes. Okta rejects a response of 256 KB or more."""


class AnswerTooLarge(Exception):
    """The answer would be 256 KB or larger, which Okta rejects."""


@immutable
class Cause:
    """One error in the submitted attributes."""

    summary: str
    """The message that the Sign-In Widget shows next to the attribute."""
    reason: str
    """A machine-readable code, such as ``INVALID_EMAIL_DOMAIN``."""
    attribute: str
    """The attribute next to which the message is shown, with or without `data.userProfile.` before its name."""
    domain: str = "end-user"


@immutable
class Allow:
    """Allow the registration, with these changes to the profile."""

    updates: tuple[Mapping[str, object], ...] = field(default=(), repr=False)
    """Attributes to set. Each mapping is one command; Okta applies them in order, so the last one wins."""
    explicitly: bool = False
    """Send ALLOW explicitly. Okta also allows without it."""


@immutable
class Deny:
    """Deny the registration. Without a summary the person sees Okta's own message."""

    summary: str | None = None
    causes: tuple[Cause, ...] = ()
    """Shown next to their attributes; the Classic engine shows only the first."""


Decision = Allow | Deny

_ACTION = "com.okta.action.update"
_PROFILE = "data.userProfile."
_UPDATES = {
    Kind.REGISTRATION: "com.okta.user.profile.update",
    Kind.UPDATE: "com.okta.user.progressive.profile.update",
}


def write_answer(kind: Kind, decision: Decision, code: str | None = None) -> bytes | None:
    """Return the answer; None if it would be empty (204). Raises `AnswerTooLarge`, or what `json.dumps` raises.

    Okta copies `debugContext` into its System Log: the code identifies the record in our audit trail.
    """
    content = _denial(decision) if isinstance(decision, Deny) else _allowance(kind, decision)
    if not content:
        return None
    if code is not None:
        content["debugContext"] = {"reason": code}
    # JSON escapes keep the answer ASCII for any attribute value, even a lone surrogate, which Okta could not decode.
    written = json.dumps(content, allow_nan=False).encode("ascii")
    if b"\\ud" in written:
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    if len(written) >= MAX_ANSWER:
        raise AnswerTooLarge
    return written


def _allowance(kind: Kind, decision: Allow) -> dict[str, object]:
    commands: list[dict[str, object]] = []
    if kind in _UPDATES:
        commands += [{"type": _UPDATES[kind], "value": dict(update)} for update in decision.updates if update]
    if decision.explicitly:
        commands.append(_action("ALLOW"))
    return {"commands": commands} if commands else {}


def _denial(decision: Deny) -> dict[str, object]:
    # Any `error`, even an empty one, makes Okta skip every command and deny, so it is sent only here.
    content: dict[str, object] = {"commands": [_action("DENY")]}
    if decision.summary is not None:
        error: dict[str, object] = {"errorSummary": decision.summary}
        if decision.causes:
            error["errorCauses"] = [_cause(cause) for cause in decision.causes]
        content["error"] = error
    return content


def _action(registration: str) -> dict[str, object]:
    return {"type": _ACTION, "value": {"registration": registration}}


def _cause(cause: Cause) -> dict[str, str]:
    return {
        "errorSummary": cause.summary,
        "reason": cause.reason,
        "locationType": "body",
        # `userProfile` for updates too: otherwise the widget does not find the attribute's field.
        "location": _PROFILE + cause.attribute.removeprefix(_PROFILE),
        "domain": cause.domain,
    }
