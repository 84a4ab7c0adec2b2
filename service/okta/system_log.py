"""Queries to the System Log and its pages on the wire.

Without `until`, and ascending, a request polls: pages come in the order in which events were persisted, and each has a
`next` link, also an empty one. With `until` it is bounded: ordered by `published`, finite, and blind to events that are
persisted later. https://developer.okta.com/docs/reference/system-log-query/
"""

from datetime import UTC, datetime, timedelta

from service.okta.events import IMPORT_EVENT

RETENTION = timedelta(days=90)
"""Okta keeps its log so long; what is older is gone."""
PAGE = 1000
"""Events on a page, the most that Okta gives."""
IMPORTS = f'eventType eq "{IMPORT_EVENT}"'


def polling(since: datetime, asked: str = IMPORTS) -> dict[str, str]:
    """Ask for all that was persisted since a moment, and all that will be."""
    return {"since": okta_time(since), "filter": asked, "sortOrder": "ASCENDING", "limit": str(PAGE)}


def bounded(since: datetime, until: datetime, asked: str = IMPORTS) -> dict[str, str]:
    """Ask for what was published in a span, as far as the log knows it now."""
    return polling(since, asked) | {"until": okta_time(until)}


def failures_of(event_type: str) -> str:
    """Write the filter for one type of event."""
    return f'eventType eq "{event_type}"'


def okta_time(moment: datetime) -> str:
    """Write a moment as Okta does: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Page = tuple[list[object], str | None]
