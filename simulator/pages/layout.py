"""The frame of every page, and shared HTML elements."""

from collections.abc import Iterable, Sequence
from html import escape

from aiohttp import web

PAGES = {"/": "Sign in", "/register": "Register", "/org": "Org", "/wire": "Wire"}
# Colours have a contrast of at least 4.5:1 against their background in both schemes (WCAG 2.2, 1.4.3).
STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#16202c;--mute:#56636f;--line:#e3e7ec;--edge:#8793a0;
--main:#2563eb;--good:#15803d;--bad:#b91c1c}
@media (prefers-color-scheme:dark){:root{--bg:#0f141a;--card:#171e26;--ink:#e8edf3;--mute:#9aa8b7;--line:#27313c;
--edge:#5b6a79;--main:#6ea0ff;--good:#4ade80;--bad:#f98080}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
font-variant-numeric:tabular-nums}
header,main{max-width:1080px;margin:0 auto;padding:0 16px}header{padding-top:20px}main{padding-bottom:48px}
header p{margin:0;color:var(--mute);font-size:13px}nav ul{display:flex;flex-wrap:wrap;gap:4px 20px;list-style:none;
padding:0;margin:6px 0 14px}a{color:var(--main)}
nav [aria-current]{font-weight:600;text-decoration:none;color:var(--ink)}
h1{font-size:20px;margin:0 0 14px}h2{font-size:13px;font-weight:600;margin:0 0 8px;color:var(--mute)}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;margin-bottom:14px}
.mute,caption,.hint,.note{color:var(--mute);font-size:13px}caption{text-align:left;padding-bottom:4px}
.scroll{overflow-x:auto}table{width:100%;border-collapse:collapse;font-size:14px}td,th{padding:5px 12px 5px 0;
border-top:1px solid var(--line);text-align:left;font-weight:400;vertical-align:top;overflow-wrap:anywhere}
thead th{color:var(--mute);border-top:0;vertical-align:bottom;overflow-wrap:normal}td:first-child{min-width:11em}
form.row{display:flex;flex-wrap:wrap;gap:10px;align-items:end;margin:0 0 10px}form.row>*{flex:0 1 auto}
form.row>.grow{flex:1 1 220px}form.fields{display:grid;gap:12px;max-width:420px}
fieldset{border:1px solid var(--line);border-radius:8px;margin:0 0 12px;padding:10px 14px;display:grid;gap:10px;
grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));min-width:0}legend{font-weight:600;padding:0 6px}
label{display:block}input:not([type=checkbox]),select,button{font:inherit;padding:8px 10px;min-height:44px;
border:1px solid var(--edge);border-radius:6px;background:var(--bg);color:var(--ink);width:100%}
.unit{display:flex;gap:8px;align-items:center}.unit input{max-width:110px}
label.switch{display:flex;gap:8px;align-items:flex-start}form.row .switch{align-items:center;min-height:44px}
input[type=checkbox]{width:22px;height:22px;margin:0;flex:none}.buttons{display:flex;flex-wrap:wrap;gap:10px;margin-top:10px}
button{background:var(--main);border-color:var(--main);color:var(--card);font-weight:600;width:auto}
pre{margin:0;padding:10px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px;background:var(--bg);
border-radius:6px}
details{border-top:1px solid var(--line);padding:6px 0}details:first-of-type{border-top:0}summary{cursor:pointer;
overflow-wrap:anywhere}dl{display:grid;grid-template-columns:minmax(120px,auto) 1fr;gap:4px 16px;margin:8px 0}
dt{color:var(--mute)}dd{margin:0;overflow-wrap:anywhere}.good{color:var(--good)}.bad{color:var(--bad)}
.skip:not(:focus){position:absolute;left:-99rem}
"""


def page(title: str, content: str, *, current: str, status: int = 200) -> web.Response:
    """Return a page. `content` is HTML, already escaped."""
    links = "".join(
        f'<li><a href="{path}"{" aria-current=page" if path == current else ""}>{name}</a></li>'
        for path, name in PAGES.items()
    )
    html = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>{escape(title)}: simulated Okta org</title><link rel="icon" href="data:,">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        '<a class="skip" href="#main">Skip to content</a><header><p>Simulated Okta org: nothing here is real.</p>'
        f'<nav aria-label="Pages"><ul>{links}</ul></nav></header>'
        f'<main id="main"><h1>{escape(title)}</h1>{content}</main></body></html>\n'
    )
    return web.Response(text=html, content_type="text/html", status=status, headers={"Cache-Control": "no-store"})


def card(heading: str, content: str) -> str:
    """Return a section with a heading. `content` is HTML, already escaped."""
    return f'<section class="card"><h2>{escape(heading)}</h2>{content}</section>'


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; every cell is escaped here."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def shown_of(shown: int, total: int, what: str) -> str:
    """Return the number shown: "50 of 3,003 users", or "3 users" if all are shown."""
    noun = what.removesuffix("s") if total == 1 else what
    return f"{total:,} {noun}" if shown == total else f"{shown:,} of {total:,} {noun}"


def search_form(path: str, controls: str) -> str:
    """Return a form that reloads a page, with its controls in a row."""
    return f'<form class="row" method="get" action="{path}">{controls}<button type="submit">Search</button></form>'


def text_field(name: str, label: str, value: str = "", *, kind: str = "text", message: str = "", hint: str = "") -> str:
    """Return a labelled input; `message` is the error in the entered value."""
    note = f'<span id="{name}-note" class="bad">{escape(message)}</span>' if message else ""
    wrong = f' aria-invalid="true" aria-describedby="{name}-note"' if message else ""
    auto = f' autocomplete="{escape(hint)}"' if hint else ""
    return (
        f'<div class="grow"><label for="{name}">{escape(label)} {note}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}"{auto}{wrong}></div>'
    )


def verdict(text: str, *, good: bool) -> str:
    """Return the sentence with the result, announced to screen readers."""
    return f'<p role="status" class="{"good" if good else "bad"}"><strong>{escape(text)}</strong></p>'


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Return a list of facts."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in pairs)
    return f"<dl>{items}</dl>"
