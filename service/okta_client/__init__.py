"""HTTP out: Okta's management API over aiohttp. Knows limits, retries and credentials; judges no account."""

from service.okta_client.opening import open_org, org_settings
from service.okta_client.org import OktaOrg

__all__ = ["OktaOrg", "open_org", "org_settings"]
