"""A fake org with a log and users: a test determines its answers, and sees the requests."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from service.okta.system_log import Page
from service.okta.users import IMPORT, OktaUser, Status

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
LINK = "https://example.okta.com/api/v1/logs?after="


def user(login: str, own: str = "", **members: Any) -> OktaUser:
    """Return a user as Okta does; by default one whose password is still to be imported."""
    given: dict[str, Any] = {"status": Status.ACTIVE, "provider": IMPORT, "created": NOW, "status_changed": None}
    given |= {"password_changed": None, "profile": {"login": login, "email": login}} | members
    return OktaUser(id=own or f"00u-{login}", login=login, **given)


class FakeOrg:
    """The log and the users of an org."""

    host = "example.okta.com"

    def __init__(self) -> None:
        self.now = NOW
        self.pages: list[list[object]] = []
        """The result of polling, page by page; then empty pages."""
        self.spans: list[list[object]] = []
        """The result of a bounded request, page by page."""
        self.next_faults: list[Exception] = []
        """Exceptions raised by following a link, one after the other."""
        self.asked: list[Mapping[str, str]] = []
        self.users: list[OktaUser] = []
        self.unlisted: dict[str, OktaUser] = {}
        """Users that are only found by id."""
        self.looked_up: list[str] = []
        self.takes = timedelta(0)
        """Duration of listing the users."""
        self._in_span = False

    async def log_page(self, query: Mapping[str, str]) -> Page:
        self.asked.append(query)
        self._in_span = "until" in query
        return self._page()

    async def next_log_page(self, _link: str) -> Page:
        if self.next_faults:
            raise self.next_faults.pop(0)
        return self._page()

    def _page(self) -> Page:
        pages = self.spans if self._in_span else self.pages
        items = pages.pop(0) if pages else []
        more = bool(pages) or not self._in_span
        link = f"{LINK}{len(self.asked)}" if more else None
        self._in_span = self._in_span and more
        return items, link

    async def list_users(self, asked: str | None = None) -> AsyncIterator[list[OktaUser]]:
        self.now += self.takes
        yield [each for each in self.users if (each.status == Status.DEPROVISIONED) is (asked is not None)]

    async def find_user(self, id_or_login: str) -> OktaUser | None:
        self.looked_up.append(id_or_login)
        return self.unlisted.get(id_or_login)
