"""Random histories of loads, sign-ins, events, reconciliations, crashes and restarts follow the rules of model.py.

A failing one is shrunk for at most a minute, and printed as a script that replays it.
"""

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, example, given, note, settings

from service.settings import ForgetWhen
from tests.histories.player import Player, playing
from tests.histories.replay import script
from tests.histories.steps import Deliver, Event, Load, Row, Step
from tests.histories.strategies import histories

EXAMPLES = 100
"""For each mode of forgetting; bench/histories.py plays a hundred thousand."""
SHRINK_WITHIN = 60
"""Seconds, for each parametrised run; hypothesis itself would shrink for five minutes."""
any_history = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    # The store is emptied before each history.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Stage:
    """A player with its own event loop, because hypothesis calls a test as a plain function."""

    def __init__(self, dsn: str, forget_when: ForgetWhen) -> None:
        self.forget_when = forget_when
        self._runner = asyncio.Runner()
        self._playing = playing(dsn, forget_when)
        self._player: Player = self._runner.run(self._playing.__aenter__())

    def play(self, history: Sequence[Step]) -> None:
        note(script(history, self.forget_when))
        self._runner.run(self._player.play(history))

    def close(self) -> None:
        self._runner.run(self._playing.__aexit__(None, None, None))
        self._runner.close()


@pytest.fixture
def stage(database_url: str, request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = Stage(database_url, request.param)
    yield stage
    stage.close()


@pytest.fixture(autouse=True)
def shrinking_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    # Hypothesis has no setting for this. If the constant is missing, this fails, so that a new version is noticed.
    monkeypatch.setattr("hypothesis.internal.conjecture.engine.MAX_SHRINKING_SECONDS", SHRINK_WITHIN)


ANN, BO, BO_BEFORE = "ann@a.example", "bo@a.example", "renamed@a.example"
FOUND: dict[str, list[Step]] = {
    "a SUCCESS under an Okta id that another unmatched event reveals": [
        Deliver((Event("e1", "00uc", BO, "FAILURE"), Event("e2", "00uc", BO_BEFORE))),
        Load("old", (Row(BO, "one"),)),
    ],
    "an event that means one account by its id and another by its login": [
        Deliver((Event("e1", "00ub", BO, "FAILURE"),)),
        Load("old", (Row(BO, "one"), Row(ANN, "one", "00ub"))),
    ],
    "another event under the uuid of an unmatched SUCCESS": [
        Load("old", (Row(BO, "one"),)),
        Deliver((Event("e1", "00ua", ANN),)),
        Deliver((Event("e1", "00uc", BO, "FAILURE"),)),
        Load("old", (Row(ANN, "one"),)),
    ],
}
"""Histories that once violated the rules."""


@pytest.mark.parametrize("stage", list(ForgetWhen), indirect=True)
@any_history
@given(history=histories)
@example(history=FOUND["a SUCCESS under an Okta id that another unmatched event reveals"])
@example(history=FOUND["an event that means one account by its id and another by its login"])
@example(history=FOUND["another event under the uuid of an unmatched SUCCESS"])
def test_every_history_keeps_to_the_rules(stage: Stage, history: list[Step]) -> None:
    stage.play(history)
