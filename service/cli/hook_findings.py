"""What is wrong with the hooks, said to people and to scripts, and what follows from it. Finds nothing itself."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from service.cli.failures import DONE, FAILED, CommandFailed
from service.cli.okta import print_progress
from service.cli.wanted_hooks import base_url_of, desired_hooks

if TYPE_CHECKING:
    from service.accounts.database import Database
    from service.okta_client import OktaOrg
    from service.policies.hook_faults import Finding
    from service.settings import Settings


def say(findings: "Sequence[Finding]", *, as_json: bool) -> int:
    """Print what is wrong; 1 where people could not sign in."""
    if as_json:
        typer.echo(json.dumps([_shown(each) for each in findings]))
    else:
        for each in findings:
            typer.echo(_line(each))
        if not findings:
            typer.echo("the hooks are as they should be")
    return FAILED if _is_broken(findings) else DONE


async def refuse_without_hooks(
    settings: "Settings", database: "Database", org: "OktaOrg", base_url: str | None
) -> None:
    """Check the hooks first: people who are created before they work could not sign in. Raises `CommandFailed`."""
    from service.actions.check_hooks import HookCheck
    from service.okta_client.probing import open_probe

    address = await base_url_of(database, base_url)
    desired = desired_hooks(settings, address, registration=False)
    async with open_probe() as probe:
        findings = await HookCheck(org, probe, desired).run()
    for finding in findings:
        print_progress(_line(finding))
    if _is_broken(findings):
        raise CommandFailed("the hooks are not ready: nobody was created, because they could not sign in")


def _is_broken(findings: "Sequence[Finding]") -> bool:
    return any(not each.fault.is_warning for each in findings)


def _line(finding: "Finding") -> str:
    return f"{'warning: ' if finding.fault.is_warning else ''}{finding}"


def _shown(finding: "Finding") -> dict[str, Any]:
    return {
        "fault": finding.fault.value,
        "hook": finding.kind.label if finding.kind else None,
        "detail": finding.detail,
        "remedy": finding.fault.remedy,
        "warning": finding.fault.is_warning,
    }
