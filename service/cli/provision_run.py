"""What `provision` does, step by step: hooks, lease, corrections, group, users, report. Knows no option's spelling."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.hook_findings import refuse_without_hooks
from service.cli.okta import print_progress
from service.cli.provision_report import progress
from service.cli.refused_accounts import take_corrections, write_refused
from service.immutable import immutable

if TYPE_CHECKING:
    from service.accounts.database import Database
    from service.accounts.provisioning import Choice
    from service.accounts.sealing import HashKeys
    from service.actions.plan_requests import Plan
    from service.actions.provision_users import Totals
    from service.okta_client import OktaOrg
    from service.settings import ForgetWhen, Settings


@immutable
class Options:
    """What was asked for besides the choice of accounts."""

    dry_run: bool
    group: str | None
    attributes: list[str] | None
    direct: bool
    share: float
    concurrency: int
    limit: int | None
    report: Path
    corrected: Path | None
    base_url: str | None


async def run_provision(settings: "Settings", choice: "Choice", options: Options) -> "tuple[Totals, int]":
    """Create the accounts, or foresee it; give the totals, and how many accounts the report lists."""
    from service.actions.provision_users import Provisioning
    from service.app import open_database
    from service.credentials import hash_keys
    from service.okta_client import open_org, org_settings

    chosen, keys = org_settings(settings), hash_keys(settings)
    async with (
        open_database(settings) as database,
        open_org(
            chosen,
            share=options.share,
            concurrent=options.concurrency,
            wait_out_read_only=True,
            progress=print_progress,
        ) as org,
    ):
        if options.dry_run:
            plan = _plan(choice, options, (), keys)
            return await Provisioning(database, org, plan, settings.forget_when).dry_run(), 0
        await refuse_without_hooks(settings, database, org, options.base_url)
        return await _create(database, org, choice, options, keys, settings.forget_when)


async def _create(
    database: "Database",
    org: "OktaOrg",
    choice: "Choice",
    options: Options,
    keys: "HashKeys",
    forget_when: "ForgetWhen",
) -> "tuple[Totals, int]":
    from service.actions.hold_lease import LIFE, PROVISION, hold_lease
    from service.actions.provision_users import Provisioning

    async with hold_lease(database, PROVISION, wait=LIFE.total_seconds() + 1) as fenced:
        await take_corrections(fenced, options.corrected, forget_when, keys)
        plan = _plan(choice, options, await _groups(org, options.group), keys)
        with progress() as report:
            totals = await Provisioning(fenced, org, plan, forget_when, report).run()
        return totals, await write_refused(fenced, options.report)


def _plan(choice: "Choice", options: Options, groups: Sequence[str], keys: "HashKeys") -> "Plan":
    from service.actions.direct_import import direct_import
    from service.actions.open_hashes import HashOpener
    from service.actions.plan_requests import Plan

    native = direct_import(HashOpener(os.environ, keys)) if options.direct else None
    return Plan(choice, groups, options.attributes, native, options.limit)


async def _groups(org: "OktaOrg", name: str | None) -> Sequence[str]:
    if name is None:
        return ()
    return [await org.ensure_group(f"{name} {datetime.now(UTC):%Y-%m-%d}")]
