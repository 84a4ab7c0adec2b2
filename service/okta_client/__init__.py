"""HTTP client for Okta's management API, over aiohttp."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import field

import aiohttp
from yarl import URL

from service.immutable import immutable
from service.okta_client.credentials import (
    OPTIONAL_SCOPES,
    SCOPES,
    ApiToken,
    BadKey,
    Credentials,
    PrivateKeyJwt,
    read_key,
)
from service.okta_client.org import OktaOrg
from service.okta_client.rate_limits import RateLimits
from service.okta_client.transport import BadAddress, Calls, Progress, org_address
from service.settings import BadSettings, Settings

# Creates an open org from the settings. Reports all faults of the settings at once and quotes none of their values.

CONNECT_WITHIN = 10.0


@immutable
class OrgSettings:
    """The org's address, and our credentials."""

    url: URL
    credentials: Credentials = field(repr=False)
    request_within: float | None


def org_settings(settings: Settings) -> OrgSettings:
    """Read the OKTA_CLIENT_* settings. Raises `BadSettings`."""
    faults: list[str] = []
    url = _address(settings, faults)
    credentials = _private_key(settings, url, faults) if _is_oauth(settings, faults) else _token(settings, faults)
    if faults or url is None or credentials is None:
        raise BadSettings("\n".join(faults))
    return OrgSettings(url, credentials, settings.okta_client_requesttimeout or None)


@asynccontextmanager
async def open_org(
    settings: OrgSettings,
    *,
    share: float = 0.5,
    concurrent: int = 8,
    wait_out_read_only: bool = False,
    progress: Progress = lambda _text: None,
) -> AsyncIterator[OktaOrg]:
    """Return the org with open connections. `share` (0 to 1) of each rate limit is used, the rest kept free."""
    timeout = aiohttp.ClientTimeout(total=settings.request_within, connect=CONNECT_WITHIN)
    # Without cookies: Okta's are meant for browsers, and would link the calls to each other.
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        limits = RateLimits(share=share, concurrent=concurrent)
        calls = Calls(session, settings.credentials, limits, wait_out_read_only=wait_out_read_only, progress=progress)
        yield OktaOrg(settings.url, calls)


def _address(settings: Settings, faults: list[str]) -> URL | None:
    if settings.okta_client_orgurl is None:
        faults.append("OKTA_CLIENT_ORGURL: is not set; it is the org's address, https://example.okta.com")
        return None
    try:
        return org_address(settings.okta_client_orgurl, allow_http=settings.allow_insecure_http)
    except BadAddress as error:
        faults.append(f"OKTA_CLIENT_ORGURL: {error}")
        return None


def _is_oauth(settings: Settings, faults: list[str]) -> bool:
    mode = (settings.okta_client_authorizationmode or "").lower()
    if mode not in ("", "ssws", "privatekey"):
        faults.append("OKTA_CLIENT_AUTHORIZATIONMODE: must be SSWS (an API token) or PrivateKey (OAuth)")
    if mode == "" and settings.okta_client_token is None:
        return settings.okta_client_privatekey is not None
    return mode == "privatekey"


def _token(settings: Settings, faults: list[str]) -> Credentials | None:
    token = settings.okta_client_token.get_secret_value().strip() if settings.okta_client_token else ""
    if not token:
        faults.append("OKTA_CLIENT_TOKEN: is not set (or OKTA_CLIENT_AUTHORIZATIONMODE=PrivateKey for OAuth)")
    elif not token.isascii() or not token.isprintable() or " " in token:
        faults.append("OKTA_CLIENT_TOKEN: is not a valid API token")
    return ApiToken(token)


def _private_key(settings: Settings, url: URL | None, faults: list[str]) -> Credentials | None:
    client = settings.okta_client_clientid
    if client is None:
        faults.append("OKTA_CLIENT_CLIENTID: is not set; OAuth needs the service app's client id")
    if settings.okta_client_privatekey is None:
        faults.append("OKTA_CLIENT_PRIVATEKEY: is not set; OAuth needs a private key (PEM, JWK, or a file with one)")
        return None
    try:
        key, kid = read_key(settings.okta_client_privatekey.get_secret_value())
    except BadKey as error:
        faults.append(f"OKTA_CLIENT_PRIVATEKEY: {str(error) or 'must be a private key (PEM or JWK) or its path'}")
        return None
    scopes = tuple((settings.okta_client_scopes or " ".join(SCOPES)).replace(",", " ").split())
    optional = () if settings.okta_client_scopes else OPTIONAL_SCOPES
    if url is None or client is None:
        return None
    token_url = f"{url.origin()}/oauth2/v1/token"
    return PrivateKeyJwt(token_url, client, key, settings.okta_client_kid or kid, scopes, optional)


__all__ = ["OktaOrg", "open_org", "org_settings"]
