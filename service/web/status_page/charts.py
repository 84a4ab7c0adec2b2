"""The charts of the status page, as SVG without scripts: migrated accounts over the days, and response times.

Each is drawn twice, for a wide screen and for a phone, because the text of a scaled-down SVG is too small to read.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from markupsafe import Markup

from service.administration.status import Pace
from service.immutable import immutable
from service.telemetry import DURATION_BUCKETS

WIDTHS = {"wide": 1000, "narrow": 340}
HALF = {"wide": 480, "narrow": 340}
"""Width of a chart in half of the page."""
FARTHEST_SHARE = 1.0
"""The forecast covers as many days as the past, and at least two weeks."""
SHORTEST_FORECAST = 14

NARROWEST = 0.3
"""Minimum percentage of a bar for one account, so that it is visible."""
LABELLED = 3
"""Every third bar of the response times is labelled with its bound."""

TEXT = Markup('<text x="{:.1f}" y="{:.1f}" class="tick" text-anchor="{}">{}</text>')
LINE = Markup('<line x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}" class="{}"/>')
BAR = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5" class="{}"><title>{}</title></rect>')


@immutable
class _Axis:
    """A linear scale from values to coordinates."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        span = self.high - self.low
        return self.begin + (self.end - self.begin) * ((value - self.low) / span if span else 0.0)


def ticks(highest: float, about: int = 4) -> list[int]:
    """Return about `about` round values from 0 to at most `highest`."""
    if highest <= 0:
        return [0]
    rough = highest / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(1, round(next(size * power for size in (1, 2, 5, 10) if size * power >= rough)))
    return list(range(0, int(highest) + 1, step))


def short(number: int) -> str:
    """Format a number for an axis: 4k, 1.5M."""
    for size, unit in ((1_000_000, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:.1f}".removesuffix(".0") + unit
    return str(number)


def progress_chart(migrated: Mapping[date, int], target: int, forecast: Pace, today: date) -> Markup:
    """Draw the migrated accounts: the total, the number per day below it, and the forecast, dashed.

    `target` is the total number of accounts to migrate.
    """
    first = min(migrated, default=today)
    past = (today - first).days + 1
    end = forecast.expected_end or today
    ahead = min((end - today).days, max(SHORTEST_FORECAST, round(past * FARTHEST_SHARE)))
    days = [first + timedelta(days=number) for number in range(past + ahead)]
    return Markup("").join(
        _svg(
            name,
            width,
            290,
            _progress_label(migrated, target),
            _progress(width, days, migrated, target, forecast, today),
        )
        for name, width in WIDTHS.items()
    )


def _progress_label(migrated: Mapping[date, int], target: int) -> str:
    return f"migrated accounts: {sum(migrated.values()):,} of {target:,}; days with migrations: {len(migrated):,}"


def _progress(
    width: int, days: Sequence[date], migrated: Mapping[date, int], target: int, forecast: Pace, today: date
) -> Iterator[Markup]:
    left, right = 48, width - 8
    total = sum(migrated.values())
    x = _Axis(0, len(days), left, right)
    y = _Axis(0, max(target, total, 1), 172, 22)
    most = max(migrated.values(), default=0)
    bars = _Axis(0, max(most, 1), 262, 204)
    yield from _grid(y, left, right, 4)
    yield from _grid(bars, left, right, 3)
    yield LINE.format(left, right, y.at(target), y.at(target), "target")
    yield TEXT.format(right, y.at(target) - 4, "end", f"everybody: {target:,}")
    yield TEXT.format(left, 195, "start", "per day (UTC)")
    reached, points, step = 0, [f"{x.at(0):.1f},{y.at(0):.1f}"], x.at(1) - x.at(0)
    for number, day in enumerate(days):
        if day > today:
            break
        of_day = migrated.get(day, 0)
        reached += of_day
        points.append(f"{x.at(number + 1):.1f},{y.at(reached):.1f}")
        if of_day:
            top = bars.at(of_day)
            title = f"{day:%Y-%m-%d}: {of_day:,} migrated, {reached:,} altogether"
            yield BAR.format(x.at(number) + step * 0.1, top, max(step * 0.8, 0.8), 262 - top, "bar", title)
    yield Markup('<path d="M{}" class="line"/>').format(" L".join(points))
    past = (today - days[0]).days + 1
    if len(days) > past and forecast.per_day:
        expected = min(target, total + forecast.per_day * (len(days) - past))
        yield Markup('<path d="M{:.1f},{:.1f} L{:.1f},{:.1f}" class="forecast"/>').format(
            x.at(past), y.at(total), x.at(len(days)), y.at(expected)
        )
    yield from _days(days, x, width)


def _grid(axis: _Axis, left: float, right: float, about: int) -> Iterator[Markup]:
    for value in ticks(axis.high, about):
        yield LINE.format(left, right, axis.at(value), axis.at(value), "grid")
        yield TEXT.format(left - 6, axis.at(value) + 4, "end", short(value))


def _days(days: Sequence[date], x: _Axis, width: int) -> Iterator[Markup]:
    fitting = max(2, width // 110)
    every = math.ceil(len(days) / fitting)
    for number in range(0, len(days), every):
        if x.at(number) <= width - 40:
            yield TEXT.format(x.at(number), 282, "start", f"{days[number]:%b} {days[number].day}")


def times_chart(times: Sequence[int]) -> Markup:
    """Draw the response times: a bar for each bound of `DURATION_BUCKETS`, and one for longer ones."""
    label = f"response times of {sum(times):,} calls; {times[-1]:,} took longer than 3 s"
    return Markup("").join(_svg(name, width, 132, label, _times(width, times)) for name, width in HALF.items())


def _times(width: int, times: Sequence[int]) -> Iterator[Markup]:
    left, right, base = 34, width - 8, 108
    x = _Axis(0, len(times), left, right)
    y = _Axis(0, max(*times, 1), base, 12)
    yield from _grid(y, left, right, 3)
    step = x.at(1) - x.at(0)
    bounds = [_seconds(bound) for bound in DURATION_BUCKETS]
    for number, calls in enumerate(times):
        over = number == len(DURATION_BUCKETS)
        title = ("over 3 s" if over else f"within {bounds[number]}") + f": {calls:,}"
        top = y.at(calls)
        yield BAR.format(x.at(number) + 1.5, top, step - 3, base - top, "over" if over else "bar", title)
        if not over and (number + 1) % LABELLED == 0:
            yield TEXT.format(x.at(number + 1), base + 16, "middle", bounds[number])
    limit = x.at(len(DURATION_BUCKETS))
    yield LINE.format(limit, limit, 8, base, "limit")
    yield TEXT.format(limit - 5, 20, "end", "Okta gives up")


def _seconds(bound: float) -> str:
    return f"{bound:g} s" if bound >= 1 else f"{bound * 1000:g} ms"


def _svg(name: str, width: int, height: int, label: str, content: Iterator[Markup]) -> Markup:
    return Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        name, width, height, label, Markup("").join(content)
    )


def track(parts: Sequence[tuple[str, int]], total: int) -> Markup:
    """Draw a bar of parts, each with a class and a number."""
    label = ", ".join(f"{name} {number:,}" for name, number in parts if number)
    begin, drawn = 0.0, Markup("")
    for name, number in parts:
        width = max(NARROWEST, 100 * number / total) if number else 0.0
        drawn += Markup('<rect x="{:.3f}" y="0" width="{:.3f}" height="1" class="fill-{}"/>').format(begin, width, name)
        begin += width
    return Markup(
        '<svg class="track" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(label, drawn)
