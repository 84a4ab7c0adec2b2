"""The password import inline hook on the wire: a call's bytes in, a verdict's bytes out.

https://developer.okta.com/docs/guides/password-import-inline-hook/ and the schema PasswordImportRequest of Okta's
OpenAPI document. The guide's prose says `data.credential`; every sample and the schema say `data.context.credential`.
"""

import enum
import json
from dataclasses import field

from service.immutable import immutable
from service.okta.parsing import MalformedCall, is_storable, member, parse_object, text_member

MAX_USERNAME = 1024
"""Characters. A login of Okta's ends at 100; the store's index rows end at 2,704 bytes."""
MAX_TRACE = 128
"""Characters of an id that is kept for tracing; Okta's have about 30."""
WHERE = "data.context.credential"
MAX_PASSWORD = 8192
"""Characters. Okta's own forms end far below; longer input only buys an attacker hashing time."""


class Verdict(enum.StrEnum):
    """What we conclude of a login and a password, in Okta's words."""

    VERIFIED = "VERIFIED"
    UNVERIFIED = "UNVERIFIED"


@immutable
class PasswordImportCall:
    """Okta's question: is this password right? The name is as the person typed it."""

    username: str
    password: str = field(repr=False)
    event_id: str | None = None
    request_id: str | None = None
    client_address: str | None = None


def parse_call(body: bytes) -> PasswordImportCall:
    """Read a call. Members we don't read may be of any kind, or missing. Raises `MalformedCall`."""
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
    """Keep an id for the log only if it is one: short, visible, ASCII."""
    return value if value and len(value) <= MAX_TRACE and value.isascii() and value.isprintable() else None


def _credential(credential: object, name: str, longest: int) -> str:
    value = text_member(credential, name)
    if not value:
        raise MalformedCall(f"{name}_missing", f"{WHERE}.{name} must be a non-empty string")
    if len(value) > longest:
        raise MalformedCall(f"{name}_too_long", f"{WHERE}.{name} is longer than {longest} characters")
    # A NUL may stand in a password (old stores took it), but no login that PostgreSQL keeps can hold one.
    if not is_storable(value if name == "username" else value.replace("\0", "")):
        raise MalformedCall(f"{name}_not_text", f"{WHERE}.{name} holds a NUL or a lone surrogate")
    return value


def answer(verdict: Verdict, code: str) -> bytes:
    """Write the one command that tells Okta the verdict, and the code that Okta's System Log then shows.

    The code is random and in every answer alike: it tells nothing about the account. Okta copies `debugContext` into
    the event `inline_hook.response.processed`: https://developer.okta.com/docs/concepts/inline-hooks/
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
