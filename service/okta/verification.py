"""The one-time verification of an event hook: a header in, a JSON object out.

https://developer.okta.com/docs/concepts/event-hooks/#one-time-verification-request
"""

import json

from service.okta.body import MalformedCall

CHALLENGE_HEADER = "x-okta-verification-challenge"
MAX_CHALLENGE = 512
"""Characters. Okta's challenges have about 50; echoing more would make us an amplifier."""


def answer_challenge(values: list[str]) -> bytes:
    """Echo the challenge. Raises `MalformedCall` where it is missing, repeated, too long or not visible ASCII."""
    if len(values) != 1 or not values[0]:
        raise MalformedCall("challenge_missing", f"exactly one header {CHALLENGE_HEADER} is needed")
    challenge = values[0]
    if len(challenge) > MAX_CHALLENGE:
        raise MalformedCall("challenge_too_long", f"the challenge is longer than {MAX_CHALLENGE} characters")
    if not all("!" <= character <= "~" for character in challenge):
        raise MalformedCall("challenge_not_ascii", "the challenge must be visible ASCII")
    return json.dumps({"verification": challenge}).encode()
