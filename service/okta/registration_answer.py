"""The registration inline hook's answer on the wire: a decision to bytes, in Okta's exact words. Knows no policy.

https://developer.okta.com/docs/guides/registration-inline-hook/. Okta's OpenAPI document misspells the commands in its
examples (`com.action.update`, a stray quote); the words below are those of the guide and of the older reference.
"""

import json
from collections.abc import Mapping
from dataclasses import field

from service.immutable import immutable
from service.okta.registration import Kind

MAX_ANSWER = 256 * 1024
"""Bytes. Okta refuses a response of 256 KB or more."""


class AnswerTooLarge(Exception):
    """The answer would be 256 KB or larger, which Okta refuses."""


@immutable
class Cause:
    """One thing that is wrong with what the person submitted."""

    summary: str
    """The words that the Sign-In Widget shows beside the attribute."""
    reason: str
    """A word for machines, such as ``INVALID_EMAIL_DOMAIN``."""
    attribute: str
    """The attribute beside which the message is shown, with or without `data.userProfile.` before its name."""
    domain: str = "end-user"


@immutable
class Allow:
    """Let the person through, with these changes to the profile."""

    updates: tuple[Mapping[str, object], ...] = field(default=(), repr=False)
    """Attributes to set. Each mapping is one command; Okta applies them in order, so the last one wins."""
    explicitly: bool = False
    """Say ALLOW in words. Okta allows without it too."""


@immutable
class Deny:
    """Turn the person away. Without a summary they see Okta's own message."""

    summary: str | None = None
    causes: tuple[Cause, ...] = ()
    """Shown beside their attributes; the Classic engine shows only the first."""


Decision = Allow | Deny

_ACTION = "com.okta.action.update"
_PROFILE = "data.userProfile."
_UPDATES = {
    Kind.REGISTRATION: "com.okta.user.profile.update",
    Kind.UPDATE: "com.okta.user.progressive.profile.update",
}


def write_answer(kind: Kind, decision: Decision, code: str | None = None) -> bytes | None:
    """Write the answer; None where there is nothing to say (204). Raises `AnswerTooLarge`, or what JSON does.

    Okta copies `debugContext` into its System Log: the code leads from there to our audit trail.
    """
    content = _denial(decision) if isinstance(decision, Deny) else _allowance(kind, decision)
    if not content:
        return None
    if code is not None:
        content["debugContext"] = {"reason": code}
    # JSON escapes keep the answer ASCII whatever the attributes hold, even a lone surrogate, which Okta can't read.
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
    # Any `error`, even an empty one, makes Okta skip every command and refuse: so it stands here and nowhere else.
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
        # `userProfile` for updates too: only then does the widget find the attribute's field.
        "location": _PROFILE + cause.attribute.removeprefix(_PROFILE),
        "domain": cause.domain,
    }
