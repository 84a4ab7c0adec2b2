"""The counts that an alert watches, shown as 0 from the start. Counts nothing.

A series that begins with its first count was never 0, so Prometheus's `rate` and `increase` do not see that count.
"""

from service.actions.record_events import Channel
from service.actions.sign_in import SignInOutcome
from service.okta.authentication import CredentialFault
from service.okta.import_event import Fault
from service.policies.forgetting import Effect
from service.telemetry import Telemetry
from service.web.refusals import FAULT_CODES, OVERLOADED

CALLED = ("/okta/password-import", "/okta/registration", "/okta/events")
"""The routes that Okta calls."""


def show_zeros(telemetry: Telemetry) -> None:
    """Begin every count that an alert of docs/operations.md watches."""
    for code in FAULT_CODES:
        telemetry.faults.labels(code)
    for sign_in in SignInOutcome:
        telemetry.sign_ins.labels(sign_in)
    for effect in Effect:
        telemetry.import_events.labels(Channel.HOOK, effect)
    for fault in Fault:
        telemetry.unreadable_events.labels(fault)
    for route in CALLED:
        for code in (OVERLOADED, CredentialFault.WRONG):
            telemetry.error_responses.labels(route, code)
