"""What a check of each cost takes here: a moving average of measured seconds. Knows costs by name; runs nothing."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

UNMEASURED = 0.25
"""Seconds assumed for a cost that was never measured: about bcrypt 12, the dearest of the common ones."""

WEIGHT = 0.1
"""Of a new sample: ten samples, a third of a second of bcrypt 10 on two cores, make most of the average."""

OUTLIER = 4.0
"""A sample counts as at most so many times the average: a paused machine must not close the pool."""

DOUBT_AFTER = 10.0
"""Seconds after which an average is doubted, so that a wrong one cannot refuse its own correction for ever."""

REMEMBERED = 1024
"""Costs kept: stores that vary their rounds at random have thousands of them."""


@dataclass(slots=True)
class _Average:
    seconds: float
    renewed: float


class Estimates:
    """Seconds per cost, learned from what ran."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._averages: OrderedDict[str, _Average] = OrderedDict()

    def learn(self, cost: str, seconds: float) -> None:
        """Take in one measured run."""
        average = self._averages.get(cost)
        if average is None:
            self._averages[cost] = _Average(seconds, self._clock())
            if len(self._averages) > REMEMBERED:
                self._averages.popitem(last=False)
            return
        average.seconds += WEIGHT * (min(seconds, OUTLIER * average.seconds) - average.seconds)
        average.renewed = self._clock()
        self._averages.move_to_end(cost)

    def measured(self, cost: str) -> float | None:
        """Tell the average, or None where this cost never ran."""
        average = self._averages.get(cost)
        return None if average is None else average.seconds

    def expect(self, cost: str) -> float:
        """Tell the seconds to plan with, measured or assumed."""
        average = self._averages.get(cost)
        return UNMEASURED if average is None else average.seconds

    def doubtful(self, cost: str) -> bool:
        """Tell whether nothing has confirmed the average of `cost` lately."""
        average = self._averages.get(cost)
        return average is None or self._clock() - average.renewed > DOUBT_AFTER

    def measurements(self) -> dict[str, float]:
        """Copy every measured average."""
        return {cost: average.seconds for cost, average in self._averages.items()}
