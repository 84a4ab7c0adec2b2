"""Queries to the System Log and its pages on the wire.

Without `until`, and ascending, a request polls: pages come in the order in which events were persisted, and each, even
an empty one, has a `next` link. With `until` it is bounded: ordered by `published`, finite, and without events that are
persisted later. https://developer.okta.com/docs/reference/system-log-query/
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from service.okta.events import IMPORT_EVENT
from service.okta.parsing import is_storable, member, text_member
from service.okta.users import read_time

RETENTION = timedelta(days=90)
"""How long Okta keeps its log; older events are gone."""
PAGE = 1000
"""Events per page, Okta's maximum."""
IMPORTS = f'eventType eq "{IMPORT_EVENT}"'
PROFILE_EVENT = "user.account.update_profile"
"""Reports that a user's login may have changed. Its `alternateId` is not sufficient: events arrive late."""
FOLLOWED = f'{IMPORTS} or eventType eq "{PROFILE_EVENT}"'


def polling(since: datetime, asked: str = IMPORTS) -> dict[str, str]:
    """Return the query for all events persisted since a moment, including future ones."""
    return {"since": okta_time(since), "filter": asked, "sortOrder": "ASCENDING", "limit": str(PAGE)}


def bounded(since: datetime, until: datetime, asked: str = IMPORTS) -> dict[str, str]:
    """Return the query for the events published in a period, as far as they are persisted now."""
    return polling(since, asked) | {"until": okta_time(until)}


def failures_of(event_type: str) -> str:
    """Return the filter for one type of event."""
    return f'eventType eq "{event_type}"'


def okta_time(moment: datetime) -> str:
    """Format a time as Okta does: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def users_to_read_again(items: Sequence[object]) -> list[str]:
    """Return the ids of the users whose logins may have changed, from the profile events among log events.

    Okta lists the changed attributes in `debugData.changedAttributes`, but not in every event.
    """
    found: dict[str, None] = {}
    for item in items:
        changed = text_member(item, "debugContext", "debugData", "changedAttributes")
        if text_member(item, "eventType") == PROFILE_EVENT and (not changed or "login" in changed.lower()):
            targets = member(item, "target")
            users = (
                [each for each in targets if text_member(each, "type") == "User"] if isinstance(targets, list) else []
            )
            found |= dict.fromkeys(own for each in users if (own := text_member(each, "id")) and is_storable(own))
    return list(found)


def newest_of(items: Sequence[object]) -> datetime | None:
    """Return the `published` time of the newest log event."""
    moments = (read_time(text_member(item, "published")) for item in items)
    return max((moment for moment in moments if moment), default=None)


Page = tuple[list[object], str | None]
