"""The frame of every page, and shared HTML elements."""

from collections.abc import Iterable, Sequence
from html import escape

from aiohttp import web

PAGES = {"/": "Sign in", "/register": "Register", "/org": "Org", "/wire": "Wire"}
# Colours have a contrast of at least 4.5:1 in both schemes (WCAG 2.2, 1.4.3).
STYLE = """
:root { color-scheme: light dark; --line: #767676; --good: light-dark(#14632b, #8fdba5);
  --bad: light-dark(#9b1c1c, #ffb4ab); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 0 1rem 3rem; }
nav ul { display: flex; gap: 1.5rem; list-style: none; padding: 0; }
nav [aria-current] { font-weight: bold; text-decoration: none; }
form { margin: 1rem 0; } form.fields { display: grid; gap: .75rem; max-width: 24rem; }
label { display: block; }
input:not([type=checkbox]), select, button { font: inherit; padding: .5rem; min-height: 2.75rem; width: 100%;
  box-sizing: border-box; border: 1px solid var(--line); border-radius: .25rem; }
input[type=checkbox] { width: 1.5rem; height: 1.5rem; vertical-align: middle; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem;
  border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th { white-space: nowrap; } h2 { overflow-wrap: anywhere; }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); } .skip:not(:focus) { position: absolute; left: -99rem; }
"""


def page(title: str, content: str, *, current: str, status: int = 200) -> web.Response:
    """Return a page. `content` is HTML, already escaped."""
    links = "".join(
        f'<li><a href="{path}"{" aria-current=page" if path == current else ""}>{name}</a></li>'
        for path, name in PAGES.items()
    )
    html = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}: simulated Okta org</title>"
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f'<a class="skip" href="#main">Skip to content</a><header><p>Simulated Okta org: nothing here is real.</p>'
        f'<nav aria-label="Pages"><ul>{links}</ul></nav></header>'
        f'<main id="main"><h1>{escape(title)}</h1>{content}</main></body></html>\n'
    )
    return web.Response(text=html, content_type="text/html", status=status, headers={"Cache-Control": "no-store"})


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; every cell is escaped here."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text_field(name: str, label: str, value: str = "", *, kind: str = "text", message: str = "", hint: str = "") -> str:
    """Return a labelled input; `message` is the error in the entered value."""
    note = f'<span id="{name}-note" class="bad">{escape(message)}</span>' if message else ""
    wrong = f' aria-invalid="true" aria-describedby="{name}-note"' if message else ""
    auto = f' autocomplete="{escape(hint)}"' if hint else ""
    return (
        f'<label for="{name}">{escape(label)} {note}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}"{auto}{wrong}>'
    )


def verdict(text: str, *, good: bool) -> str:
    """Return the sentence with the result, announced to screen readers."""
    return f'<p role="status" class="{"good" if good else "bad"}"><strong>{escape(text)}</strong></p>'


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Return a list of facts."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in pairs)
    return f"<dl>{items}</dl>"
