"""Errors of Okta's management API.

Programs should use only the error code (https://developer.okta.com/docs/reference/error-codes/); the texts are meant
for people and are passed on unchanged.
"""

from collections.abc import Sequence

from service.okta.parsing import member, text_member

NOT_FOUND = "E0000007"
INVALID = "E0000001"
READ_ONLY = "E0000010"
MAX_TEXT = 255
"""Maximum number of characters kept of each of Okta's texts."""


class OktaFault(Exception):
    """A call of Okta's API did not return a result."""


class Refused(OktaFault):
    """Okta rejected the call and did nothing. The message contains Okta's code and texts."""

    def __init__(self, status: int, code: str | None = None, texts: Sequence[str] = ()) -> None:
        super().__init__(f"Okta answered {status}{f' {code}' if code else ''}{': ' if texts else ''}{'; '.join(texts)}")
        self.status = status
        self.code = code
        self.texts = tuple(texts)

    @property
    def not_found(self) -> bool:
        """Return whether the object does not exist; a proxy's 404, without Okta's code, does not count."""
        return self.code == NOT_FOUND

    @property
    def is_about_us(self) -> bool:
        """Return whether Okta rejected our credentials and not the content of the call."""
        return self.status in (401, 403)


class NoToken(Refused):
    """Okta issued no access token, so no call can be made."""

    @property
    def is_about_us(self) -> bool:
        """True: the call had no other content."""
        return True


class ProofRefused(NoToken):
    """Okta rejected our DPoP proofs, and would reject those of every other call."""


PROOF_REMEDY = (
    "set this machine's clock by NTP, keep proxies from changing the header DPoP, or turn off"
    ' "Require Demonstrating Proof of Possession (DPoP) header in token requests" in the app\'s General Settings'
)
"""What to do about `ProofRefused`."""


class ReadOnly(Refused):
    """Okta is in read-only mode: writes fail until it ends."""


class NoAnswer(OktaFault):
    """No usable answer arrived: whether Okta performed the call is unknown."""


class MalformedAnswer(OktaFault):
    """Okta's answer does not have the form that its API documents."""


def refusal(status: int, body: object) -> Refused:
    """Parse an error body; missing members are skipped."""
    code = text_member(body, "errorCode") or text_member(body, "error")
    summary = text_member(body, "errorSummary") or text_member(body, "error_description")
    causes = member(body, "errorCauses")
    texts = [text_member(cause, "errorSummary") for cause in (causes if isinstance(causes, list) else [])]
    shown = [text[:MAX_TEXT] for text in (texts or [summary]) if text]
    kind = ReadOnly if code == READ_ONLY else Refused
    return kind(status, code, shown)
