"""A hook's endpoint and the credentials sent to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class HeaderSecret:
    """A secret that Okta sends unchanged in the header of this name (`authScheme`)."""

    key: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class OAuthClient:
    """How Okta fetches the bearer token for an inline hook (`authType` client_secret_post or private_key_jwt)."""

    auth_type: str
    client_id: str
    token_url: str
    scope: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    hook_key_id: str | None = None


@dataclass(frozen=True)
class Channel:
    """An HTTP endpoint with its authentication and the custom headers, which may contain secrets too."""

    uri: str
    secret: HeaderSecret | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    oauth: OAuthClient | None = None

    def to_json(self) -> JsonObject:
        """Return it as Okta's API does: without secrets, and with `authScheme` null if there is none."""
        config: JsonObject = {
            "uri": self.uri,
            "headers": [{"key": key, "value": value} for key, value in self.headers],
            "method": "POST",
            "authScheme": {"type": "HEADER", "key": self.secret.key} if self.secret else None,
        }
        if self.oauth:
            config |= {"clientId": self.oauth.client_id, "tokenUrl": self.oauth.token_url}
            config |= {"authType": self.oauth.auth_type, "scope": self.oauth.scope}
        if self.oauth and self.oauth.hook_key_id:
            config["hookKeyId"] = self.oauth.hook_key_id
        return {"type": "OAUTH" if self.oauth else "HTTP", "version": "1.0.0", "config": config}


def read_channel(value: Mapping[str, Any]) -> Channel:
    """Parse the `channel` of a create or replace request. Raises `KeyError` or `TypeError` if it is invalid."""
    config = value["config"]
    scheme = config.get("authScheme")
    return Channel(
        uri=str(config["uri"]),
        secret=HeaderSecret(str(scheme["key"]), str(scheme.get("value") or "")) if scheme else None,
        headers=tuple((str(header["key"]), str(header["value"])) for header in config.get("headers") or ()),
        oauth=_read_oauth(config) if value.get("type") == "OAUTH" else None,
    )


def _read_oauth(config: Mapping[str, Any]) -> OAuthClient:
    return OAuthClient(
        auth_type=str(config["authType"]),
        client_id=str(config["clientId"]),
        token_url=str(config["tokenUrl"]),
        scope=config.get("scope"),
        client_secret=config.get("clientSecret"),
        hook_key_id=config.get("hookKeyId"),
    )
