"""The bearer tokens that Okta fetches for hooks with OAuth. The service sees only the token."""

import json
import time

import aiohttp

from simulator.channel import OAuthClient
from simulator.clients import ASSERTION_TYPE, TOKEN_LIFE, sign_assertion
from simulator.state import OrgState

RENEW_BEFORE = 60
"""A token is renewed this many seconds before it expires."""


async def hook_token(org: OrgState, hook_id: str, oauth: OAuthClient) -> str | None:
    """Return a hook's token, fetching it if needed; None if that fails within the three seconds."""
    token, ends = org.hook_tokens.get(hook_id, ("", 0.0))
    if token and time.time() < ends - RENEW_BEFORE:
        return token
    try:
        form = _form(org, oauth)
        limit = aiohttp.ClientTimeout(total=org.caller.timeout)
        async with org.caller.session().post(oauth.token_url, data=form, timeout=limit) as response:
            members = json.loads(await response.read()) if response.ok else {}
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
        return None
    token = str(members.get("access_token", ""))
    org.hook_tokens[hook_id] = (token, time.time() + float(members.get("expires_in", TOKEN_LIFE)))
    return token or None


def _form(org: OrgState, oauth: OAuthClient) -> dict[str, str]:
    form = {"grant_type": "client_credentials", "client_id": oauth.client_id}
    if oauth.scope:
        form["scope"] = oauth.scope
    if oauth.auth_type == "client_secret_post":
        return form | {"client_secret": oauth.client_secret or ""}
    key = org.hook_keys[oauth.hook_key_id or ""]
    assertion = sign_assertion(key, oauth.client_id, oauth.token_url)
    return form | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
