"""The page of the org (users, hooks, switches and the System Log), and the page of its HTTP exchanges."""

from dataclasses import fields
from html import escape

from aiohttp import web

from simulator.ids import okta_time
from simulator.keys import ORG
from simulator.org import Org
from simulator.pages.layout import page, table
from simulator.switches import Switches

SHOWN = 50
"""Number of users, events and exchanges on a page."""


async def show(request: web.Request) -> web.Response:
    """Show the org."""
    org = request.app[ORG]
    return page("Org", _users(org) + _hooks(org) + _switches(org) + _log(org), current="/org")


async def switch(request: web.Request) -> web.Response:
    """Set the switches from the form, and deliver waiting events if requested."""
    org = request.app[ORG]
    form = await request.post()
    for switch in fields(Switches):
        if isinstance(switch.default, bool):
            setattr(org.switches, switch.name, switch.name in form)
        else:
            setattr(org.switches, switch.name, _number(str(form.get(switch.name, ""))))
    org.hold_deliveries = "hold" in form
    if "flush" in form:
        await org.flush_events()
    raise web.HTTPSeeOther("/org")


async def verify(request: web.Request) -> web.Response:
    """Verify every event hook."""
    org = request.app[ORG]
    for hook in list(org.event_hooks.values()):
        await org.verify_event_hook(hook)
    raise web.HTTPSeeOther("/org")


async def rotate(request: web.Request) -> web.Response:
    """Sign tokens with a new key from now on; the old ones stay published."""
    request.app[ORG].authorization_server.rotate()
    raise web.HTTPSeeOther("/org")


async def wire(request: web.Request) -> web.Response:
    """Show the latest exchanges, the newest first."""
    exchanges = list(request.app[ORG].transcript)[-SHOWN:]
    content = "".join(
        f"<h2>{okta_time(exchange.at)} {escape(exchange.kind)}</h2><pre>{escape(str(exchange))}</pre>"
        for exchange in reversed(exchanges)
    )
    return page("Wire", content or "<p>No exchanges yet.</p>", current="/wire")


def _users(org: Org) -> str:
    rows = [(user.login, user.id, user.status, user.provider) for user in list(org.users)[:SHOWN]]
    return "<h2>Users</h2>" + table(f"{len(org.users)} users", ("Login", "Id", "Status", "Provider"), rows)


def _hooks(org: Org) -> str:
    inline = [(hook.name, hook.channel.uri, _state(active=hook.active)) for hook in org.inline_hooks.values()]
    events = [
        (hook.name, hook.channel.uri, _state(active=hook.active) + (", VERIFIED" if hook.verified else ", UNVERIFIED"))
        for hook in org.event_hooks.values()
    ]
    form = (
        '<form method="post" action="/org/verify"><button type="submit">Verify event hooks</button></form>'
        '<form method="post" action="/org/rotate"><button type="submit">Rotate the OAuth keys</button></form>'
    )
    return "<h2>Hooks</h2>" + table("Hooks", ("Name", "URL", "State"), inline + events) + form


def _state(*, active: bool) -> str:
    return "ACTIVE" if active else "INACTIVE"


def _switches(org: Org) -> str:
    inputs = [_switch(switch.name, getattr(org.switches, switch.name)) for switch in fields(Switches)]
    inputs.append(_switch("hold", org.hold_deliveries))
    waiting = f"<p>{org.deliveries.waiting} events wait for delivery.</p>"
    flush = '<p><button name="flush" value="1" type="submit">Set, and deliver all events now</button></p>'
    return (
        f'<h2>Switches</h2>{waiting}<form class="fields" method="post" action="/org">{"".join(inputs)}'
        f'<button type="submit">Set</button>{flush}</form>'
    )


def _switch(name: str, value: bool | float) -> str:  # noqa: FBT001 - the value of the switch
    label = escape(name.replace("_", " "))
    if isinstance(value, bool):
        checked = " checked" if value else ""
        return f'<label><input type="checkbox" name="{name}"{checked}> {label}</label>'
    number = f'<input id="{name}" name="{name}" type="number" min="0" step="any" value="{value}">'
    return f'<label for="{name}">{label}</label>{number}'


def _log(org: Org) -> str:
    rows = [
        (
            record.event["published"],
            record.type,
            record.event["outcome"]["result"],
            record.event["actor"]["alternateId"],
        )
        for record in reversed(org.log.records[-SHOWN:])
    ]
    return "<h2>System Log</h2>" + table("The latest events", ("Published", "Event", "Outcome", "Actor"), rows)


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
