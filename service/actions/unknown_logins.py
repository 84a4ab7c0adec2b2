"""The logins that Okta asked about and nobody has: counted and listed, within bounds, for the operator.

They are no secrets: Okta asks only about users whom it was told to ask about, so each of them is somebody who was
created in Okta with the password hook and is missing here. They are kept in memory only, since this process started.
"""

from collections import OrderedDict
from datetime import UTC, datetime

from service.okta.probes import is_probe

LISTED = 1000
"""How many are kept; the one that was asked for longest ago makes room."""


class UnknownLogins:
    """The last unknown logins, by their keys."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def note(self, login_key: str) -> None:
        """Count one; a probe of `hooks check` is nobody who is missing."""
        if is_probe(login_key):
            return
        count, _ = self._seen.pop(login_key, (0, None))
        self._seen[login_key] = count + 1, datetime.now(UTC)
        if len(self._seen) > LISTED:
            self._seen.popitem(last=False)

    def listed(self) -> list[dict[str, object]]:
        """Give them, the last one first."""
        return [
            {"login": login, "calls": calls, "last": last.isoformat(timespec="seconds")}
            for login, (calls, last) in reversed(self._seen.items())
        ]
