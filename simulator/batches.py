"""The division of events into deliveries, and the possible forms of a delivery. No I/O."""

from typing import Any

from simulator.log import Record

LARGEST_BATCH = 500
"""Okta states no maximum batch; this one has about a megabyte."""


def batches(records: list[Record], *, newest_first: bool) -> list[list[Record]]:
    """Divide records into deliveries; reordered ones come newest first, in two parts."""
    if newest_first:
        backwards = records[::-1]
        middle = len(backwards) // 2
        return [part for part in (backwards[:middle], backwards[middle:]) if part]
    return [records[start : start + LARGEST_BATCH] for start in range(0, len(records), LARGEST_BATCH)]


def without_nulls(value: object) -> Any:  # noqa: ANN401 - JSON in, the same kind of JSON out
    """Remove null members, at every depth."""
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
