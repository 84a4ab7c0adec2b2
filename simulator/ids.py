"""Ids and times in Okta's forms, random from a seed."""

import random
import string
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

ALPHANUMERIC = string.ascii_letters + string.digits
BASE64URL = ALPHANUMERIC + "-_"


class Ids:
    """A source of ids in Okta's form; the same seed gives the same ids in the same order."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def okta(self, prefix: str) -> str:
        """Return an object id: 20 characters with Okta's prefix (`00u` user, `cal` inline hook, `who` event hook)."""
        return prefix + self._characters(ALPHANUMERIC, 20 - len(prefix))

    def inline_event(self) -> str:
        """Return the `eventId` of an inline hook call: 22 characters of base64url."""
        return self._characters(BASE64URL, 22)

    def request(self) -> str:
        """Return the id of a request at Okta, as in `data.context.request.id` and `transaction.id`."""
        return "Z" + self._characters(BASE64URL, 22) + "AAAB"

    def uuid(self) -> str:
        """Return a UUID, as used by log events and event deliveries."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def token(self, length: int) -> str:
        """Return an opaque token. Unsuitable for real secrets: it is derived from the seed."""
        return self._characters(BASE64URL, length)

    def _characters(self, alphabet: str, count: int) -> str:
        return "".join(self._random.choices(alphabet, k=count))


@dataclass
class Clock:
    """The org's clock: the machine's plus `offset`, so that a test can advance it by thirty days."""

    offset: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        """Return the org's current time, in UTC."""
        return datetime.now(UTC) + self.offset

    def advance(self, **span: float) -> None:
        """Advance the org's clock: `clock.advance(days=30)`."""
        self.offset += timedelta(**span)


def okta_time(moment: datetime) -> str:
    """Format a time as Okta does: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
