"""The HTML of the status page. Everything that is not a literal here is escaped by `Markup.format`.

The page fetches nothing and has no script: its style is inline, and the Content-Security-Policy contains its digest.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from service.administration.counting import days_of
from service.administration.status import pace
from service.store.accounts import State
from service.store.figures import LATEST, STALE_AFTER, ReplicaFigures, StoredFigures
from service.web.status_page.charts import progress_chart, times_chart, track
from service.web.status_page.recorder import quantile, times_of
from service.web.status_page.view import SLOW, Away, Level, View, ago, of_kind

REFRESH = 15
"""Seconds until a browser reloads the page."""
LISTED = 8
"""Maximum rows of a list; the number of omitted rows is shown below it."""
ACCOUNT_PATH = "/account"
MILLISECOND = 0.001
MINUTES = 120
"""Seconds from which a time is shown in minutes."""

# Colours have a contrast of at least 4.5:1 against their background in both schemes (WCAG 2.2, 1.4.3).
STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#16202c;--mute:#56636f;--line:#e3e7ec;--edge:#8793a0;
--main:#2563eb;--soft:#a9c3f7;--ok:#15803d;--warn:#a84a05;--bad:#b91c1c;--rest:#5d6b7a;--bad-bg:#fdf0f0;--warn-bg:#fdf6ec}
@media (prefers-color-scheme:dark){:root{--bg:#0f141a;--card:#171e26;--ink:#e8edf3;--mute:#9aa8b7;--line:#27313c;
--edge:#5b6a79;--main:#6ea0ff;--soft:#34527f;--ok:#4ade80;--warn:#fbbf24;--bad:#f98080;--rest:#8593a2;--bad-bg:#2b171a;
--warn-bg:#2a2114}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
font-variant-numeric:tabular-nums}
main{max-width:1080px;margin:0 auto;padding:20px 16px 48px}
header{display:flex;flex-wrap:wrap;gap:6px 14px;align-items:baseline;margin-bottom:14px}
h1{font-size:20px;margin:0;overflow-wrap:anywhere}h2{font-size:13px;font-weight:600;margin:0 0 8px;color:var(--mute)}
header .mute{margin-left:auto}.mute{color:var(--mute)}a{color:var(--main)}
.grid2{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;min-width:0}
section{margin-bottom:14px}.big{font-size:34px;font-weight:650;line-height:1.1}
.pill{display:inline-block;padding:1px 9px;border-radius:99px;font-size:13px;font-weight:600;
border:1px solid currentColor}
.ok{color:var(--ok)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.notices{list-style:none;margin:0;padding:0}.notices li{padding:7px 12px;border-left:4px solid;border-radius:4px;
margin-bottom:6px;overflow-wrap:anywhere}.notices li:last-child{margin-bottom:0}.notices b{font-weight:600}
.notices .bad{background:var(--bad-bg)}.notices .warn{background:var(--warn-bg)}.notices span{color:var(--ink)}
.track{display:block;width:100%;height:14px;border-radius:7px;background:var(--line);margin:10px 0 8px}
.fill-migrated,.dot.migrated{fill:var(--main);background:var(--main)}
.fill-verified,.dot.verified{fill:var(--warn);background:var(--warn)}
.fill-retired,.dot.retired{fill:var(--rest);background:var(--rest)}
.dot.waiting{background:var(--line);outline:1px solid var(--edge)}
.dot.unarmed{background:none;outline:1px solid var(--edge)}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:14px}.legend b{font-weight:600}
.dot{display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:6px}
.scroll{overflow-x:auto}table{width:100%;border-collapse:collapse;font-size:14px}
td,th{padding:5px 12px 5px 0;border-top:1px solid var(--line);text-align:left;font-weight:400;vertical-align:top;
overflow-wrap:anywhere}tr:first-child>*{border-top:0}thead+tbody tr:first-child>*{border-top:1px solid var(--line)}
td:last-child,th:last-child{padding-right:0}.facts td{text-align:right;min-width:5em}.facts th{min-width:40%}
.scroll td,.scroll th{overflow-wrap:normal;white-space:nowrap}
.scroll td.wrap{white-space:normal;min-width:150px;overflow-wrap:anywhere}
thead th{color:var(--mute);white-space:nowrap}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:10px 14px}
.tile b{display:block;font-size:22px;font-weight:650;line-height:1.3}.tile span{color:var(--mute);font-size:13px}
.more{margin:8px 0 0;font-size:13px;color:var(--mute)}code{font-size:.93em}
.notices code{white-space:nowrap}.target{stroke:var(--edge);stroke-dasharray:1 3}
h2.more{margin:14px 0 4px;color:var(--mute)}
svg{width:100%;height:auto;display:block}.narrow{display:none}.grid{stroke:var(--line)}
.tick{font-size:11px;fill:var(--mute)}
.bar{fill:var(--soft)}.over{fill:var(--bad)}.line{fill:none;stroke:var(--main);stroke-width:2.5;stroke-linejoin:round}
.forecast{fill:none;stroke:var(--main);stroke-width:2;stroke-dasharray:4 4}
.limit{stroke:var(--bad);stroke-dasharray:3 3}
form{display:flex;flex-wrap:wrap;gap:10px;align-items:end}label{display:block;flex:1 1 260px}
input,button{font:inherit;padding:8px 10px;min-height:44px;border:1px solid var(--edge);border-radius:6px}
input{display:block;width:100%;background:var(--bg);color:var(--ink)}
button{background:var(--main);border-color:var(--main);color:var(--card);font-weight:600}
@media (max-width:640px){.wide{display:none}.narrow{display:block}header .mute{margin-left:0}.big{font-size:28px}}
"""
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Content-Security-Policy. No scripts, and nothing is fetched."""

FRAME = Markup(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">{head}'
    '<meta name="robots" content="noindex"><link rel="icon" href="data:,"><title>{title}</title>'
    "<style>{style}</style></head><body><main>{content}</main></body></html>\n"
)
CARD = Markup('<section class="card"><h2>{}</h2>{}</section>')
NOTICE = Markup('<li class="{}"><b>{}</b> <span>{}</span></li>')
GRID = Markup('<div class="card"><h2>{}</h2>{}</div>')


def frame(title: str, content: Markup, *, refresh: bool = False, policy: bool = False) -> str:
    """Return a page; with `policy` it contains the Content-Security-Policy, for a file."""
    head = Markup('<meta http-equiv="refresh" content="{}">').format(REFRESH) if refresh else Markup("")
    if policy:
        # `frame-ancestors` is only valid in a header.
        in_file = POLICY.partition("; frame-ancestors")[0]
        head += Markup('<meta http-equiv="Content-Security-Policy" content="{}">').format(in_file)
    # The style is a literal of this file; escaping it would change its digest.
    return FRAME.format(head=head, title=title, style=Markup(STYLE), content=content)  # noqa: S704


def status_page(view: View) -> str:
    """Return the page."""
    content = Markup("").join([_header(view), *_sections(view)])
    return frame(view.title, content, refresh=view.is_live, policy=not view.is_live)


def _sections(view: View) -> Iterator[Markup]:
    if view.notices:
        items = Markup("").join(NOTICE.format(each.level, marked(each.what), marked(each.fix)) for each in view.notices)
        yield CARD.format("Faults, and how to fix them", Markup('<ul class="notices">{}</ul>').format(items))
    yield from _progress(view)
    cards = [_sign_ins(view), _times(view)]
    if view.stored is not None:
        cards += [_okta(view, view.stored), _attention(view), _hashes(view)]
    cards.append(_sources(view))
    yield Markup('<section class="grid2">{}</section>').format(Markup("").join(cards))
    yield _replicas(view)
    if view.can_search:
        link = Markup('<a href="{}">Search one account</a>: its state, times and reasons, and what helps.')
        yield CARD.format("Why can this person not sign in?", link.format(ACCOUNT_PATH))


def _header(view: View) -> Markup:
    pills = [_readiness(view)]
    for level, word in ((Level.BAD, "problem"), (Level.WARN, "warning")):
        if number := sum(each.level is level for each in view.notices):
            pills.append(_pill(level, f"{number} {word}{'s' if number > 1 else ''}"))
    number = len(view.replicas)
    replicas = f"{number} replica{'' if number == 1 else 's'}"
    shown = f"refreshes every {REFRESH} s" if view.is_live else "written to a file"
    return Markup('<header><h1>{}</h1>{}<span class="mute">{} · {} · {}</span></header>').format(
        view.title, Markup(" ").join(pills), replicas, moment(view.at), shown
    )


def _readiness(view: View) -> Markup:
    if view.away is Away.UNREACHABLE:
        return _pill("bad", "Not ready")
    if not view.replicas:
        return _pill("bad", "No replica runs")
    known = [each.figures["missing"] for each in view.replicas if each.seen_ago <= STALE_AFTER]
    silent = len(view.replicas) - len(known)
    if silent or any(known):
        ready = sum(missing == [] for missing in known)
        return _pill("bad", f"{ready} of {len(view.replicas)} ready" if ready else "Not ready")
    return _pill("warn", "Starting") if None in known else _pill("ok", "Ready")


def _pill(level: str, text: str) -> Markup:
    return Markup('<span class="pill {}">{}</span>').format(level, text)


# Progress.

LEGEND = (
    (State.MIGRATED, "migrated"),
    (State.VERIFIED, "verified, waiting for Okta"),
    (State.RETIRED, "retired"),
    (State.WAITING, "waiting for a first sign-in"),
    (State.UNARMED, "without a usable hash"),
)


def _progress(view: View) -> Iterator[Markup]:
    counts = view.counts
    if counts is None:
        why = "The database was never reached." if view.stored is None else "The accounts are being counted."
        yield CARD.format("Progress", why)
        return
    states = {state: counts["states"].get(state, 0) for state, _ in LEGEND}
    total = sum(states.values())
    if not total:
        hint = Markup("No account is loaded. Begin with <code>password-import load</code>.")
        yield CARD.format("Progress", hint)
        return
    migrated, left = days_of(counts, State.MIGRATED), states[State.WAITING] + states[State.VERIFIED]
    forecast, today = pace(migrated, left, view.at.date()), view.at.date()
    legend = Markup("").join(
        Markup('<span><i class="dot {}"></i>{} <b>{:,}</b></span>').format(state, label, states[state])
        for state, label in LEGEND
    )
    parts = [(state, states[state]) for state in (State.MIGRATED, State.VERIFIED, State.RETIRED)]
    told = [f"{states[State.MIGRATED]:,} of {total:,} accounts migrated", f"{migrated.get(today, 0):,} today"]
    if left:
        told.append(f"{forecast.per_day:,.0f} a day in the last week")
        end = forecast.expected_end
        told.append(f"expected end {end:%b} {end.day}, {end.year}, at the earliest" if end else "no expected end")
    told.append(_counted(view))
    yield CARD.format(
        "Progress",
        Markup('<div class="big">{:.1f} %</div><div class="mute">{}</div>{}<div class="legend">{}</div>').format(
            100 * states[State.MIGRATED] / total, " · ".join(told), track(parts, total), legend
        ),
    )
    if migrated:
        chart = progress_chart(migrated, states[State.MIGRATED] + left, forecast, today)
        yield CARD.format("Migrated accounts: cumulative, per day, and expected (dashed)", chart)


def _counted(view: View) -> str:
    at = view.stored.counted_at if view.stored else None
    if at is None or view.at - at < timedelta(seconds=60):
        return "counted now"
    return f"counted {ago(view.at - at)} ago"


# Sign-ins.


def _sign_ins(view: View) -> Markup:
    hour, errors = of_kind(view.hour, "sign_in"), of_kind(view.hour, "error")
    faults, credentials = sum(view.faults.values()), 0
    for code in errors:
        credentials += errors[code] if code.startswith(("credentials_", "token_")) else 0
    tiles = [
        (hour.get("verified", 0), "verified", ""),
        (hour.get("wrong_password", 0), "wrong password", ""),
        (hour.get("unknown_login", 0), "unknown login", ""),
        (errors.get("overloaded", 0), "rejected, overloaded", "warn"),
        (errors.get("throttled", 0), "throttled", ""),
        (faults, "faults", "bad"),
    ]
    rarer = {
        "ambiguous name": hour.get("ambiguous_login", 0),
        "without a usable hash": hour.get("unarmed", 0),
        "migrated before": hour.get("tombstone", 0),
        "wrong credentials": credentials,
        "rehearsed": hour.get("rehearsal", 0),
    }
    tiles += [
        (number, label, "warn" if label == "wrong credentials" else "") for label, number in rarer.items() if number
    ]
    shown = Markup("").join(
        Markup('<div class="tile"><b class="{}">{:,}</b><span>{}</span></div>').format(
            level if number else "", number, label
        )
        for number, label, level in tiles
    )
    whose = "this replica" if view.away is not None else "all replicas"
    return GRID.format(f"Sign-ins, last hour, {whose}", Markup('<div class="tiles">{}</div>').format(shown))


def _times(view: View) -> Markup:
    times = times_of(view.hour)
    median, slowest = quantile(0.5, times), quantile(0.99, times)
    if median is None or slowest is None:
        return GRID.format("Response time, last hour", Markup('<p class="mute">No call in the last hour.</p>'))
    heading = f"Response time, last hour: p50 {span(median)} · p99 {span(slowest)} · limit 3 s"
    return GRID.format(heading, times_chart(times))


# Okta, and who needs attention.


def _okta(view: View, stored: StoredFigures) -> Markup:
    events, check = view.events, stored.hooks_check
    share = f"{100 * events.only_in_log / events.migrated:.1f} %" if events.migrated else "—"
    rows: list[tuple[str, object, str]] = [
        ("VERIFIED to SUCCESS, median", span(events.lag_median), ""),
        ("VERIFIED to SUCCESS, 95th percentile", span(events.lag_most), ""),
        ("Last event", _ago(stored.last_event, view), ""),
        ("Last event by the event hook", _ago(view.last_delivered, view), ""),
        (
            "Found only by reconcile",
            share,
            "warn" if events.migrated and events.only_in_log * 20 > events.migrated else "",
        ),
    ]
    for log in stored.logs:
        rows.append((f"System Log read up to ({log.org})", _ago(log.read_at, view), ""))
        rows.append(("Users compared", _ago(log.compared_at, view), ""))
    if not stored.logs:
        rows.append(("System Log read", "never", "warn"))
    if check is None:
        rows.append(("Last hooks check", "never", "warn"))
    else:
        result = (
            f"faults: {check.faults}" if check.faults else f"warnings: {check.warnings}" if check.warnings else "passed"
        )
        level = "bad" if check.faults else "warn" if check.warnings else "ok"
        rows.append(("Last hooks check", f"{result}, {_ago(check.at, view)}", level))
    note = Markup('<p class="more">Lag and share: of the latest {:,} events, {}.</p>').format(LATEST, _counted(view))
    return GRID.format("Event hook and reconcile", facts(rows) + note)


STUCK = (
    ("verified_without_success", "Verified, no SUCCESS for a day", "warn"),
    ("refused_by_okta", "Refused by Okta when they were created", "warn"),
    ("not_in_okta", "Not in Okta yet, or not bound", ""),
    ("too_costly", "Hashes too costly or impossible to check", "warn"),
    ("disabled", "Disabled in the legacy system", ""),
    ("ambiguous_names", "Ambiguous names", "warn"),
    ("unreadable_events", "Deliveries that could not be read", "warn"),
)


def _attention(view: View) -> Markup:
    counts = view.counts or {}
    stuck = counts.get("stuck", {})
    rows: list[tuple[str, object, str]] = []
    for key, label, level in STUCK:
        number = stuck.get(key)
        told = "see password-import status" if number is None and counts else "—" if number is None else f"{number:,}"
        rows.append((label, told, level if number else ""))
    unknown = sum(each.figures["unknown_logins"] for each in view.replicas)
    rows.append(("Logins without an account that tried to sign in", f"{unknown:,}", "warn" if unknown else ""))
    shown = facts(rows)
    if failures := counts.get("failures"):
        heading = Markup('<h2 class="more">Okta did not store the password, by reason</h2>')
        shown += heading + facts([(reason, f"{number:,}", "") for reason, number in failures])
    return GRID.format("Needs attention", shown)


# Hashes.


def _hashes(view: View) -> Markup:
    counts = view.counts or {}
    formats = counts.get("formats", [])
    if not formats:
        return GRID.format("Hashes", Markup('<p class="mute">No hash is stored.</p>'))
    seconds: dict[str, float] = {}
    for each in view.replicas:
        seconds |= each.figures["seconds"]
    rows: list[tuple[str, object, str]] = []
    for name, cost, number in formats[:LISTED]:
        took = f" · {span(seconds[cost])}" if cost in seconds else ""
        label = cost if cost.startswith(name) else f"{name}, {cost}"
        rows.append((label, f"{number:,}{took}", ""))
    shown = facts(rows) + _left_out(len(formats), "formats and costs")
    return GRID.format("Hashes by format, with the time of a check", shown)


def _encryption(counts: dict[str, Any]) -> tuple[str, object, str]:
    keys, plain = counts.get("keys", {}), counts.get("plain", 0)
    under = ", ".join(f"“{key}” ({number:,})" for key, number in sorted(keys.items()))
    if plain:
        return "Encrypted", f"{plain:,} are not" + (f"; keys {under}" if under else ""), "warn"
    return "Encrypted", f"all, key{'s' if len(keys) > 1 else ''} {under}", "ok"


def _left_out(number: int, what: str) -> Markup:
    if number <= LISTED:
        return Markup("")
    return Markup('<p class="more">{} of {:,} {}</p>').format(LISTED, number, what)


# Replicas.


def _sources(view: View) -> Markup:
    shown, counts = Markup(""), view.counts or {}
    if sources := counts.get("sources"):
        names = [(name, f"{number:,}", "") for name, number in sources[:LISTED]]
        shown += facts([*names, _encryption(counts)]) + _left_out(len(sources), "sources")
    heading = "Hashes by source, encryption" if sources else "Leases"
    if sources:
        shown += Markup('<h2 class="more">Leases: what one replica does at a time</h2>')
    return GRID.format(heading, shown + _leases(view))


def _leases(view: View) -> Markup:
    if view.stored is None or view.away is not None:
        return Markup('<p class="mute">Not known without the database.</p>')
    rows: list[tuple[str, object, str]] = [(name, holder, "") for name, holder in view.stored.leases]
    if not any(name == "reconcile" for name, _ in view.stored.leases):
        rows.append(("reconcile", "not running", ""))
    return facts(rows)


REPLICA_COLUMNS = (
    "Replica",
    "State",
    "Version",
    "Pool: running, queued",
    "Refused, dropped",
    "bcrypt",
    "Verified",
    "Faults",
    "p99",
    "Up",
)


def _replicas(view: View) -> Markup:
    if not view.replicas:
        return CARD.format("Replicas", Markup("No replica of <code>password-import serve</code> runs."))
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in REPLICA_COLUMNS)
    body = Markup("").join(_replica(view, each) for each in view.replicas)
    table = Markup('<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>')
    note = Markup(
        '<p class="more">This page is from {}. Verified, faults and p99: last hour. '
        "Refused and dropped by the pool: since start.</p>"
    )
    shown = table.format(head, body)
    if view.own is not None:
        shown += note.format(view.own.name)
    return CARD.format("Replicas", shown)


def _replica(view: View, replica: ReplicaFigures) -> Markup:
    described, missing = replica.figures, replica.figures["missing"]
    slowest, faults = quantile(0.99, times_of(replica.counts)), sum(of_kind(replica.counts, "fault").values())
    if replica.seen_ago > STALE_AFTER:
        state, level = f"silent for {ago(replica.seen_ago)}", "bad"
    elif missing is None:
        state, level = "starting", "warn"
    else:
        state, level = (f"not ready: {'; '.join(missing)}", "bad") if missing else ("ready", "ok")
    cells: list[tuple[object, str]] = [
        (replica.name, "wrap"),
        (state, f"{level} wrap"),
        (described["version"], ""),
        (
            f"{described['running']:,} on {described['cores']:,} cores, {described['queued']:,}",
            "warn" if described["queued"] else "",
        ),
        (f"{described['refused']:,}, {described['dropped']:,}", ""),
        (described["bcrypt"], ""),
        (f"{replica.counts['sign_in.verified']:,}", ""),
        (f"{faults:,}", "bad" if faults else ""),
        (span(slowest), "bad" if slowest is not None and slowest >= SLOW else ""),
        (ago(view.at - replica.started_at), ""),
    ]
    row = Markup("").join(Markup('<td class="{}">{}</td>').format(level, value) for value, level in cells)
    return Markup("<tr>{}</tr>").format(row)


# Elements.


def facts(rows: Iterable[tuple[str, object, str]]) -> Markup:
    """Return a table of names and values; each row is name, value and level."""
    row = Markup('<tr><th scope="row">{}</th><td class="{}">{}</td></tr>')
    body = Markup("").join(row.format(name, level, value) for name, value, level in rows)
    return Markup('<table class="facts"><tbody>{}</tbody></table>').format(body)


def marked(text: str) -> Markup:
    """Return a sentence as HTML; text between backticks is code without line breaks."""
    pieces = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else piece for number, piece in enumerate(pieces)
    )


def moment(at: datetime) -> str:
    """Format a time."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float | None) -> str:
    """Format a short duration: 410 ms, 4.1 s, 3 min."""
    if seconds is None:
        return "—"
    if seconds < MILLISECOND:
        return "< 1 ms"
    if seconds < 1:
        return f"{seconds * 1000:,.0f} ms"
    return f"{seconds:,.1f} s" if seconds < MINUTES else ago(timedelta(seconds=seconds))


def _ago(at: datetime | None, view: View) -> str:
    return "never" if at is None else f"{ago(view.at - at)} ago"
