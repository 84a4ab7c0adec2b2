"""Replay of a printed history: the script that a failing test prints imports everything from here."""

import asyncio
from collections.abc import Sequence

from service.embedded_postgres import embedded_sync
from service.settings import ForgetWhen
from service.store.migrations import ROOT, upgrade
from tests.histories.player import playing
from tests.histories.steps import (
    ChangeUser,
    Crash,
    Deliver,
    Event,
    Load,
    Lose,
    Reconcile,
    Restart,
    Retire,
    RotateKeys,
    Row,
    SignIn,
    Step,
    Together,
    Wait,
)

__all__ = [
    "ChangeUser", "Crash", "Deliver", "Event", "ForgetWhen", "Load", "Lose", "Reconcile", "Restart", "Retire",
    "RotateKeys", "Row", "SignIn", "Together", "Wait", "replay", "script",
]  # fmt: skip


def script(history: Sequence[Step], forget_when: ForgetWhen) -> str:
    """Return the history as a Python script, to be run in the project's folder."""
    lines = [f"    {step!r}," for step in history]
    return "\n".join(["from tests.histories.replay import *\n", f"replay({str(forget_when)!r}, [", *lines, "])"])


def replay(forget_when: str, history: Sequence[Step]) -> None:
    """Play a history in a separate database; raises its violation."""
    with embedded_sync(ROOT / "var" / "replay") as dsn:
        upgrade(dsn)
        asyncio.run(_play(dsn, ForgetWhen(forget_when), history))
    print("it holds")  # noqa: T201 (the script is run by hand)


async def _play(dsn: str, forget_when: ForgetWhen, history: Sequence[Step]) -> None:
    async with playing(dsn, forget_when) as player:
        await player.play(history)
