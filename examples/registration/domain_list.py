"""Admission by a list of domains in a file. See domain-list.toml."""

from pathlib import Path

from service.registration import Allow, Cause, Decision, Deny, Kind, ScreeningRequest, comparable, domain_of, is_within


def read_domains(path: Path) -> dict[str, bool]:
    """Read the domains, each with whether its subdomains count. An invalid line prevents the service's start."""
    domains: dict[str, bool] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip()
        domain = comparable(text.removeprefix("*."))
        if text and domain is None:
            raise ValueError(f"{path.name}, line {number}: this is no domain")
        if domain is not None:
            domains[domain] = text.startswith("*.")
    return domains


DOMAINS = read_domains(Path(__file__).with_name("domains.txt"))


async def screen(request: ScreeningRequest) -> Decision:
    """Allow people to register whose address has a domain in the list."""
    if request.kind is not Kind.REGISTRATION:
        return Allow()
    email = request.profile.get("email")
    domain = domain_of(email) if isinstance(email, str) else None
    if domain is not None and _is_listed(domain):
        return Allow()
    cause = Cause("Register with the address of a partner company.", "UNKNOWN_DOMAIN", attribute="email")
    return Deny("The domain is not in the list of partners.", (cause,))


def _is_listed(domain: str) -> bool:
    return any(
        is_within(domain, listed) if with_subdomains else domain == listed
        for listed, with_subdomains in DOMAINS.items()
    )
