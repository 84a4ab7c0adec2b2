"""The HTTP exchanges, request by request, with secrets masked."""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

MASK = "****"
LONGEST_BODY = 32_768
"""Maximum characters of a recorded body; of a longer one only the size is recorded."""
SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization"})
SECRET_MEMBERS = frozenset(
    {"password", "hash", "clientSecret", "client_secret", "client_assertion", "access_token", "sessionToken"}
)


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; `fault` says why there was none."""

    at: datetime
    kind: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    status: int | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    fault: str | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        lines = [
            f"> {self.method} {self.url}",
            *(f">   {name}: {value}" for name, value in self.headers.items()),
        ]
        lines += [f">   {line}" for line in _pretty(self.body)]
        lines.append(f"< {self._outcome()}  ({self.seconds * 1000:.0f} ms)")
        return "\n".join(lines + [f"<   {line}" for line in _pretty(self.answer)])

    def _outcome(self) -> str:
        if self.status is None:
            return f"no answer: {self.fault}"
        known = self.status in HTTPStatus._value2member_map_
        return f"{self.status} {HTTPStatus(self.status).phrase}" if known else str(self.status)


class Transcript:
    """The latest exchanges, oldest first. Passwords and secrets are masked before they are added, unless `reveal`."""

    def __init__(self, *, reveal: bool = False, keep: int = 2000) -> None:
        self._reveal = reveal
        self._exchanges: deque[Exchange] = deque(maxlen=keep)
        self.total = 0

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._exchanges)

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, exchange: Exchange) -> None:
        """Add an exchange, dropping the oldest if there are too many."""
        self._exchanges.append(exchange)
        self.total += 1

    def since(self, mark: int) -> list[Exchange]:
        """Return the exchanges that were added after `total` was `mark`."""
        new = min(self.total - mark, len(self._exchanges))
        return list(self._exchanges)[len(self._exchanges) - new :]

    def headers(self, headers: Mapping[str, str], secret: frozenset[str] = frozenset()) -> dict[str, str]:
        """Return headers with secrets masked; a scheme such as `Basic` stays readable."""
        return {
            name: value if self._reveal or name.lower() not in SECRET_HEADERS | secret else _mask_header(value)
            for name, value in headers.items()
        }

    def body(self, body: bytes) -> str:
        """Return a body with the values of secret members masked."""
        text = body.decode("utf-8", "replace")
        if self._reveal or not text:
            return text
        # Masking a page of a thousand events takes longer than creating it.
        return self._masked(text) if len(text) <= LONGEST_BODY else f"({len(body)} bytes)"

    @staticmethod
    def _masked(text: str) -> str:
        try:
            return json.dumps(_mask(json.loads(text)), ensure_ascii=False)
        except ValueError:
            return _mask_form(text)


def _mask(value: object, within: str = "") -> object:
    if isinstance(value, list):
        return [_mask(item, within) for item in value]
    if not isinstance(value, dict):
        return value
    # `value` is a secret in {"password": {"value"}}, a header's {"key", "value"} and a hash's {"algorithm", "value"}.
    hidden = SECRET_MEMBERS | (
        {"value", "salt"} if within == "password" or {"key", "algorithm"} & value.keys() else set()
    )
    return {
        name: MASK if name in hidden and isinstance(inner, str) else _mask(inner, name) for name, inner in value.items()
    }


def _mask_form(text: str) -> str:
    pairs = parse_qsl(text, keep_blank_values=True)
    masked = [(name, MASK if name in SECRET_MEMBERS else value) for name, value in pairs]
    return urlencode(masked, safe="*") if pairs else text


def _mask_header(value: str) -> str:
    scheme, space, _ = value.partition(" ")
    return f"{scheme}{space}{MASK}" if space else MASK


def _pretty(body: str) -> list[str]:
    if not body:
        return []
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        return body.splitlines()
