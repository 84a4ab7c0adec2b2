"""The totals of `load` as text and as JSON."""

import json
from collections.abc import Iterator
from pathlib import Path

from service.cli.errors import plural, printable
from service.cli.name_report import costly_lines, name_lines, names_as_json
from service.cli.status import recommendation, unknown_products
from service.loading.examine import ignored_lines
from service.loading.load import Totals
from service.loading.queries import RowOutcome
from service.loading.reject import Reason
from service.loading.rows import DISABLED

SHOWN = (
    (RowOutcome.NEW, "new"),
    (RowOutcome.CHANGED, "changed"),
    (RowOutcome.UNCHANGED, "unchanged"),
    (RowOutcome.TOMBSTONE, "tombstones left alone"),
    (RowOutcome.DELETED, "deleted ones left alone"),
)


def report(totals: Totals, rejects: Path | None, *, dry_run: bool) -> Iterator[str]:
    """Yield the lines of the report."""
    done = ", ".join(
        f"{totals.row_outcomes[outcome]:,} {word}"
        for outcome, word in SHOWN
        if totals.row_outcomes[outcome] or outcome is RowOutcome.NEW
    )
    would = "Dry run, " if dry_run else ""
    yield f"{would}{plural(totals.rows, 'row')}: {done}, {totals.refused:,} rejected"
    for reason, number in totals.refusals.most_common():
        yield f"  rejected {number:,}: {reason}"
    for name, number in totals.formats.most_common():
        yield f"  format {name}: {number:,}"
    yield from _without_hash(totals)
    yield from (f"  {printable(line)}" for line in (*totals.notes, *ignored_lines(totals.ignored)))
    if totals.long_logins:
        yield f"  warning: logins longer than the 100 characters that Okta allows: {totals.long_logins:,}"
    yield from _unused(totals)
    if totals.effects:
        yield f"  import events that had arrived earlier: {sum(totals.effects.values()):,}"
    yield from name_lines(totals.names)
    yield from costly_lines(*totals.too_costly)
    yield coverage(totals)
    yield from recommendation(totals.formats, totals.tried)
    yield from unknown_products(totals.formats, totals.tried)
    if rejects is not None and totals.refused:
        where = "on standard output" if str(rejects) == "-" else str(rejects)
        yield f"rejected rows, with line and reason: {where}"


def _unused(totals: Totals) -> Iterator[str]:
    for name in totals.unused_peppers:
        yield f"  warning: the source has a pepper, and {name} is computed without it"
    for name in totals.unused_salts:
        yield f"  warning: rows have a salt, and {name} is computed without it"
    if totals.named_by_login:
        yield f"  warning: {plural(totals.named_by_login, 'row')} without username: their logins are taken for $user"


def _without_hash(totals: Totals) -> Iterator[str]:
    if totals.unarmed:
        yield f"  without a hash: {totals.unarmed:,}"
    if totals.disabled:
        yield f"  without a hash because {DISABLED}: {totals.disabled:,}"
    if totals.elsewhere:
        yield f"  without a hash because another system checks the password, as {{SASL}} says: {totals.elsewhere:,}"


def coverage(totals: Totals) -> str:
    """Return which share of the hashes can be computed, and why the others cannot.

    That a hash can be computed does not prove that it is computed as in the old system.
    """
    good = sum(totals.formats.values())
    bad = sum(number for reason, number in totals.refusals.items() if reason.is_unverifiable)
    if not good + bad:
        return "no row has a hash"
    share = f"{100 * good / (good + bad):.1f}"
    if bad and share == "100.0":
        share = "99.9"
    unknown = totals.refusals[Reason.UNKNOWN_SHAPE]
    said = [f"{share} % of the hashes can be computed"]
    if unknown:
        said.append(f"{plural(unknown, 'row')} of unknown shape")
    if bad > unknown:
        said.append(f"{plural(bad - unknown, 'row')} rejected for {'other reasons' if unknown else 'their hashes'}")
    return "; ".join(said)


def as_json(totals: Totals, rejects: Path | None, *, dry_run: bool) -> str:
    """Return the report as JSON values."""
    return json.dumps(
        {
            "dry_run": dry_run,
            "rows": totals.rows,
            **{outcome.value: totals.row_outcomes[outcome] for outcome, _ in SHOWN},
            "refused": totals.refused,
            "refusals": {reason.name.lower(): number for reason, number in totals.refusals.most_common()},
            "formats": dict(totals.formats.most_common()),
            "untried_formats": sorted(totals.formats.keys() - totals.tried),
            "without_hash": totals.unarmed,
            "long_logins": totals.long_logins,
            "disabled": totals.disabled,
            "checked_elsewhere": totals.elsewhere,
            "ignored": totals.ignored,
            "decisions": totals.notes,
            "named_by_login": totals.named_by_login,
            "unused_peppers": totals.unused_peppers,
            "unused_salts": totals.unused_salts,
            "events_applied": {effect.value: number for effect, number in totals.effects.items()},
            "names": names_as_json(totals.names),
            "too_costly": totals.too_costly[0],
            "rejects": str(rejects) if rejects is not None and totals.refused else None,
        }
    )
