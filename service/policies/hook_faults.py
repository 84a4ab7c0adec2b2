"""What can be wrong with the hooks, and how each is mended. Finds none of it."""

import enum

from service.immutable import immutable
from service.okta.hook_settings import HookKind
from service.okta.import_event import IMPORT_EVENT


class Fault(enum.StrEnum):
    """One thing that is wrong; the value is its name for scripts."""

    FORBIDDEN = "forbidden"
    MISSING = "missing"
    INACTIVE = "inactive"
    SEVERAL = "several"
    OTHER_URL = "other_url"
    NOT_HTTPS = "not_https"
    NO_SECRET = "no_secret"  # noqa: S105 (the name of a fault)
    OTHER_HEADER = "other_header"
    OTHER_PROOF = "other_proof"
    UNVERIFIED = "unverified"
    WRONG_EVENTS = "wrong_events"
    EXTRA_EVENTS = "extra_events"
    FILTERED = "filtered"
    SECRET_NOT_OURS = "secret_not_ours"  # noqa: S105 (likewise)
    TOKEN_NOT_OURS = "token_not_ours"  # noqa: S105 (likewise)
    SECRET_UNKNOWN = "secret_unknown"  # noqa: S105 (likewise)
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    NOT_READY = "not_ready"
    WRONG_PATH = "wrong_path"
    REDIRECTED = "redirected"
    WRONG_ANSWER = "wrong_answer"
    CLOCK = "clock"
    CERTIFICATE_BAD = "certificate_bad"
    CERTIFICATE_EXPIRES = "certificate_expires"
    RECENT_FAILURES = "recent_failures"
    NOT_SEEN_FROM_HERE = "not_seen_from_here"

    @property
    def remedy(self) -> str:
        """Say how to mend it."""
        return _REMEDIES[self]

    @property
    def is_warning(self) -> bool:
        """Tell whether people can sign in all the same."""
        return self in _WARNINGS


_REMEDIES = {
    Fault.FORBIDDEN: "give the API token's admin, or the service app's scopes, the right to it (docs/okta-api.md)",
    Fault.MISSING: "make it: password-import hooks register URL",
    Fault.INACTIVE: "activate it: password-import hooks register URL, or Workflow > Hooks in the Admin Console",
    Fault.SEVERAL: "delete what is left over: event hooks all deliver the same, and all count in the daily limit",
    Fault.OTHER_URL: "run password-import hooks register URL, or say --base-url if that is the right one",
    Fault.NOT_HTTPS: "Okta calls https:// only: put TLS in front of the service and register that URL",
    Fault.NO_SECRET: "anybody could call it: password-import hooks register URL",
    Fault.OTHER_HEADER: "set HOOK_SECRET_HEADER to the same name, or run password-import hooks register URL",
    Fault.OTHER_PROOF: "run password-import hooks register URL, with --oauth if it is to use OAuth",
    Fault.UNVERIFIED: "it got no events: password-import hooks register URL verifies it, and this check has tried to",
    Fault.WRONG_EVENTS: f"it must be subscribed to {IMPORT_EVENT}: password-import hooks register URL",
    Fault.EXTRA_EVENTS: "they are of no use here and count in the daily limit: password-import hooks register URL",
    Fault.FILTERED: "remove the filter: it hides events that are needed; password-import hooks register URL does",
    Fault.SECRET_NOT_OURS: "Okta sends another secret than the service takes: password-import hooks register URL",
    Fault.TOKEN_NOT_OURS: "the service refuses Okta's tokens: OAUTH_ISSUER, OAUTH_AUDIENCE, OAUTH_CLIENT_ID and"
    " OAUTH_SCOPE must be those of the authorization server and the app that the hook uses; its log says which is not",
    Fault.SECRET_UNKNOWN: "the service does not take the secret that this command has: give both the same settings",
    Fault.UNREACHABLE: "Okta cannot connect: check the address, DNS, the firewall and the certificate",
    Fault.TIMED_OUT: "it must answer within 3 seconds: look at the service's load and at what is in front of it",
    Fault.NOT_READY: "the service answers an error: GET /readyz says what is missing",
    Fault.WRONG_PATH: "the address leads to something else than the service: check the path that the proxy passes on",
    Fault.REDIRECTED: "Okta follows no redirect: register the final URL",
    Fault.WRONG_ANSWER: "something else than the service answers there, or in between",
    Fault.CLOCK: "set the clock of this machine by NTP: tokens and the order of events depend on it",
    Fault.CERTIFICATE_BAD: "Okta refuses such a certificate: install one of a public authority, with its whole chain",
    Fault.CERTIFICATE_EXPIRES: "renew the certificate: Okta stops calling the day it ends",
    Fault.RECENT_FAILURES: "look at the service's logs of that time; password-import reconcile brings lost events",
    Fault.NOT_SEEN_FROM_HERE: "only Okta has to reach it, but so certificate and answer could not be looked at",
}
_WARNINGS = frozenset(
    {
        Fault.SEVERAL,
        Fault.EXTRA_EVENTS,
        Fault.CERTIFICATE_EXPIRES,
        Fault.RECENT_FAILURES,
        Fault.NOT_SEEN_FROM_HERE,
        Fault.CLOCK,
    }
)


@immutable
class Finding:
    """Something that is wrong with a hook (or, without one, with the whole)."""

    fault: Fault
    kind: HookKind | None
    detail: str = ""

    def __str__(self) -> str:
        """Say what and how to mend it."""
        where = f"{self.kind.label}: " if self.kind else ""
        detail = f" ({self.detail})" if self.detail else ""
        remedy = self.fault.remedy[0].upper() + self.fault.remedy[1:]
        return f"{where}{self.fault.value.replace('_', ' ')}{detail}. {remedy}"
