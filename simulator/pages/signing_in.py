"""The sign-in page: a form, and then everything that the sign-in caused."""

from html import escape

from aiohttp import web

from simulator.hooks import IMPORT_EVENT
from simulator.keys import ORG
from simulator.org import Org
from simulator.pages.layout import card, facts, page, shown_of, table, text_field, verdict
from simulator.sign_in import SignIn
from simulator.transcript import Exchange

SHOWN = 10
"""Number of users listed, those with a known demo password first."""


async def show(request: web.Request) -> web.Response:
    """Show the form."""
    return page("Sign in", card("Sign in at the org", _form("")) + _people(request.app[ORG]), current="/")


async def submit(request: web.Request) -> web.Response:
    """Sign in, wait for its effects, and show them."""
    org = request.app[ORG]
    form = await request.post()
    username, password = str(form.get("username", "")), str(form.get("password", ""))
    mark = org.transcript.total
    result = await org.sign_in(username, password, ip=request.remote or "127.0.0.1")
    await org.deliveries.settle()
    shown = _result_html(org, result, org.transcript.since(mark))
    content = card("What happened", shown) + card("Sign in again", _form(username)) + _people(org)
    return page("Sign in", content, current="/")


def _form(username: str) -> str:
    return (
        '<form class="fields" method="post" action="/">'
        + text_field("username", "Username", username, hint="username")
        + text_field("password", "Password", kind="password", hint="current-password")
        + '<button type="submit">Sign in</button></form>'
    )


def _people(org: Org) -> str:
    if not len(org.users):
        return card("Users", "<p>There are no users yet.</p>")
    known = org.demo_passwords
    first = sorted(org.users, key=lambda user: user.login not in known)[:SHOWN]
    headings = ("Login", "Password stored by", "Legacy password") if known else ("Login", "Password stored by")
    rows = [(user.login, user.provider, known.get(user.login, ""))[: len(headings)] for user in first]
    return card("Users", table(shown_of(len(rows), len(org.users), "users"), headings, rows))


def _result_html(org: Org, result: SignIn, exchanges: list[Exchange]) -> str:
    answer = result.answer
    asked = f"yes, {answer.failure if not answer.ok else f'it answered {answer.status}'}" if answer else "no"
    attempts = f" ({answer.attempts} attempts)" if answer and answer.attempts > 1 else ""
    pairs: list[tuple[str, object]] = [
        ("Password hook called", asked + attempts),
        ("Verdict", result.verdict or "none"),
        ("Password imported", "yes" if result.imported else "no"),
        ("Password stored by", f"{result.user.provider}" if result.user else "—"),
        ("Import event", _event(org, result, exchanges)),
    ]
    sentence = "You are signed in." if result.signed_in else f"Unable to sign in: {result.outcome}."
    wire = "".join(f"<pre>{escape(str(exchange))}</pre>" for exchange in exchanges)
    return (
        verdict(sentence, good=result.signed_in)
        + facts(pairs)
        + (f"<details><summary>What went over the wire</summary>{wire}</details>" if wire else "")
    )


def _event(org: Org, result: SignIn, exchanges: list[Exchange]) -> str:
    caused = [
        record.event["outcome"]["result"]
        for record in reversed(org.log.records[-100:])
        if record.type == IMPORT_EVENT and record.event["transaction"]["id"] == result.request_id
    ]
    if not caused:
        return "none"
    sent = [exchange for exchange in exchanges if exchange.kind == "com.okta.event_hook"]
    states = ", ".join(str(exchange.status or exchange.fault) for exchange in sent)
    return f"{caused[0]}, {f'delivered ({states})' if sent else 'not delivered yet'}"
