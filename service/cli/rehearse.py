"""The command `rehearse`: a load test of a deployment before the migration begins."""

import asyncio
import json
import math
import os
import re
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from service.cli.errors import DONE, FAILED, CommandFailed, plural
from service.cli.hooks import secret_header
from service.cli.okta_options import (
    Stopped,
    errors_reported,
    prepare,
    print_progress,
    print_wait,
    read_share,
    run,
    until_stopped,
)
from service.cli.progress import show_progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.rehearsal.load import Caller, Plan, Result
    from service.rehearsal.people import Cost
    from service.settings import Settings
    from service.store.database import Database

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
MAX_RATE = 10_000.0
"""Sign-ins per second: more than one process can send."""
MAX_SECONDS = 24 * 3600.0
USABLE = 0.9
"""The share of the cores' time that the service can spend on answers (docs/capacity.md)."""
BEHIND = 0.5
"""Seconds; if calls are sent later than that, this machine was too busy for the rate."""


def rehearse(
    context: typer.Context,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The service's address, such as https://passwords.example.com.")
    ],
    rate: Annotated[str, typer.Option(help="Sign-ins per second or minute: 40/s, 300/m.")] = "10/s",
    duration: Annotated[str, typer.Option("--for", help="The duration: 90s, 5m, 1h.")] = "1m",
    wrong: Annotated[str, typer.Option(help="The share of sign-ins with a wrong password; may be 0%.")] = "20%",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Sign in invented people at a given rate; print how many were answered in time, and how many cores that needs.

    The people have the formats and costs of the loaded hashes, in their proportions, random passwords, and logins that
    end in `.rehearsal.invalid`. They are not accounts, and are removed at the end. The exit code is 0 if every sign-in
    got its verdict in time, otherwise 1.
    """
    from service.rehearsal.load import Plan

    plan = Plan(
        read_rate(rate), read_duration(duration), 0.0 if wrong.strip() in ("0", "0%") else read_share(wrong, "--wrong")
    )
    settings = prepare()
    with errors_reported():
        result, cost, stopped = run(_rehearse(settings, hook_url(url), plan))
    document = _document(plan, result, cost)
    typer.echo(json.dumps(document) if as_json else "\n".join(report_lines(document)))
    if stopped != DONE:
        raise CommandFailed(
            "stopped: the figures cover the completed sign-ins; the invented people are removed", stopped
        )
    context.exit(DONE if result.in_time == result.sign_ins else FAILED)


def read_rate(text: str) -> float:
    """Parse `40/s`, `40` or `300/m` as sign-ins per second."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/(s|m))?", text.strip())
    rate = float(found[1]) / UNITS[found[2] or "s"] if found else 0.0
    if not 0 < rate <= MAX_RATE:
        raise typer.BadParameter(
            f"must be a number of sign-ins, up to {MAX_RATE:,.0f}/s: 40/s or 300/m", param_hint="--rate"
        )
    return rate


def read_duration(text: str) -> float:
    """Parse `90s`, `5m` or `1h` as seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)", text.strip())
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= MAX_SECONDS:
        raise typer.BadParameter("must be a duration up to 24h: 90s, 5m or 1h", param_hint="--for")
    return seconds


def hook_url(base: str) -> str:
    """Return the address of the password import hook of the service at `base`."""
    from service.okta.hooks import HookKind

    try:
        parts = urlsplit(base)
        has_more = parts.query or parts.fragment or parts.username
        is_good = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0 and not has_more
    except ValueError:
        is_good = False
    if not is_good:
        raise typer.BadParameter("must be the service's address: https://passwords.example.com", param_hint="URL")
    return base.rstrip("/") + HookKind.PASSWORD_IMPORT.path


async def _rehearse(settings: "Settings", url: str, plan: "Plan") -> "tuple[Result, Cost | None, int]":
    from service.app import open_database
    from service.auth.authenticator import hash_keys
    from service.hashing.bcrypt_choice import BcryptUnavailable, choose_bcrypt
    from service.hashing.pool import HashingPool
    from service.okta_client.probing import open_caller
    from service.rehearsal.people import measure
    from service.settings import BadSettings
    from service.store import recipes, rehearsals
    from service.stored_hashes import HashOpener

    header = secret_header(settings, settings.inline_hook_secrets())
    async with open_database(settings) as database:
        async with database.connection() as connection:
            mix, known = await rehearsals.mix(connection), await recipes.list_recipes(connection)
        if not mix:
            raise CommandFailed("no hash is loaded, so there is nothing to rehearse: load accounts first")
        # Before the load test, which would slow it down if the service runs on this machine.
        try:
            choice = await asyncio.to_thread(choose_bcrypt, settings.bcrypt)
        except BcryptUnavailable as unavailable:
            raise BadSettings(str(unavailable)) from None
        async with HashingPool(interleaving=choice.interleaving) as pool:
            cost = await measure(pool, HashOpener(os.environ, hash_keys(settings)), known, mix)
        async with open_caller(url, {header.name: header.value}) as caller:
            result, stopped = await _run_plan(database, caller, plan, mix)
            return result, cost, stopped


async def _run_plan(
    database: "Database", caller: "Caller", plan: "Plan", mix: "Mapping[int, int]"
) -> "tuple[Result, int]":
    """Run the plan; return the result until its end or a signal, and 0 or the signal's exit code."""
    from service.rehearsal.load import Result
    from service.rehearsal.run import CannotRehearse, rehearse

    result = Result()
    with show_progress("rehearse", "sign-ins") as shown:

        def report(so_far: "Result") -> None:
            nonlocal result
            result = so_far
            shown.update(so_far.ended, max(plan.sign_ins, so_far.ended), note=f"{so_far.in_time:,} answered in time")

        try:
            work = rehearse(database, caller, plan, mix, say=print_progress, progress=report, on_wait=print_wait)
            return await until_stopped(work), DONE
        except CannotRehearse as fault:
            raise CommandFailed(str(fault)) from None
        except Stopped as stopped:
            result.sign_ins = result.ended
            return result, stopped.code


