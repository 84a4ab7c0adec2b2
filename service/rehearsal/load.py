"""Open-loop load: sign-ins arrive at a rate however busy the service is, each with Okta's limit and its one retry.

Okta waits three seconds for an answer and calls once more after a timeout, a broken connection or a 5xx, and not after
a 4xx: https://developer.okta.com/docs/concepts/inline-hooks/ (Inline hook timeout behavior).
"""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from service.immutable import immutable
from service.okta.hooks import sign_in_payload
from service.okta.parsing import member, text_member
from service.okta.password_import import Verdict
from service.store.rehearsals import RehearsalPerson

OKTA_WAITS = 3.0
"""Seconds for one call."""
CALLS = 2
"""Of one sign-in: the first and its retry."""


@immutable
class Reply:
    """An answer of the service."""

    status: int
    verdict: str | None = None
    """The credential of its command; None where it has none."""


class Caller(Protocol):
    """Calls the password import hook of a service."""

    async def call(self, payload: dict[str, Any], within: float) -> tuple[int, object] | None:
        """Post a payload; return the status and the JSON, or None if no answer came `within` so many seconds."""
        ...


async def sign_in(caller: Caller, payload: dict[str, Any]) -> Reply | None:
    """Call once, as Okta does; None if no answer came in time."""
    answered = await caller.call(payload, OKTA_WAITS)
    if answered is None:
        return None
    status, answer = answered
    commands = member(answer, "commands")
    command = commands[0] if isinstance(commands, list) and commands else None
    return Reply(status, text_member(command, "value", "credential"))


@immutable
class Plan:
    """What load there is to be."""

    rate: float
    """Sign-ins a second."""
    seconds: float
    wrong: float
    """The share of sign-ins with a wrong password."""

    @property
    def sign_ins(self) -> int:
        """The expected number of sign-ins."""
        return max(1, round(self.rate * self.seconds))


@dataclass(slots=True)
class Result:
    """What became of the sign-ins."""

    sign_ins: int = 0
    calls: int = 0
    in_time: int = 0
    """Sign-ins that had the right verdict, by the first call or the retry."""
    refused: int = 0
    """Sign-ins whose last answer was 429: the service said at once that it is busy."""
    late: int = 0
    """Sign-ins that had no answer, or a 5xx, twice."""
    wrong_verdicts: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    """Answers that were no verdict, by HTTP status."""
    unanswered_calls: int = 0
    waits: list[float] = field(default_factory=list)
    """Seconds of each call that had a verdict, or no answer within three seconds."""
    behind: float = 0.0
    """Seconds by which the latest arrival was late, because this machine was too busy to send it."""

    @property
    def ended(self) -> int:
        """How many sign-ins have come to their end."""
        return self.in_time + self.refused + self.late + self.wrong_verdicts

    def percentile(self, share: float) -> float | None:
        """Return the time within which so many of the calls were answered; three seconds mean that they were not."""
        if not self.waits:
            return None
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


class LoadTest:
    """One run of a plan."""

    def __init__(
        self,
        caller: Caller,
        people: Sequence[RehearsalPerson],
        plan: Plan,
        *,
        seed: int | None = None,
        progress: Callable[[Result], None] = lambda _result: None,
    ) -> None:
        self._caller = caller
        self._people = people
        self._plan = plan
        self._random = random.Random(seed)  # noqa: S311 (moments and addresses, no secret)
        self._progress = progress
        self.result = Result()

    async def run(self) -> Result:
        """Let people arrive at random moments (Poisson) until the time is over, and wait for the last answers."""
        clock = asyncio.get_running_loop().time
        begin, at, number = clock(), 0.0, 0
        async with asyncio.TaskGroup() as sign_ins:
            while (at := at + self._random.expovariate(self._plan.rate)) < self._plan.seconds or not number:
                await asyncio.sleep(begin + at - clock())
                self.result.behind = max(self.result.behind, clock() - begin - at)
                is_wrong = self._random.random() < self._plan.wrong
                sign_ins.create_task(self._sign_in(self._people[number % len(self._people)], is_wrong=is_wrong))
                number += 1
        return self.result

    async def _sign_in(self, person: RehearsalPerson, *, is_wrong: bool) -> None:
        self.result.sign_ins += 1
        # One digit more: a wrong password is as long to hash as a right one.
        password = person.password + "0" if is_wrong else person.password
        expected = Verdict.UNVERIFIED if is_wrong else Verdict.VERIFIED
        payload = sign_in_payload(person.login_key, password, self._address())
        reply = await self._call(payload)
        if reply is None or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            reply = await self._call(payload)
        self._count(reply, expected)

    async def _call(self, payload: dict[str, Any]) -> Reply | None:
        clock = asyncio.get_running_loop().time
        began = clock()
        self.result.calls += 1
        reply = await sign_in(self._caller, payload)
        if reply is None:
            self.result.unanswered_calls += 1
            self.result.waits.append(OKTA_WAITS)
        elif reply.verdict is not None:
            self.result.waits.append(clock() - began)
        else:
            self.result.statuses[reply.status] += 1
        return reply

    def _count(self, reply: Reply | None, expected: Verdict) -> None:
        result = self.result
        if reply is None or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            result.late += 1
        elif reply.verdict == expected:
            result.in_time += 1
        elif reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            result.refused += 1
        else:
            result.wrong_verdicts += 1
        self._progress(result)

    def _address(self) -> str:
        # 198.18.0.0/15 is for load tests (RFC 2544): people come from different networks.
        return f"198.{self._random.randint(18, 19)}.{self._random.randint(0, 255)}.{self._random.randint(1, 254)}"
