"""The org's hooks as its API describes them: requests to make and change them, and what is read back. Calls nothing.

https://developer.okta.com/docs/api/openapi/okta-management/management/tag/InlineHook/ and …/tag/EventHook/
A secret is sent and never comes back.
"""

import enum
from dataclasses import field
from typing import Any

from service.immutable import immutable
from service.okta.body import member, text_member
from service.okta.faults import MalformedAnswer
from service.okta.import_event import IMPORT_EVENT

VERSION = "1.0.0"


class HookKind(enum.StrEnum):
    """The hooks of this service; an inline hook's value is its type at Okta."""

    PASSWORD_IMPORT = "com.okta.user.credential.password.import"  # noqa: S105 (Okta's name of a hook, no password)
    REGISTRATION = "com.okta.user.pre-registration"
    EVENTS = "event hook"

    @property
    def is_inline(self) -> bool:
        """Tell whether it is an inline hook."""
        return self is not HookKind.EVENTS

    @property
    def path(self) -> str:
        """Where the service answers it."""
        return _PATHS[self]

    @property
    def label(self) -> str:
        """What people call it, and the name that it gets in the org."""
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
    """How Okta fetches the token that proves it to the service."""

    client_id: str
    token_url: str
    scope: str
    client_secret: str | None = field(default=None, repr=False)
    hook_key_id: str | None = None


@immutable
class HeaderChannel:
    """The header that Okta sends verbatim."""

    name: str
    value: str = field(repr=False)


Proof = HeaderChannel | OAuthChannel


@immutable
class Hook:
    """A hook of the org as its API answers it."""

    id: str
    name: str
    active: bool
    uri: str
    header: str | None
    """The name of the header that carries the secret; None where the hook sends none."""
    oauth: bool
    verified: bool = True
    """Only event hooks have to be verified."""
    events: tuple[str, ...] = ()
    filtered: bool = False


def inline_hook(kind: HookKind, name: str, uri: str, proof: Proof) -> dict[str, Any]:
    """Write the request that creates or replaces an inline hook (a replacement ignores the type)."""
    return {"name": name, "type": kind.value, "version": VERSION, "channel": _channel(uri, proof, method="POST")}


def event_hook(name: str, uri: str, proof: HeaderChannel) -> dict[str, Any]:
    """Write the request that creates or replaces an event hook; it knows no OAuth."""
    return {
        "name": name,
        "description": "Tells password-import which passwords Okta has stored.",
        "events": {"type": "EVENT_TYPE", "items": [IMPORT_EVENT]},
        "channel": _channel(uri, proof),
    }


def read_hook(value: object) -> Hook:
    """Read an inline or an event hook. Raises `MalformedAnswer`."""
    config = member(value, "channel", "config")
    own, uri = text_member(value, "id"), text_member(config, "uri")
    if not own or uri is None:
        raise MalformedAnswer("Okta answered a hook without id or URL")
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
    """Read a list of hooks. Raises `MalformedAnswer`."""
    if not isinstance(value, list):
        raise MalformedAnswer("Okta answered something else than a list of hooks")
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
