"""Errors of Okta's management API.

Only the error code is meant for programs (https://developer.okta.com/docs/reference/error-codes/); the texts are for
people, and are passed on to them.
"""

from collections.abc import Sequence

from service.okta.parsing import member, text_member

NOT_FOUND = "E0000007"
INVALID = "E0000001"
READ_ONLY = "E0000010"
MAX_TEXT = 255
"""Characters of one of Okta's texts that are kept."""


class OktaFault(Exception):
    """A call of Okta's API brought no result."""


class Refused(OktaFault):
    """Okta refused the call and did nothing. The message has Okta's code and texts."""

    def __init__(self, status: int, code: str | None = None, texts: Sequence[str] = ()) -> None:
        super().__init__(f"Okta answered {status}{f' {code}' if code else ''}{': ' if texts else ''}{'; '.join(texts)}")
        self.status = status
        self.code = code
        self.texts = tuple(texts)

    @property
    def not_found(self) -> bool:
        """Tell whether what the call named does not exist; a 404 of something in between says nothing of it."""
        return self.code == NOT_FOUND

    @property
    def is_about_us(self) -> bool:
        """Tell whether our credentials, and not what was sent, were refused."""
        return self.status in (401, 403)


class NoToken(Refused):
    """Okta gave us no access token, so that no call can be made at all."""

    @property
    def is_about_us(self) -> bool:
        """Always: nothing else was sent."""
        return True


class ProofRefused(NoToken):
    """Okta refused our DPoP proofs, and would refuse those of every other call."""


class ReadOnly(Refused):
    """Okta is in read-only mode: nothing can be written until it ends."""


class NoAnswer(OktaFault):
    """No answer came, or one that says nothing: whether Okta did what was asked is unknown."""


class MalformedAnswer(OktaFault):
    """Okta answered something else than its API describes."""


def refusal(status: int, body: object) -> Refused:
    """Read an error body; members that are missing are left out."""
    code = text_member(body, "errorCode") or text_member(body, "error")
    summary = text_member(body, "errorSummary") or text_member(body, "error_description")
    causes = member(body, "errorCauses")
    texts = [text_member(cause, "errorSummary") for cause in (causes if isinstance(causes, list) else [])]
    shown = [text[:MAX_TEXT] for text in (texts or [summary]) if text]
    kind = ReadOnly if code == READ_ONLY else Refused
    return kind(status, code, shown)
