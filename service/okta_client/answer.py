"""What Okta answered: status, headers and bytes to a value, or the fault that they mean. Sends nothing."""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from multidict import CIMultiDictProxy

from service.immutable import immutable
from service.okta.faults import MalformedAnswer, NoAnswer, ReadOnly, refusal

LINK = re.compile(r"<(?P<target>[^>]*)>(?P<parameters>[^<]*)")
IS_NEXT = re.compile(r""";\s*rel\s*=\s*("?)next\1\s*(?:[;,]|$)""", re.IGNORECASE)


@immutable
class Answer:
    """What Okta answered."""

    value: object = field(repr=False)
    next_link: str | None = None
    at: datetime | None = None
    """Okta's clock."""


def read_answer(status: int, headers: CIMultiDictProxy[str], content: bytes) -> Answer:
    """Read an answer. Raises the `OktaFault` that it means."""
    try:
        value = json.loads(content) if content else None
    except (ValueError, RecursionError):
        value = None
    if status >= HTTPStatus.BAD_REQUEST:
        refused = refusal(status, value)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(refused, ReadOnly):
            raise NoAnswer(str(refused))
        raise refused
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise MalformedAnswer(f"Okta answered {status}, which is followed nowhere")
    if content and value is None:
        raise NoAnswer(f"{status} came with something that is no JSON")
    return Answer(value, next_link(headers.getall("Link", [])), _date(headers.get("Date")))


def next_link(lines: Sequence[str]) -> str | None:
    """Find the link to the next page, exactly as it was given (RFC 8288; Okta sends a line for each link)."""
    # A proxy may have folded the lines into one.
    links = (link for line in lines for link in LINK.finditer(line))
    return next((link["target"] for link in links if IS_NEXT.search(link["parameters"])), None)


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def clock_ahead(at: datetime | None) -> float | None:
    """How many seconds Okta's clock is ahead of ours; None where it did not say."""
    return None if at is None else at.timestamp() - time.time()
