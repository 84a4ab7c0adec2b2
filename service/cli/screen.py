"""The command `screen`: tries a registration against the policy and explains the decision."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.errors import WRONG_USAGE, CommandFailed
from service.cli.okta_options import run

if TYPE_CHECKING:
    from service.okta.registration import ScreeningRequest
    from service.registration.policy import Policy
    from service.registration.queries import LegacyProfile, StoreLookup
    from service.registration.screen import Screening
    from service.settings import Settings

# The output of `screen`: the rules, the decision and the answer.


def summary(request: "ScreeningRequest", screening: "Screening") -> dict[str, Any]:
    """Return the screening as JSON values."""
    return {
        "kind": request.kind,
        "decision": screening.decided,
        "rules": [
            {"rule": step.rule, "outcome": step.outcome, "reasons": step.reasons} for step in screening.judgement.steps
        ],
        "status": 200 if screening.answer else 204,
        "answer": json.loads(screening.answer) if screening.answer else None,
    }


def report_lines(request: "ScreeningRequest", screening: "Screening") -> Iterator[str]:
    """Yield the screening in lines, rule by rule."""
    engine = f" ({request.engine} engine)" if request.kind == "registration" else ""
    yield f"A request of the kind {request.kind}{engine}, with {', '.join(request.profile) or 'no attribute'}."
    for step in screening.judgement.steps:
        yield f"  {step.outcome.replace('_', ' '):12}  {step.rule}"
        yield from (f"  {'':12}    {reason}" for reason in step.reasons)
    yield f"The decision: {screening.decided}."
    if screening.answer is None:
        yield "The answer: 204, without content."
    else:
        yield "The answer: 200\n" + json.dumps(json.loads(screening.answer), indent=2)


def screen(
    request: Annotated[
        typer.FileBinaryRead,
        typer.Argument(metavar="REQUEST.json", help="A file with the request that Okta sends; - is standard input."),
    ],
    policy: Annotated[
        str | None, typer.Option(metavar="FILE|MODULE:FUNCTION", help="The policy, instead of REGISTRATION_POLICY.")
    ] = None,
    legacy: Annotated[
        Path | None,
        typer.Option(
            metavar="PROFILE.json",
            exists=True,
            dir_okay=False,
            help="Assume a known person with this profile (a JSON object); query no database.",
        ),
    ] = None,
    stranger: Annotated[bool, typer.Option("--stranger", help="Assume an unknown person; query no database.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Try a registration request against the policy, and explain the decision rule by rule.

    Nothing is sent and nothing is recorded. The legacy store is queried only if the policy needs it.

    Exit codes: 0 a decision was made; 1 the request is not one of Okta's, or the policy failed; 2 the policy has
    faults, each listed with its line.
    """
    if legacy is not None and stranger:
        raise typer.BadParameter("--legacy and --stranger contradict each other")
    known = [_profile(legacy)] if legacy is not None else [] if stranger else None
    call = _read_request(request)
    screening = run(_screen(call, policy, known))
    typer.echo(json.dumps(summary(call, screening), indent=2) if as_json else "\n".join(report_lines(call, screening)))


def _read_request(file: typer.FileBinaryRead) -> "ScreeningRequest":
    from service.okta.parsing import MalformedCall
    from service.okta.registration import parse_request

    try:
        return parse_request(file.read())
    except MalformedCall as error:
        raise CommandFailed(f"{file.name}: the service would answer 400: {error.message}") from None


def _profile(path: Path) -> "LegacyProfile":
    from service.registration.queries import LegacyProfile

    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{path} must contain a JSON object", param_hint="--legacy")
    return LegacyProfile(str(value.get("login", "")), value)


async def _screen(
    request: "ScreeningRequest", policy: str | None, known: "Sequence[LegacyProfile] | None"
) -> "Screening":
    from service.registration.code_policy import PolicyFailed
    from service.registration.screen import RegistrationScreener
    from service.settings import load_settings
    from service.telemetry import Telemetry, configure_logging

    settings = load_settings()
    configure_logging("error")
    loaded = _load_policy(policy or settings.registration_policy)
    screener = RegistrationScreener(loaded, _Lookup(settings, known), Telemetry())
    # A database may have to be started first; policy code gets as much time as in the service.
    within = settings.request_timeout if loaded.code is not None else None
    try:
        async with asyncio.timeout(within):
            return await screener.screen(request)
    except PolicyFailed as failed:
        raise CommandFailed(f"the policy failed: {failed}; the service would answer 503") from None
    except TimeoutError:
        raise CommandFailed(f"no decision within {within} s: the service would answer 503") from None


def _load_policy(named: str | None) -> "Policy":
    from service.registration.parse import load_policy
    from service.registration.toml_document import FaultyPolicy

    if not named:
        raise CommandFailed("there is no policy: set REGISTRATION_POLICY, or give --policy", WRONG_USAGE)
    try:
        return load_policy(named)
    except FaultyPolicy as error:
        raise CommandFailed(f"the policy has faults:\n{error}", WRONG_USAGE) from None


class _Lookup:
    """Returns the profile given by the option, otherwise queries the store; the database is opened only when needed."""

    def __init__(self, settings: "Settings", known: "Sequence[LegacyProfile] | None") -> None:
        self._settings = settings
        self._known = known

    async def by_names(self, names: Sequence[str]) -> "Sequence[LegacyProfile]":
        """Find the accounts with one of these names."""
        if self._known is not None:
            return self._known
        async with self._store() as store:
            return await store.by_names(names)

    async def by_attribute(self, attribute: str, value: str) -> "Sequence[LegacyProfile]":
        """Find the accounts whose declared attribute has this value."""
        if self._known is not None:
            return [each for each in self._known if str(each.profile.get(attribute)) == value]
        async with self._store() as store:
            return await store.by_attribute(attribute, value)

    @contextlib.asynccontextmanager
    async def _store(self) -> "AsyncIterator[StoreLookup]":
        from service.app import open_database
        from service.registration.queries import StoreLookup

        async with open_database(self._settings) as database:
            yield StoreLookup(database)
