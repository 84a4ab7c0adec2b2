"""The parts of an Okta org that a reconciliation needs: a log and users, stored in the model's `Org`."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

from service.okta.users import IMPORT, OWN, OktaUser
from tests.histories.model import Org
from tests.histories.steps import LOGINS, OKTA_IDS, Event
from tests.people import event as log_event

LONG_AGO = timedelta(days=40)


def wire(event: Event) -> dict[str, object]:
    """Return the event as Okta sends it; the case of a login is irrelevant."""
    login = event.login.upper() if event.login else None
    published = event.published.isoformat() if event.published else ""
    return log_event(event.uuid, event.okta_id, login, event.outcome, published)


class OktaSide:
    host = "example.okta.com"

    def __init__(self, org: Org) -> None:
        self._org = org

    async def log_page(self, query: Mapping[str, str]) -> tuple[list[object], str | None]:
        items, link = await self.next_log_page("0")
        return items, None if "until" in query else link

    async def next_log_page(self, link: str) -> tuple[list[object], str | None]:
        return [wire(event) for event in self._org.log[int(link) :]], str(len(self._org.log))

    async def list_users(self, asked: str | None = None) -> AsyncIterator[list[OktaUser]]:
        users = [self._user(okta_id) for okta_id, how in self._org.users.items() if how != "deleted"]
        yield [user for user in users if (user.status == "DEPROVISIONED") == (asked is not None)]

    async def find_user(self, id_or_login: str) -> OktaUser | None:
        known = self._org.users.get(id_or_login, "deleted") != "deleted"
        return self._user(id_or_login) if known else None

    def _user(self, okta_id: str) -> OktaUser:
        how, then = self._org.users[okta_id], datetime.now(UTC) - LONG_AGO
        return OktaUser(
            id=okta_id,
            login=LOGINS[OKTA_IDS.index(okta_id)],
            status="DEPROVISIONED" if how == "deactivated" else "ACTIVE",
            provider=OWN if how == "own" else IMPORT,
            created=then,
            status_changed=then,
            password_changed=then,
            profile={},
        )
