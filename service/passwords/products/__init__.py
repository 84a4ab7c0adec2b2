"""The formats that are a formula, one row each, by what they are of. Knows which files there are; computes nothing.

The sources of the formulas are the products' own code and hashcat's list of modes, which has a vector of most.
"""

from service.passwords.products import (
    constructions,
    content,
    databases,
    devices,
    enterprise,
    forums,
    frameworks,
    servers,
    shops,
)

FORMATS = (
    *constructions.FORMATS,
    *content.FORMATS,
    *shops.FORMATS,
    *forums.FORMATS,
    *frameworks.FORMATS,
    *servers.FORMATS,
    *devices.FORMATS,
    *enterprise.FORMATS,
    *databases.FORMATS,
)
