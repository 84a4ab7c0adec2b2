"""What is wrong with a hook that was called: by its answer, Okta's words, the clock, the certificate. Pure.

It knows no settings of a hook, and makes no call.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from service.policies.hook_faults import Fault, Finding

CLOCKS_APART = 60.0
"""Seconds: tokens and the order of events depend on the time."""
CERTIFICATE_DAYS = 21


def status_fault(status: int) -> Fault | None:
    """What an HTTP status of the hook's answer means; None where it is a good one."""
    if status // 100 == 2:  # noqa: PLR2004 (the class of the status)
        return None
    if status // 100 == 3:  # noqa: PLR2004
        return Fault.REDIRECTED
    return {401: Fault.SECRET_NOT_OURS, 403: Fault.SECRET_NOT_OURS, 404: Fault.WRONG_PATH, 405: Fault.WRONG_PATH}.get(
        status, Fault.NOT_READY
    )


def reported_failure_fault(text: str) -> Fault:
    """What Okta's text about a failed call means; the texts are for people, so this is a guess with a default."""
    status = re.search(r"(?:answered |responseCode=|status(?: code)?[ :=]+)([1-5]\d\d)\b", text)
    if status:
        return status_fault(int(status.group(1))) or Fault.WRONG_ANSWER
    if re.search(r"timed? ?out", text, re.IGNORECASE):
        return Fault.TIMED_OUT
    if re.search(r"deserialize|JSON", text):
        return Fault.WRONG_ANSWER
    return Fault.UNREACHABLE


def clock_fault(ahead: float | None) -> Iterator[Finding]:
    """Compare Okta's clock with ours."""
    if ahead is not None and abs(ahead) > CLOCKS_APART:
        way = "behind" if ahead > 0 else "ahead of"
        yield Finding(Fault.CLOCK, None, f"this machine is {abs(ahead):.0f} s {way} Okta")


def certificate_fault(expires: datetime | None, now: datetime) -> Iterator[Finding]:
    """Look at how long the certificate is still good."""
    if expires is not None and expires < now + timedelta(days=CERTIFICATE_DAYS):
        yield Finding(Fault.CERTIFICATE_EXPIRES, None, f"it ends at {expires:%Y-%m-%d %H:%M} UTC")
