"""The report of the accounts that Okta refuses: written, and taken up again once corrected. Knows no Okta."""

from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.failures import WRONG_USAGE, CommandFailed
from service.cli.okta import print_progress

if TYPE_CHECKING:
    from service.accounts.database import Database
    from service.accounts.sealing import HashKeys
    from service.settings import ForgetWhen


async def take_corrections(
    database: "Database", corrected: Path | None, forget_when: "ForgetWhen", keys: "HashKeys"
) -> None:
    """Take up a corrected report, where one is given. Raises `CommandFailed` where it can't be read."""
    from service.actions.correct_accounts import BadReport, correct_accounts, read_report

    if corrected is None:
        return
    try:
        with corrected.open(encoding="utf-8-sig", newline="") as file:
            rows = read_report(file)
    except (BadReport, UnicodeDecodeError) as error:
        fault = str(error) if isinstance(error, BadReport) else "is not UTF-8"
        raise CommandFailed(f"--corrected {corrected}: {fault}", WRONG_USAGE) from None
    done = await correct_accounts(database, rows, forget_when=forget_when, keys=keys)
    print_progress(f"{done.corrected:,} accounts corrected")
    for refused in done.refused:
        print_progress(f"{corrected}, {refused}")


async def write_refused(database: "Database", path: Path) -> int:
    """List what Okta refused; give the number. A report of before stays where there is nothing to list."""
    from service.actions.correct_accounts import write_report

    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8", newline="") as file:
        refused = await write_report(database, file)
    if refused:
        beside.replace(path)
    else:
        beside.unlink()
    return refused
