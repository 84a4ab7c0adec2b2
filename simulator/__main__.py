"""`python -m simulator`: serves an org until it is stopped. Options are in `arguments`."""

import asyncio
import signal
import sys

from simulator.arguments import make_org, make_parser
from simulator.clients import AUDIENCE
from simulator.hook_oauth import HOOK_SCOPE, use_oauth
from simulator.org import Org
from simulator.serving import serve

VERIFY_EVERY = 2.0
"""Seconds between attempts to verify the event hook, for a service that starts later than the org."""


def main() -> int:
    """Run the program; return 0 when it is stopped, 2 for unusable options."""
    parser = make_parser()
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    try:
        org = make_org(options)
    except KeyError as missing:
        parser.error(f"the environment variable {missing} is not set")
    except OSError as fault:
        parser.error(str(fault))
    if not port.isdecimal():
        parser.error(f"--listen is not HOST:PORT: {options.listen}")
    try:
        asyncio.run(run(org, host.strip("[]") or "127.0.0.1", int(port), options.url, oauth=options.hook_oauth))
    except OSError as fault:
        parser.error(str(fault))
    return 0


async def run(org: Org, host: str, port: int, own_url: str | None, *, oauth: bool) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(org, host, port, own_url) as url:
        announce(org, url)
        if oauth:
            announce_oauth(org)
        verifying = asyncio.create_task(verify_hooks(org))
        await stop.wait()
        verifying.cancel()
        await asyncio.gather(verifying, return_exceptions=True)


async def verify_hooks(org: Org) -> None:
    """Verify each event hook, retrying until the service answers."""
    for hook in list(org.event_hooks.values()):
        announced = False
        while not await org.verify_event_hook(hook):
            if not announced:
                print(f"waiting for {hook.channel.uri} to answer the challenge", file=sys.stderr)  # noqa: T201
            announced = True
            await asyncio.sleep(VERIFY_EVERY)
        print(f"event hook verified: {hook.channel.uri}", file=sys.stderr)  # noqa: T201


def announce(org: Org, url: str) -> None:
    """Print the org's addresses."""
    lines = [f"sign-in page        {url}/", f"registration        {url}/register", f"users, log, faults  {url}/org"]
    lines += [f"{hook.type}: {hook.channel.uri}" for hook in org.inline_hooks.values()]
    lines.append(f"management API      {url}/api/v1/ with the token: {org.api_token}")
    print("\n".join([*lines, "stop with Ctrl-C"]), flush=True)  # noqa: T201


def announce_oauth(org: Org) -> None:
    """Switch the inline hooks to OAuth, and print the settings that the service needs."""
    client = use_oauth(org)
    settings = {"ISSUER": org.issuer, "AUDIENCE": AUDIENCE, "CLIENT_ID": client.id, "SCOPE": HOOK_SCOPE}
    print("\n".join(f"OAUTH_{name}={value}" for name, value in settings.items()), flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
