"""The org's hooks on the wire: requests that create and change them, and the answers.

https://developer.okta.com/docs/api/openapi/okta-management/management/tag/InlineHook/ and …/tag/EventHook/
Okta never returns a secret that was sent.
"""

import enum
import secrets
import uuid
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

from service.immutable import immutable
from service.okta.errors import MalformedAnswer
from service.okta.events import IMPORT_EVENT
from service.okta.parsing import member, text_member
from service.okta.system_log import okta_time

VERSION = "1.0.0"


class HookKind(enum.StrEnum):
    """The hooks of this service; the value of an inline hook is its type at Okta."""

    PASSWORD_IMPORT = "com.okta.user.credential.password.import"  # noqa: S105 (Okta's name of a hook, not a password)
    REGISTRATION = "com.okta.user.pre-registration"
    EVENTS = "event hook"

    @property
    def is_inline(self) -> bool:
        """Return whether it is an inline hook."""
        return self is not HookKind.EVENTS

    @property
    def path(self) -> str:
        """The path of the service that handles it."""
        return _PATHS[self]

    @property
    def label(self) -> str:
        """The name shown to people, and the name of the hook in the org."""
        return _LABELS[self]


_PATHS = {
    HookKind.PASSWORD_IMPORT: "/okta/password-import",
    HookKind.REGISTRATION: "/okta/registration",
    HookKind.EVENTS: "/okta/events",
}
_LABELS = {
    HookKind.PASSWORD_IMPORT: "Password import hook",
    HookKind.REGISTRATION: "Registration hook",
    HookKind.EVENTS: "Password import events",
}


@immutable
class OAuthChannel:
    """The OAuth settings with which Okta fetches the token that authenticates its calls."""

    client_id: str
    token_url: str
    scope: str
    client_secret: str | None = field(default=None, repr=False)
    hook_key_id: str | None = None


@immutable
class HeaderChannel:
    """The header that Okta sends unchanged."""

    name: str
    value: str = field(repr=False)


Proof = HeaderChannel | OAuthChannel


@immutable
class Hook:
    """A hook of the org as returned by its API."""

    id: str
    name: str
    active: bool
    uri: str
    header: str | None
    """The name of the header that carries the secret; None if the hook sends none."""
    oauth: bool
    verified: bool = True
    """Only event hooks must be verified."""
    events: tuple[str, ...] = ()
    filtered: bool = False


def inline_hook(kind: HookKind, name: str, uri: str, proof: Proof) -> dict[str, Any]:
    """Return the request body that creates or replaces an inline hook (a replacement ignores the type)."""
    return {"name": name, "type": kind.value, "version": VERSION, "channel": _channel(uri, proof, method="POST")}


def event_hook(name: str, uri: str, proof: HeaderChannel) -> dict[str, Any]:
    """Return the request body that creates or replaces an event hook; event hooks do not support OAuth."""
    return {
        "name": name,
        "description": "Reports to password-import which passwords Okta has stored.",
        "events": {"type": "EVENT_TYPE", "items": [IMPORT_EVENT]},
        "channel": _channel(uri, proof),
    }


def read_hook(value: object) -> Hook:
    """Parse an inline or an event hook. Raises `MalformedAnswer`."""
    config = member(value, "channel", "config")
    own, uri = text_member(value, "id"), text_member(config, "uri")
    if not own or uri is None:
        raise MalformedAnswer("Okta answered with a hook that has no id or URL")
    items = member(value, "events", "items")
    return Hook(
        id=own,
        name=text_member(value, "name") or own,
        active=text_member(value, "status") == "ACTIVE",
        uri=uri,
        header=text_member(config, "authScheme", "key"),
        oauth=text_member(value, "channel", "type") == "OAUTH",
        verified=text_member(value, "verificationStatus") in (None, "VERIFIED"),
        events=tuple(map(str, items)) if isinstance(items, list) else (),
        filtered=bool(member(value, "events", "filter")),
    )


def read_hooks(value: object) -> list[Hook]:
    """Parse a list of hooks. Raises `MalformedAnswer`."""
    if not isinstance(value, list):
        raise MalformedAnswer("Okta's answer is not a list of hooks")
    return [read_hook(item) for item in value]


def _channel(uri: str, proof: Proof, method: str | None = None) -> dict[str, Any]:
    config: dict[str, Any] = {"uri": uri} | ({"method": method} if method else {})
    if isinstance(proof, HeaderChannel):
        config["authScheme"] = {"type": "HEADER", "key": proof.name, "value": proof.value}
        return {"type": "HTTP", "version": VERSION, "config": config}
    return {"type": "OAUTH", "version": VERSION, "config": config | _oauth(proof)}


def _oauth(proof: OAuthChannel) -> dict[str, Any]:
    own: dict[str, Any] = {"clientId": proof.client_id, "tokenUrl": proof.token_url, "scope": proof.scope}
    if proof.hook_key_id is not None:
        return own | {"authType": "private_key_jwt", "hookKeyId": proof.hook_key_id}
    return own | {"authType": "client_secret_post", "clientSecret": proof.client_secret}


# Probe calls that test whether a hook works: payloads that cannot match a real account, and the expected answers.
#
# The names end in `.invalid`, which no address can (RFC 2606), and the password is random each time.

DOMAIN = "password-import-probe.invalid"


def probe_login() -> str:
    """Return a login that cannot belong to a person."""
    return f"probe-{secrets.token_hex(8)}@{DOMAIN}"


def is_probe(name: str) -> bool:
    """Return whether a name is that of a probe."""
    return name.endswith("@" + DOMAIN)


def probe_payload(kind: HookKind) -> dict[str, Any]:
    """Return the payload of a probe of an inline hook."""
    return _payload(kind) | {"data": _DATA[kind](probe_login())}


def is_good_answer(kind: HookKind, answer: object) -> bool:
    """Return whether the answer to a probe is this service's: the login is UNVERIFIED, a registration is decided."""
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


def sign_in_payload(login: str, password: str, address: str) -> dict[str, Any]:
    """Return the payload of a password import call as Okta would send it for a person at an IP address."""
    request = {"id": secrets.token_urlsafe(20), "method": "POST", "ipAddress": address}
    context = {"request": request, "credential": {"username": login, "password": password}}
    return _payload(HookKind.PASSWORD_IMPORT) | {"data": {"context": context, "action": {"credential": "UNVERIFIED"}}}


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
