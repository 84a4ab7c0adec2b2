"""The `channel` of a hook in a request, validated like Okta does."""

from simulator.api.errors import ApiError
from simulator.channel import Channel, JsonObject, read_channel
from simulator.org import Org

LONGEST_URI = 1024
RESERVED = frozenset({"accept", "content-type", "content-length", "host", "user-agent"})
"""Header names that a hook cannot set; Okta names `Accept` as an example."""


def read_endpoint(org: Org, members: JsonObject) -> Channel:
    """Parse and validate a channel. Raises `ApiError`."""
    try:
        channel = read_channel(members["channel"])
    except (KeyError, TypeError, AttributeError):
        raise ApiError("E0000001", "channel: a member is missing", summary="Api validation failed: channel") from None
    if fault := _fault(org, channel):
        raise ApiError("E0000001", fault, summary="Api validation failed: channel")
    return channel


def _fault(org: Org, channel: Channel) -> str | None:
    # Okta accepts only https; on loopback a test has no certificate.
    schemes = ("https://",) if org.https_only else ("https://", "http://")
    if not channel.uri.startswith(schemes) or " " in channel.uri:
        return "uri: invalid URL provided"
    if len(channel.uri) > LONGEST_URI:
        return "uri: must be at most 1024 characters"
    reserved = [name for name, _ in channel.headers if name.lower() in RESERVED]
    return f"headers: {reserved[0]} can't be set" if reserved else None