def _document(plan: "Plan", result: "Result", cost: "Cost | None") -> dict[str, Any]:
    """Return the result as JSON values."""
    cores = cost.cores(plan.rate) if cost else None
    return {
        "rate": plan.rate,
        "seconds": plan.seconds,
        "sign_ins": result.sign_ins,
        "calls": result.calls,
        "in_time": result.in_time,
        "refused": result.refused,
        "late": result.late,
        "wrong_verdicts": result.wrong_verdicts,
        "statuses": {str(status): number for status, number in sorted(result.statuses.items())},
        "p50_seconds": _rounded(result.percentile(0.50)),
        "p95_seconds": _rounded(result.percentile(0.95)),
        "p99_seconds": _rounded(result.percentile(0.99)),
        "behind_seconds": _rounded(result.behind),
        "core_seconds": round(cost.core_seconds, 6) if cost else None,
        "measured_share": round(cost.share, 4) if cost else None,
        "busy_cores": _rounded(cores),
        "cores_needed": math.ceil(cores / USABLE) if cores is not None else None,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def report_lines(found: dict[str, Any]) -> "list[str]":
    """Yield the result as lines of text."""
    total = found["sign_ins"]
    lines = [
        f"{plural(total, 'sign-in')} in {plural(found['calls'], 'call')} at {found['rate']:g}/s",
        *(_count(found[name], total, words) for name, words in COUNTS.items()),
    ]
    if found["p50_seconds"] is not None:
        spread = ", ".join(f"p{p} {found[f'p{p}_seconds']:.3f} s" for p in (50, 95, 99))
        lines.append(f"verdicts: {spread}; Okta waits 3 s")
    lines += [f"answers without a verdict: {_statuses(found['statuses'])}"] if found["statuses"] else []
    lines += _cores(found)
    if found["behind_seconds"] > BEHIND:
        lines.append(
            f"warning: calls were sent up to {found['behind_seconds']:.1f} s late, because this machine was busy: "
            "run the rehearsal on another machine than the service"
        )
    return lines


COUNTS = {
    "in_time": "answered in time",
    "refused": "rejected at once (429)",
    "late": "without an answer, also to the retry",
    "wrong_verdicts": "answered incorrectly",
}


def _count(number: int, total: int, words: str) -> str:
    return f"  {number:>9,}  {100 * number / max(total, 1):5.1f} %  {words}"


def _statuses(statuses: dict[str, int]) -> str:
    return ", ".join(f"{number:,} times {status}" for status, number in statuses.items())


def _cores(found: dict[str, Any]) -> list[str]:
    if found["busy_cores"] is None:
        return ["the number of cores is unknown: no loaded hash can be checked here; set the peppers that they need"]
    busy, each = f"{found['busy_cores']:.2f}", f"{1000 * found['core_seconds']:.1f} ms"
    lines = [f"cores: {found['rate']:g}/s occupy {busy} cores of this kind ({each} each): plan {found['cores_needed']}"]
    if found["measured_share"] < 1:
        lines.append(
            f"  measured for {100 * found['measured_share']:.1f} % of the hashes; the others count as their mean"
        )
    return lines
