"""A display name composed of other attributes. See rewritten-login.toml."""

from service.registration import Allow, Decision, Kind, ScreeningRequest


async def screen(request: ScreeningRequest) -> Decision:
    """Set the display name of people who entered none, from the names that they entered."""
    given = [request.profile.get(attribute) for attribute in ("firstName", "lastName")]
    names = [name.strip() for name in given if isinstance(name, str) and name.strip()]
    if request.kind is not Kind.REGISTRATION or request.profile.get("displayName") or not names:
        return Allow()
    return Allow(({"displayName": " ".join(names)},))
