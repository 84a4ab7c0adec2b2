"""What a person sees if a registration is denied, in the words of Okta's pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Form(StrEnum):
    """The three forms that call the registration hook."""

    SELF_SERVICE = "self.service.registration"
    PROGRESSIVE = "progressive.profile"
    CLASSIC = "classic"


@dataclass(frozen=True)
class Shown:
    """Messages: `general` above the form, `inline` next to the attribute of each."""

    general: str | None = None
    inline: Mapping[str, str] = field(default_factory=dict)


FAILED = {
    Form.SELF_SERVICE: "There was an error creating your account. Please try registering again.",
    Form.PROGRESSIVE: "There was an error updating your profile. Please try again later.",
}
DENIED = {Form.SELF_SERVICE: "Registration denied.", Form.PROGRESSIVE: "Profile update denied."}
CAUSELESS = {
    Form.SELF_SERVICE: "Registration cannot be completed at this time.",
    Form.PROGRESSIVE: "We found some errors. Please review the form and make corrections.",
}


def default_failure(form: Form) -> Shown:
    """Return the messages if the hook timed out, or gave no valid answer."""
    return Shown(_message(FAILED, form))


def shown_for_denial(form: Form) -> Shown:
    """Return the messages if the hook denied without an `error`."""
    return Shown(_message(DENIED, form))


def shown_for_error(form: Form, error: object) -> Shown:
    """Return the messages for an `error`: its causes are shown next to the attributes that their `location` names."""
    causes = error.get("errorCauses") if isinstance(error, dict) else None
    said = [cause for cause in causes or [] if isinstance(cause, dict) and cause.get("errorSummary")]
    if form is Form.CLASSIC and said:
        # The Classic Engine shows only the first cause (Okta's reference of 2021).
        return Shown(str(said[0]["errorSummary"]))
    inline = {name: str(cause["errorSummary"]) for cause in said if (name := _attribute(cause.get("location")))}
    return Shown(inline=inline) if inline else Shown(_message(CAUSELESS, form))


def _attribute(location: object) -> str | None:
    # Okta's samples write data.userProfile for profile updates too.
    prefix, _, name = str(location or "").rpartition(".")
    return name if prefix in ("data.userProfile", "data.userProfileUpdate") else None


def _message(messages: Mapping[Form, str], form: Form) -> str:
    return messages.get(form, messages[Form.SELF_SERVICE])
