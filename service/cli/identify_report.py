"""What `identify` says of a hash, and of many. Knows the terminal; measures nothing."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.actions.identify_hashes import HashReport
    from service.actions.measure_check import Identified


def report_lines(found: "Identified") -> Iterator[str]:
    """Give the lines of one hash."""
    yield found.format
    if found.fault is not None:
        yield f"  can't be checked: {found.fault}"
        return
    yield f"  cost: {found.cost}, about {found.milliseconds:.3g} ms here"
    if found.okta is None:
        yield f"  Okta can't import it directly: {found.not_okta}"
    else:
        yield f"  Okta can import it directly: {json.dumps({'credentials': {'password': {'hash': found.okta}}})}"


def lines(report: "HashReport") -> Iterator[str]:
    """Give the lines of the report."""
    hashes = report.verifiable + report.unverifiable
    yield f"{report.rows:,} accounts, {hashes:,} hashes, {report.without_hash:,} without a hash"
    if hashes:
        yield f"{_share(report.verifiable, hashes)} can be verified; {report.unverifiable:,} can't"
        yield f"{_share(report.okta_direct, hashes)} could be imported by Okta directly"
    for each in sorted(report.recipes, key=lambda each: -each.hashes):
        time = f"{each.milliseconds:9.3g} ms" if each.milliseconds is not None else " " * 12
        direct = each.fault or ("Okta directly" if each.okta else "")
        yield f"  {each.hashes:>12,}  {time}  {each.format}  ({each.cost})  {direct}".rstrip()
    for reason, number in report.refusals.most_common():
        yield f"  {number:>12,}  refused: {reason}"
    for pattern, number in report.patterns.most_common(20):
        yield f"  {number:>12,}  of the shape {pattern}"
    slowest = max(
        (each for each in report.recipes if each.milliseconds), key=lambda e: e.milliseconds or 0, default=None
    )
    if slowest is not None and report.sign_ins_per_second:
        yield f"the slowest: {slowest.format} ({slowest.cost}), {slowest.milliseconds:.3g} ms"
        yield f"about {report.sign_ins_per_second:,.0f} sign-ins a second on the {report.cores} cores here"


def as_dict(report: "HashReport") -> dict[str, Any]:
    """Give the report for a script."""
    return {
        "rows": report.rows,
        "without_hash": report.without_hash,
        "verifiable": report.verifiable,
        "unverifiable": report.unverifiable,
        "okta_direct": report.okta_direct,
        "recipes": [asdict(each) for each in report.recipes],
        "refusals": {reason.name.lower(): number for reason, number in report.refusals.items()},
        "patterns": dict(report.patterns.most_common(100)),
        "cores": report.cores,
        "sign_ins_per_second": report.sign_ins_per_second,
    }


def _share(part: int, whole: int) -> str:
    share = f"{100 * part / whole:.1f}"
    return f"{'99.9' if part < whole and share == '100.0' else share} %"
