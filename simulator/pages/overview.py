"""The page of the org (users, hooks, switches and the System Log), and the page of its HTTP exchanges."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from html import escape

from aiohttp import web

from simulator.ids import okta_time
from simulator.keys import ORG
from simulator.org import Org
from simulator.pages.layout import card, page, search_form, shown_of, table, text_field
from simulator.switches import Switches
from simulator.transcript import Exchange

SHOWN = 50
"""Number of users, events and exchanges on a page."""


async def show(request: web.Request) -> web.Response:
    """Show the org; `q` searches its users and its System Log."""
    org, query = request.app[ORG], request.query.get("q", "").strip()
    form = search_form("/org", text_field("q", "Search users and events", query, kind="search"))
    content = card("Search", form) + _users(org, query) + _log(org, query) + _hooks(org) + _switches(org)
    return page("Org", content, current="/org")


async def switch(request: web.Request) -> web.Response:
    """Set the switches from the form, and deliver waiting events if requested."""
    org = request.app[ORG]
    form = await request.post()
    for switch in fields(Switches):
        if isinstance(switch.default, bool):
            setattr(org.switches, switch.name, switch.name in form)
        else:
            most = 1.0 if SWITCHES[switch.name].unit == CHANCE else math.inf
            setattr(org.switches, switch.name, min(most, _number(str(form.get(switch.name, "")))))
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
    """Show the latest exchanges, the newest first; optionally by kind, by text, and only failed ones."""
    transcript = request.app[ORG].transcript
    kind, text, failed = request.query.get("kind", ""), request.query.get("text", "").strip(), "failed" in request.query
    kept = list(transcript)
    found = [
        exchange
        for exchange in kept
        if kind in {"", exchange.kind}
        and (not failed or exchange.status is None or exchange.status >= web.HTTPBadRequest.status_code)
        and text.casefold() in f"{exchange.kind} {exchange}".casefold()
    ]
    newest = found[::-1][:SHOWN]
    caption = shown_of(len(newest), len(found), "exchanges")
    if len(found) < len(kept):
        caption += f" found, of {len(kept):,}"
    if transcript.total > len(kept):
        caption += f"; the {transcript.total - len(kept):,} before them are no longer kept"
    rows = "".join(map(_exchange, newest)) or "<p>No exchange matches.</p>"
    content = card("Filter", _filter({exchange.kind for exchange in kept}, kind, text, failed=failed))
    return page("Wire", content + card(caption, rows), current="/wire")


def _filter(kinds: Iterable[str], chosen: str, text: str, *, failed: bool) -> str:
    options = "".join(
        f'<option value="{escape(kind)}"{" selected" if kind == chosen else ""}>{escape(kind)}</option>'
        for kind in sorted({*kinds, chosen} - {""})
    )
    controls = (
        '<div><label for="kind">Kind</label><select id="kind" name="kind"><option value="">all</option>'
        f"{options}</select></div>" + text_field("text", "Text in URL, headers or bodies", text, kind="search")
    )
    checked = " checked" if failed else ""
    controls += f'<label class="switch"><input type="checkbox" name="failed"{checked}>only failed ones</label>'
    return search_form("/wire", controls)


def _exchange(exchange: Exchange) -> str:
    outcome = exchange.status if exchange.status is not None else f"no answer: {exchange.fault}"
    is_bad = exchange.status is None or exchange.status >= web.HTTPBadRequest.status_code
    return (
        f"<details><summary>{okta_time(exchange.at)} {escape(exchange.kind)} {escape(exchange.method)} "
        f'{escape(exchange.url)} <strong class="{"bad" if is_bad else "good"}">{escape(str(outcome))}</strong> '
        f"{exchange.seconds * 1000:.0f} ms</summary><pre>{escape(str(exchange))}</pre></details>"
    )


def _users(org: Org, query: str) -> str:
    wanted = query.casefold()
    found = [user for user in org.users if wanted in f"{user.login} {user.id} {user.status} {user.provider}".casefold()]
    rows = [(user.login, user.id, user.status, user.provider) for user in found[:SHOWN]]
    caption = shown_of(len(rows), len(found), "users")
    if query:
        caption += f" matching “{query}”, of {len(org.users):,}"
    return card("Users", table(caption, ("Login", "Id", "Status", "Provider"), rows))


def _hooks(org: Org) -> str:
    inline = [(hook.name, hook.channel.uri, _state(active=hook.active)) for hook in org.inline_hooks.values()]
    events = [
        (hook.name, hook.channel.uri, _state(active=hook.active) + (", VERIFIED" if hook.verified else ", UNVERIFIED"))
        for hook in org.event_hooks.values()
    ]
    rows = inline + events
    form = (
        '<div class="buttons"><form method="post" action="/org/verify">'
        '<button type="submit">Verify event hooks</button></form>'
        '<form method="post" action="/org/rotate"><button type="submit">Rotate the OAuth keys</button></form></div>'
    )
    return card("Hooks", table(shown_of(len(rows), len(rows), "hooks"), ("Name", "URL", "State"), rows) + form)


def _state(*, active: bool) -> str:
    return "ACTIVE" if active else "INACTIVE"


@dataclass(frozen=True)
class _Shown:
    """The group, label and unit of a switch."""

    group: str
    label: str
    unit: str = ""


CHANCE, SECONDS = "chance, 0 to 1", "seconds"
SIGN_INS, EVENTS, API = "Sign-ins", "Events", "Management API and System Log"
SWITCHES = {
    "read_only": _Shown(SIGN_INS, "Read-only mode: neither passwords nor changes are stored"),
    "report_unverified": _Shown(SIGN_INS, "UNVERIFIED causes a FAILURE event"),
    "fresh_event_id_on_retry": _Shown(SIGN_INS, "The retry of an inline call has another eventId"),
    "short_name_first": _Shown(SIGN_INS, "A name without @ is looked up as a short name first"),
    "hold": _Shown(EVENTS, "Hold deliveries until they are requested"),
    "drop": _Shown(EVENTS, "Events that are never delivered", CHANCE),
    "duplicate": _Shown(EVENTS, "Events and deliveries that are sent twice", CHANCE),
    "reorder": _Shown(EVENTS, "Batches that arrive newest first, in two parts", CHANCE),
    "late": _Shown(EVENTS, "Events that arrive late", CHANCE),
    "late_by": _Shown(EVENTS, "Delay of late events", SECONDS),
    "omit_nulls": _Shown(EVENTS, "Deliveries without null members", CHANCE),
    "foreign_events": _Shown(EVENTS, "Include events of other types"),
    "warm_up": _Shown(EVENTS, "No events after a verification for", SECONDS),
    "lost_answers": _Shown(API, "Calls that succeed but whose answer is lost", CHANCE),
    "api_errors": _Shown(API, "Calls that fail with 500 and have no effect", CHANCE),
    "latency": _Shown(API, "Delay of every call", SECONDS),
    "search_lag": _Shown(API, "Delay until search finds a change", SECONDS),
    "log_delay": _Shown(API, "Delay of events in the System Log", SECONDS),
}
"""Label and unit of each switch, in the order of the form."""


def _switches(org: Org) -> str:
    values = {switch.name: getattr(org.switches, switch.name) for switch in fields(Switches)}
    values["hold"] = org.hold_deliveries
    sets = "".join(
        f"<fieldset><legend>{group}</legend>"
        + "".join(_switch(name, values[name]) for name, shown in SWITCHES.items() if shown.group == group)
        + "</fieldset>"
        for group in (SIGN_INS, EVENTS, API)
    )
    waiting = f'<p class="mute">{org.deliveries.waiting:,} events wait for delivery.</p>'
    buttons = (
        '<div class="buttons"><button type="submit">Set</button>'
        '<button name="flush" value="1" type="submit">Set, and deliver all events now</button></div>'
    )
    return card("Switches", f'{waiting}<form method="post" action="/org">{sets}{buttons}</form>')


def _switch(name: str, value: bool | float) -> str:  # noqa: FBT001 - the value of the switch
    shown = SWITCHES[name]
    if isinstance(value, bool):
        checked = " checked" if value else ""
        box = f'<input type="checkbox" name="{name}"{checked}>'
        return f'<label class="switch">{box}{escape(shown.label)}</label>'
    most = ' max="1"' if shown.unit == CHANCE else ""
    number = f'<input id="{name}" name="{name}" type="number" min="0"{most} step="any" value="{value:g}">'
    return (
        f'<div><label for="{name}">{escape(shown.label)}</label>'
        f'<span class="unit">{number}<span class="hint">{shown.unit}</span></span></div>'
    )


def _log(org: Org, query: str) -> str:
    wanted, found = query.casefold(), []
    for record in reversed(org.log.records):
        event = record.event
        row = (event["published"], record.type, event["outcome"]["result"], event["actor"]["alternateId"])
        if wanted in " ".join(map(str, row)).casefold():
            found.append(row)
    caption = shown_of(len(found[:SHOWN]), len(found), "events") + ", the latest first"
    if query:
        caption += f" matching “{query}”, of {len(org.log.records):,}"
    return card("System Log", table(caption, ("Published", "Event", "Outcome", "Actor"), found[:SHOWN]))


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
