"""The settings of who may call, and what each must agree with. Knows no call."""

import base64
import re
from pathlib import Path
from typing import Self

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from service.settings.written import BadSettings, Secrets, is_utf8, read_secrets, secret_faults

_SAFE_ISSUER = re.compile(
    r"https://[^\s/?#@]+(/[^\s?#]*)?|http://(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(/[^\s?#]*)?"
)


class AdmissionSettings(BaseSettings):
    """How Okta proves who it is."""

    basic_auth_user: str | None = None
    basic_auth_password: SecretStr | None = None
    hook_secrets: Secrets = ()
    hook_secrets_file: Path | None = None
    event_hook_secrets: Secrets = ()
    event_hook_secrets_file: Path | None = None
    hook_secret_header: str = "Authorization"

    oauth_issuer: str | None = None
    oauth_audience: str | None = None
    oauth_client_id: str | None = None
    oauth_scope: str | None = None

    @field_validator("hook_secret_header")
    @classmethod
    def _header_is_a_token(cls, name: str) -> str:
        # RFC 9110, section 5.1: a field name is a token.
        if not name or not all(c.isascii() and (c.isalnum() or c in "!#$%&'*+-.^_`|~") for c in name):
            raise ValueError("must be the name of an HTTP header")
        return name

    @field_validator("oauth_issuer")
    @classmethod
    def _issuer_is_safe(cls, url: str | None) -> str | None:
        # Whoever stands between us and the issuer could hand us keys of their own.
        if url is not None and not _SAFE_ISSUER.fullmatch(url):
            raise ValueError("must be an https URL without query or fragment (http only on this machine)")
        return url

    @model_validator(mode="after")
    def _oauth_is_whole(self) -> Self:
        if (self.oauth_issuer is None) != (self.oauth_audience is None):
            raise ValueError("OAUTH_ISSUER and OAUTH_AUDIENCE go together: one of them is not set")
        if self.oauth_issuer is not None and not self.oauth_clients() and self.oauth_scope is None:
            raise ValueError("OAUTH_ISSUER needs OAUTH_CLIENT_ID or OAUTH_SCOPE: the issuer has other clients too")
        return self

    @model_validator(mode="after")
    def _basic_is_a_pair(self) -> Self:
        if (self.basic_auth_user is None) != (self.basic_auth_password is None):
            raise ValueError("BASIC_AUTH_USER and BASIC_AUTH_PASSWORD go together: one of them is not set")
        if self.basic_auth_user is not None and ":" in self.basic_auth_user:
            raise ValueError("BASIC_AUTH_USER must not contain a colon (RFC 7617)")
        password = "" if self.basic_auth_password is None else self.basic_auth_password.get_secret_value()
        if not is_utf8(password + (self.basic_auth_user or "")):
            raise ValueError("BASIC_AUTH_USER and BASIC_AUTH_PASSWORD must be UTF-8")
        return self

    def inline_hook_secrets(self) -> tuple[bytes, ...]:
        """Give the header values that the inline hooks accept as they are. Raises `BadSettings`."""
        return read_secrets("HOOK_SECRETS", self.hook_secrets, self.hook_secrets_file)

    def oauth_clients(self) -> tuple[str, ...]:
        """Give the client ids that are accepted in tokens; several are separated by spaces or commas."""
        return tuple((self.oauth_client_id or "").replace(",", " ").split())

    def has_event_secrets(self) -> bool:
        """Tell whether the event hook has secrets of its own, which then are the only ones that open it."""
        return bool(self.event_hook_secrets) or self.event_hook_secrets_file is not None

    def event_secrets(self) -> tuple[bytes, ...]:
        """Give the header values that the event hook accepts; the inline hooks' where it has none of its own."""
        own = read_secrets("EVENT_HOOK_SECRETS", self.event_hook_secrets, self.event_hook_secrets_file)
        return own or self.inline_hook_secrets()

    def basic_credentials(self) -> bytes | None:
        """Give `user:password` as it stands, base64-encoded, in an Authorization header; None where unset."""
        if self.basic_auth_user is None or self.basic_auth_password is None:
            return None
        return f"{self.basic_auth_user}:{self.basic_auth_password.get_secret_value()}".encode()


def require_authentication(settings: AdmissionSettings) -> None:
    """Raise `BadSettings` where nothing could tell Okta from anybody else, or a secret is no secret."""
    faults = []
    basic = settings.basic_credentials()
    if basic is not None:
        faults += secret_faults("BASIC_AUTH_PASSWORD", [basic.partition(b":")[2]])
        faults += secret_faults("BASIC_AUTH_USER", [basic.partition(b":")[0]])
    if basic is None and not settings.inline_hook_secrets() and settings.oauth_issuer is None:
        faults.append(
            "nothing authenticates Okta: "
            "set BASIC_AUTH_USER and BASIC_AUTH_PASSWORD, or HOOK_SECRETS, or HOOK_SECRETS_FILE"
        )
    elif basic is None and not settings.event_secrets():
        faults.append(
            "nothing authenticates the event hook, for which Okta has no OAuth: "
            "set EVENT_HOOK_SECRETS or EVENT_HOOK_SECRETS_FILE"
        )
    if faults:
        raise BadSettings("\n".join(faults))


def basic_header(user: str, password: str) -> str:
    """Make the value to paste into Okta's "Authentication secret" field: scheme, space and base64."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
