"""A display name that is composed of other attributes. See rewritten-login.toml."""

from service.registration import Allow, Decision, Kind, ScreeningRequest


async def screen(request: ScreeningRequest) -> Decision:
    """Set the display name of people who chose none, as far as they gave their names."""
    given = [request.profile.get(attribute) for attribute in ("firstName", "lastName")]
    names = [name.strip() for name in given if isinstance(name, str) and name.strip()]
    if request.kind is not Kind.REGISTRATION or request.profile.get("displayName") or not names:
        return Allow()
    return Allow(({"displayName": " ".join(names)},))
