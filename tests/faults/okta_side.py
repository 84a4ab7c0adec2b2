"""The command that reads an org's System Log, run as an operator does."""

import asyncio
import json
import os
import sys

from service.store.migrations import ROOT
from simulator import Org


async def reconciled(org: Org, url: str, *arguments: str) -> dict[str, dict[str, dict[str, int]]]:
    """Run `reconcile`; return its totals."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "reconcile", "--json", *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"DATABASE_URL": url, "OKTA_CLIENT_ORGURL": org.url, "OKTA_CLIENT_TOKEN": org.api_token},
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    progress: dict[str, dict[str, dict[str, int]]] = json.loads(out)
    return progress
