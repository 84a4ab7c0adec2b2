"""The password import inline hook on the wire: a call's bytes to a value, a verdict to bytes.

https://developer.okta.com/docs/guides/password-import-inline-hook/ and the schema PasswordImportRequest of Okta's
OpenAPI document. The guide's text says `data.credential`; every sample and the schema say `data.context.credential`.
"""

import enum
import json
from dataclasses import field

from service.immutable import immutable
from service.okta.parsing import MalformedCall, is_storable, member, parse_object, text_member

MAX_USERNAME = 1024
"""Characters. Okta's logins have at most 100; the store's index rows at most 2,704 bytes."""
MAX_TRACE = 128
"""Characters of an id that is kept for tracing; Okta's have about 30."""
WHERE = "data.context.credential"
MAX_PASSWORD = 8192
"""Characters. Okta's own forms allow far fewer; longer input would only let an attacker consume hashing time."""


class Verdict(enum.StrEnum):
    """The verdict on a login and a password, in Okta's terms."""

    VERIFIED = "VERIFIED"
    UNVERIFIED = "UNVERIFIED"


@immutable
class PasswordImportCall:
    """Okta's request to verify a password. The name is as the person typed it."""

    username: str
    password: str = field(repr=False)
    event_id: str | None = None
    request_id: str | None = None
    client_address: str | None = None


def parse_call(body: bytes) -> PasswordImportCall:
    """Parse a call. Other members may have any type or be missing. Raises `MalformedCall`."""
    payload = parse_object(body)
    context = member(payload, "data", "context")
    request, credential = member(context, "request"), member(context, "credential")
    return PasswordImportCall(
        username=_credential(credential, "username", MAX_USERNAME),
        password=_credential(credential, "password", MAX_PASSWORD),
        event_id=trace(text_member(payload, "eventId")),
        request_id=trace(text_member(request, "id")),
        client_address=trace(text_member(request, "ipAddress")),
    )


def trace(value: str | None) -> str | None:
    """Return an id for the log if it is short, visible ASCII; otherwise None."""
    return value if value and len(value) <= MAX_TRACE and value.isascii() and value.isprintable() else None


def _credential(credential: object, name: str, longest: int) -> str:
    value = text_member(credential, name)
    if not value:
        raise MalformedCall(f"{name}_missing", f"{WHERE}.{name} must be a non-empty string")
    if len(value) > longest:
        raise MalformedCall(f"{name}_too_long", f"{WHERE}.{name} is longer than {longest} characters")
    # A password may contain a NUL (legacy stores accepted it); a login may not, since PostgreSQL cannot store it.
    if not is_storable(value if name == "username" else value.replace("\0", "")):
        raise MalformedCall(f"{name}_not_text", f"{WHERE}.{name} contains a NUL or a lone surrogate")
    return value


def answer(verdict: Verdict, code: str) -> bytes:
    """Return the command that reports the verdict to Okta, and the code that Okta's System Log then shows.

    The code is random and has the same form in every answer: it reveals nothing about the account. Okta copies
    `debugContext` into the event `inline_hook.response.processed`
    (https://developer.okta.com/docs/concepts/inline-hooks/).
    """
    return _ANSWERS[verdict] % code.encode("ascii")


_ANSWERS = {
    verdict: json.dumps(
        {
            "commands": [{"type": "com.okta.action.update", "value": {"credential": verdict.value}}],
            "debugContext": {"reason": "%s"},
        }
    ).encode()
    for verdict in Verdict
}
