"""OAuth for the org's inline hooks: a client of the org's own authorization server, and a scope for hooks."""

import secrets
from dataclasses import replace

from simulator.channel import OAuthClient
from simulator.clients import Client
from simulator.state import OrgState

HOOK_SCOPE = "hooks"
"""The custom scope that the hooks' client requests."""


def use_oauth(org: OrgState, auth_type: str = "client_secret_post") -> Client:
    """Make every inline hook use bearer tokens. Event hooks keep their header, the only method that Okta supports.

    The org must already be served, because the tokens' issuer is its URL.
    """
    key = org.hook_key() if auth_type == "private_key_jwt" else None
    client = Client(
        id=org.ids.okta("0oa"),
        scopes=frozenset({HOOK_SCOPE}),
        secret=None if key else secrets.token_urlsafe(48),
        public_key=org.hook_keys[key].private.public_key() if key else None,
    )
    org.clients[client.id] = client
    url = f"{org.issuer}/v1/token"
    oauth = OAuthClient(auth_type, client.id, url, HOOK_SCOPE, client.secret, hook_key_id=key)
    for hook in org.inline_hooks.values():
        hook.channel = replace(hook.channel, secret=None, oauth=oauth)
    return client
