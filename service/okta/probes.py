"""Calls that only look whether a hook works: payloads that can't be mistaken for anybody's, and what a good answer is.

The names end in `.invalid`, which nobody's address can (RFC 2606), and the password is random each time.
"""

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from service.okta.body import member, text_member
from service.okta.hook_settings import HookKind
from service.okta.log_queries import okta_time

DOMAIN = "password-import-probe.invalid"


def probe_login() -> str:
    """Give a login that is nobody's."""
    return f"probe-{secrets.token_hex(8)}@{DOMAIN}"


def is_probe(name: str) -> bool:
    """Tell whether a name is a probe's."""
    return name.endswith("@" + DOMAIN)


def probe_payload(kind: HookKind) -> dict[str, Any]:
    """Write the payload of an inline hook for nobody."""
    return _payload(kind) | {"data": _DATA[kind](probe_login())}


def is_good_answer(kind: HookKind, answer: object) -> bool:
    """Tell whether a service of ours gave this answer to a probe: nobody is UNVERIFIED, a registration is judged."""
    if kind is not HookKind.PASSWORD_IMPORT:
        return answer is None or isinstance(answer, dict)
    commands = member(answer, "commands")
    if not isinstance(commands, list):
        return False
    return [text_member(command, "value", "credential") for command in commands] == ["UNVERIFIED"]


def _payload(kind: HookKind) -> dict[str, Any]:
    return {
        "eventId": str(uuid.uuid4()),
        "eventTime": okta_time(datetime.now(UTC)),
        "eventType": kind.value,
        "eventTypeVersion": "1.0",
        "contentType": "application/json",
        "cloudEventVersion": "0.1",
        "source": "password-import-probe",
    }


def _context() -> dict[str, Any]:
    return {"request": {"id": "password-import-probe", "method": "POST", "ipAddress": "192.0.2.1"}}


def _password_import(login: str) -> dict[str, Any]:
    credential = {"username": login, "password": secrets.token_urlsafe(24)}
    return {"context": _context() | {"credential": credential}, "action": {"credential": "UNVERIFIED"}}


def _registration(login: str) -> dict[str, Any]:
    profile = {"login": login, "email": login, "firstName": "Probe", "lastName": "Probe"}
    return {
        "requestType": "self.service.registration",
        "context": _context(),
        "userProfile": profile,
        "action": "ALLOW",
    }


_DATA = {HookKind.PASSWORD_IMPORT: _password_import, HookKind.REGISTRATION: _registration}
