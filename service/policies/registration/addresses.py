"""The domain of an e-mail address, and whether it is the one that is meant. Pure; never a substring test.

Local parts by RFC 5321, section 4.1.2; internationalised domains by IDNA 2008 with the mapping of UTS #46.
"""

import re
import unicodedata

import idna

MAX_DOMAIN = 253
"""Characters (RFC 1035, section 2.3.4). Longer ones also make the IDNA mapping slow."""

_UNQUOTED = re.compile(r"""[^\s"(),:;<>@\[\\\]\x00-\x1f\x7f]+""")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"')
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


def domain_of(address: str) -> str | None:
    """Give the domain of an address in its comparable form; None where the text is not one address.

    A quoted local part may hold `@`; an unquoted one may not, so `jo@a.example@b.example` has no domain.
    """
    local, at, domain = address.rpartition("@")
    if not at or not (_UNQUOTED.fullmatch(local) or _QUOTED.fullmatch(local)):
        return None
    return comparable(domain)


def comparable(domain: str) -> str | None:
    """Give a domain in lower case, as ASCII, without the dot of the root; None where it is none."""
    if not domain or len(domain) > MAX_DOMAIN:
        return None
    try:
        name = domain if domain.isascii() else idna.encode(unicodedata.normalize("NFC", domain), uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    name = name.lower().removesuffix(".")
    return name if _HOST.fullmatch(name) else None


def is_within(domain: str, parent: str) -> bool:
    """Tell whether `domain` is `parent` or one of its subdomains; both in their comparable form."""
    return domain == parent or domain.endswith("." + parent)
