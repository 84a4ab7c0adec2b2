"""Which address is the org's: the only one that ever gets our credentials. Pure text."""

import ipaddress

from yarl import URL


class BadAddress(Exception):
    """The address is none that credentials may be sent to; the message says why."""


def org_address(given: str) -> URL:
    """Check an org's URL: https, or http on loopback for tests; no path, no user, no `-admin`. Raises `BadAddress`."""
    try:
        url = URL(given.strip())
        host, port = url.host, url.port
    except ValueError:
        raise BadAddress("is no URL") from None
    if not host or url.user or url.query_string or url.fragment or url.path not in ("", "/"):
        raise BadAddress("must be an address like https://example.okta.com, without a path")
    if host.endswith(("-admin.okta.com", "-admin.oktapreview.com", "-admin.okta-emea.com")):
        raise BadAddress("is the Admin Console's address; the org's has no -admin")
    if url.scheme == "https" or (url.scheme == "http" and is_loopback(host)):
        return URL.build(scheme=url.scheme, host=host, port=port)
    raise BadAddress("must begin with https:// (http:// only on loopback)")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_of(org: URL, link: str) -> bool:
    """Tell whether a link leads to the org's own API, and may be sent its credentials."""
    try:
        url = URL(link, encoded=True)
        own = (url.scheme, url.host, url.port) == (org.scheme, org.host, org.port)
        return own and url.user is None and url.password is None and url.path.startswith("/api/v1/")
    except ValueError:
        return False
