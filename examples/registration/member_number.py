"""Registration of members by their number, which is looked up in the legacy store. See member-number.toml."""

from collections.abc import Mapping

from service.registration import Allow, Cause, Decision, Deny, Kind, LegacyAccounts, ScreeningRequest


async def screen(request: ScreeningRequest, legacy: LegacyAccounts) -> Decision:
    """Allow people to register who know a member's number and last name; set the member's branch."""
    if request.kind is not Kind.REGISTRATION:
        return Allow()
    members = await legacy.find_by("memberNumber", request.profile.get("memberNumber"))
    # The same answer for a wrong number and a wrong name, so that existing numbers cannot be found out.
    if len(members) != 1 or not _is_same_person(members[0].profile, request.profile):
        cause = Cause("We know no member of this number and last name.", "UNKNOWN_MEMBER", attribute="memberNumber")
        return Deny("The member is unknown.", (cause,))
    branch = members[0].profile.get("branch")
    return Allow(({"userType": "member"} | ({"branch": branch} if branch else {}),))


def _is_same_person(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    names = [str(profile.get("lastName") or "").strip().casefold() for profile in (one, other)]
    return names[0] == names[1] != ""
