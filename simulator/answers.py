"""A call of a hook, and its answer. Plain values without I/O."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from simulator.channel import Channel, JsonObject


class Fault(StrEnum):
    """Why there was no answer."""

    TIMEOUT = "timed out"
    CONNECTION = "connection failed"
    NO_TOKEN = "no access token available"  # noqa: S105 - a sentence


@dataclass(frozen=True)
class Answer:
    """The result of the last attempt: a status with a body, or a fault; and the number of attempts."""

    status: int | None = None
    body: bytes = field(default=b"", repr=False)
    fault: Fault | None = None
    attempts: int = 1

    @property
    def ok(self) -> bool:
        """Return whether Okta accepts the answer: only a 2xx."""
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 - the class of the status

    @property
    def failure(self) -> str:
        """Return why the call failed, for people and the System Log."""
        return str(self.fault) if self.fault else f"the service answered {self.status}"

    def object(self) -> JsonObject | None:
        """Return the body as a JSON object; None if it is not one, `{}` if there is no body."""
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class Call:
    """A call to make: its hook, its URL and its payload. Without a payload it is a GET."""

    kind: str
    hook_id: str
    channel: Channel
    request_id: str
    payload: JsonObject | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_event_id: Callable[[], str] | None = None
