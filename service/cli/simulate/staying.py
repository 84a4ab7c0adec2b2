"""`simulate --stay`: the stage without a story, for trying by hand. Prints where everything is and how to stop."""

import asyncio
import signal

from rich.console import Console

from service.cli.simulate.stage import Stage, set_stage
from service.settings import Settings

SIMULATOR_AFTER = 2
"""The simulated org listens this many ports after the service: the admin port lies between."""


async def stay_on_stage(settings: Settings) -> None:
    """Serve on the ports of the settings until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    ports = settings.port, settings.admin_port, settings.port + SIMULATOR_AFTER
    async with set_stage(settings, ports=ports) as stage:
        _print_help(stage, Console())
        await stop.wait()


def _print_help(stage: Stage, console: Console) -> None:
    body = '{"data":{"context":{"credential":{"username":"jessie.smith@example.com","password":"password1"}}}}'
    console.print(
        f"""
[bold]Everything runs; nothing is kept.[/] Ctrl-C stops it.

  sign in by hand   {stage.org_url}        (jessie.smith@example.com / password1, kim.sato / password2, …)
  the org           {stage.org_url}/org    (users, System Log, switches such as read-only mode)
  the service       {stage.service_url}
  for operators     {stage.admin_url}/status.json  and  /metrics

The secret below was made at random for this run. Ask as Okta does:
""",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"curl -i {stage.service_url}/okta/password-import -H 'Content-Type: application/json' \\\n"
        f"  -H 'Authorization: {stage.authorization}' \\\n  -d '{body}'\n",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
