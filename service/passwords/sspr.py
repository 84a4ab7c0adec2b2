"""PBKDF2 as NetIQ Self Service Password Reset and John the Ripper write it, all in hex. Knows none of SSPR's digests.

`$pbkdf2-hmac-sha1$iterations$salt$digest`, or dots for the last two dollars.
"""

import re

from service.passwords import limits
from service.passwords.encodings import unhex
from service.passwords.format import Check, StoredHash
from service.passwords.pbkdf2 import pbkdf2_check
from service.passwords.shape import Shape


def read_sspr(stored: StoredHash, match: re.Match[str]) -> Check:
    """Iterations, salt and digest."""
    iterations = limits.number(match["iterations"])
    return pbkdf2_check(stored, match["prf"], iterations, unhex(match["salt"]), unhex(match["digest"]))


PATTERN = re.compile(
    r"\$pbkdf2-hmac-(?P<prf>md5|sha1|sha256|sha384|sha512)\$(?P<iterations>[0-9]+)"
    r"(?P<mark>[$.])(?P<salt>(?:[0-9A-Fa-f]{2})*)(?P=mark)(?P<digest>(?:[0-9A-Fa-f]{2}){16,})"
)

FORMATS = (Shape("sspr_pbkdf2", PATTERN, read_sspr, aliases=("netiq_sspr_pbkdf2", "pbkdf2_hmac_hex")),)
