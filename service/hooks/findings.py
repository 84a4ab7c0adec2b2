"""Findings about the hooks, each with its remedy."""

import enum
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from service.immutable import immutable
from service.okta.errors import PROOF_REMEDY
from service.okta.events import IMPORT_EVENT
from service.okta.hooks import HeaderChannel, Hook, HookKind, Proof


class Fault(enum.StrEnum):
    """One fault; the value is its name for scripts."""

    FORBIDDEN = "forbidden"
    PROOF_REFUSED = "proof_refused"
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
        """How to fix it."""
        return _REMEDIES[self]

    @property
    def is_warning(self) -> bool:
        """Return whether people can still sign in."""
        return self in _WARNINGS


_REMEDIES = {
    Fault.FORBIDDEN: "give the API token's admin, or the service app's scopes, the right to it (docs/okta-api.md)",
    Fault.PROOF_REFUSED: PROOF_REMEDY,
    Fault.MISSING: "create it: password-import hooks register URL",
    Fault.INACTIVE: "activate it: password-import hooks register URL, or Workflow > Hooks in the Admin Console",
    Fault.SEVERAL: "delete the extra ones: event hooks all deliver the same events, and each counts in the daily limit",
    Fault.OTHER_URL: "run password-import hooks register URL, or set --base-url if the hook's URL is the right one",
    Fault.NOT_HTTPS: "Okta calls only https://: put TLS in front of the service and register that URL",
    Fault.NO_SECRET: "anyone could call the service: password-import hooks register URL",
    Fault.OTHER_HEADER: "set HOOK_SECRET_HEADER to the same name, or run password-import hooks register URL",
    Fault.OTHER_PROOF: "run password-import hooks register URL, with --oauth to use OAuth",
    Fault.UNVERIFIED: "Okta sends it no events until it is verified: run password-import hooks register URL",
    Fault.WRONG_EVENTS: f"it must be subscribed to {IMPORT_EVENT}: password-import hooks register URL",
    Fault.EXTRA_EVENTS: "they are not used and count in the daily limit: password-import hooks register URL",
    Fault.FILTERED: "remove the filter, which hides required events: password-import hooks register URL",
    Fault.SECRET_NOT_OURS: "Okta and the service have different secrets: password-import hooks register URL",
    Fault.TOKEN_NOT_OURS: "the service rejects Okta's tokens: OAUTH_ISSUER, OAUTH_AUDIENCE, OAUTH_CLIENT_ID and"
    " OAUTH_SCOPE must match the authorization server and the app of the hook; its log names the wrong one",
    Fault.SECRET_UNKNOWN: "the service does not accept this command's secret: give both the same settings",
    Fault.UNREACHABLE: "Okta cannot connect: check the address, DNS, the firewall and the certificate",
    Fault.TIMED_OUT: "it must answer within 3 seconds: check the load of the service and of any proxy",
    Fault.NOT_READY: "the service answers with an error: GET /readyz lists what is missing",
    Fault.WRONG_PATH: "the URL does not lead to the service: check the path that the proxy forwards",
    Fault.REDIRECTED: "Okta does not follow redirects: register the final URL",
    Fault.WRONG_ANSWER: "something other than the service answers: check the URL and the proxies in between",
    Fault.CLOCK: "synchronise this machine's clock by NTP: tokens and the order of events depend on it",
    Fault.CERTIFICATE_BAD: "Okta rejects the certificate: install one of a public authority, with its full chain",
    Fault.CERTIFICATE_EXPIRES: "renew the certificate: Okta stops calling when it expires",
    Fault.RECENT_FAILURES: "check the service's log of that time; password-import reconcile fetches lost events",
    Fault.NOT_SEEN_FROM_HERE: "only Okta has to reach it, but its certificate and answer could not be checked",
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
    """A fault of one hook, or of the whole service if it names none."""

    fault: Fault
    kind: HookKind | None
    detail: str = ""

    def __str__(self) -> str:
        """Return the fault, its detail and the fix."""
        where = f"{self.kind.label}: " if self.kind else ""
        detail = f" ({self.detail})" if self.detail else ""
        remedy = self.fault.remedy[0].upper() + self.fault.remedy[1:]
        return f"{where}{self.fault.value.replace('_', ' ')}{detail}. {remedy}"


# The fault of a hook that was called, by its answer, Okta's text, the clock or the certificate. No I/O.

CLOCKS_APART = 60.0
"""Seconds: tokens and the order of events depend on the clock."""
CERTIFICATE_DAYS = 21


def status_fault(status: int) -> Fault | None:
    """Return the fault that an HTTP status means; None if it is a good one."""
    if status // 100 == 2:  # noqa: PLR2004 (the class of the status)
        return None
    if status // 100 == 3:  # noqa: PLR2004
        return Fault.REDIRECTED
    return {401: Fault.SECRET_NOT_OURS, 403: Fault.SECRET_NOT_OURS, 404: Fault.WRONG_PATH, 405: Fault.WRONG_PATH}.get(
        status, Fault.NOT_READY
    )


def reported_failure_fault(text: str) -> Fault:
    """Return the fault that Okta's text about a failed call means; the text is not an API, so there is a default."""
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
    """Check how long the certificate is still valid."""
    if expires is not None and expires < now + timedelta(days=CERTIFICATE_DAYS):
        yield Finding(Fault.CERTIFICATE_EXPIRES, None, f"it expires at {expires:%Y-%m-%d %H:%M} UTC")


# The faults of a hook's settings in the org, compared with the desired ones. No I/O.

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def settings_faults(
    kind: HookKind, hook: Hook, uri: str, proof: Proof | None, *, allow_http: bool = False
) -> Iterator[Finding]:
    """Compare a hook's settings with the desired ones; without `proof`, its authentication is not compared."""
    if not hook.active:
        yield Finding(Fault.INACTIVE, kind)
    if not is_https(hook.uri, allow_http=allow_http):
        yield Finding(Fault.NOT_HTTPS, kind, hook.uri)
    if hook.uri != uri:
        yield Finding(Fault.OTHER_URL, kind, f"{hook.uri} instead of {uri}")
    if proof is not None:
        yield from _proof_faults(kind, hook, proof)
    if kind.is_inline:
        return
    if IMPORT_EVENT not in hook.events:
        yield Finding(Fault.WRONG_EVENTS, kind, ", ".join(hook.events) or "none")
    elif extra := sorted({*hook.events} - {IMPORT_EVENT}):
        yield Finding(Fault.EXTRA_EVENTS, kind, ", ".join(extra))
    if hook.filtered:
        yield Finding(Fault.FILTERED, kind)
    if not hook.verified:
        yield Finding(Fault.UNVERIFIED, kind)


def _proof_faults(kind: HookKind, hook: Hook, proof: Proof) -> Iterator[Finding]:
    is_header = isinstance(proof, HeaderChannel)
    if hook.oauth is is_header:
        yield Finding(Fault.OTHER_PROOF, kind, "OAuth" if hook.oauth else "a header secret")
    elif is_header and hook.header is None:
        yield Finding(Fault.NO_SECRET, kind)
    elif isinstance(proof, HeaderChannel) and (hook.header or "").lower() != proof.name.lower():
        yield Finding(Fault.OTHER_HEADER, kind, f"{hook.header} instead of {proof.name}")


def is_https(url: str, *, allow_http: bool = False) -> bool:
    """Return whether Okta would call it. http is accepted on loopback (tests) and with `allow_http` (rehearsals)."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and (allow_http or parts.hostname in LOOPBACK))
