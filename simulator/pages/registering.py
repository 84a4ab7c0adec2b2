"""The registration page: the three forms that call the registration hook, shown as the person would see them."""

from html import escape

from aiohttp import web

from simulator.display import Form
from simulator.keys import ORG
from simulator.pages.layout import card, facts, page, text_field, verdict
from simulator.registration import Registration

FIELDS = {"firstName": "First name", "lastName": "Last name", "email": "Email", "employeeNumber": "Employee number"}
TITLES = {
    Form.SELF_SERVICE: "Create an account",
    Form.PROGRESSIVE: "Complete a profile",
    Form.CLASSIC: "Create an account (Classic Engine)",
}


async def show(request: web.Request) -> web.Response:
    """Show the chosen form."""
    return page("Register", _choice() + _form(_chosen(request), {}, None), current="/register")


async def submit(request: web.Request) -> web.Response:
    """Send the form and show what the person would see."""
    org, form = request.app[ORG], _chosen(request)
    entered = {name: str(value) for name, value in (await request.post()).items() if str(value)}
    mark = org.transcript.total
    ip = request.remote or "127.0.0.1"
    if form is Form.PROGRESSIVE:
        user = org.users.get(entered.get("login", ""))
        if user is None:
            unknown = verdict("There is no user with this login.", good=False)
            return page("Register", card("What happened", unknown) + _form(form, entered, None), current="/register")
        update = {name: value for name, value in entered.items() if name == "employeeNumber"}
        result = await org.update_profile(user, update, ip=ip)
    else:
        profile = {name: value for name, value in entered.items() if name in FIELDS}
        profile["login"] = profile.get("email", "")
        result = await org.register(profile, entered.get("password", ""), ip=ip, classic=form is Form.CLASSIC)
    wire = "".join(f"<pre>{escape(str(exchange))}</pre>" for exchange in org.transcript.since(mark))
    shown = _result_html(result) + (
        f"<details><summary>What went over the wire</summary>{wire}</details>" if wire else ""
    )
    return page(
        "Register", card("What happened", shown) + _choice() + _form(form, entered, result), current="/register"
    )


def _chosen(request: web.Request) -> Form:
    wanted = request.query.get("form", "")
    return Form(wanted) if wanted in list(Form) else Form.SELF_SERVICE


def _choice() -> str:
    links = "".join(f'<li><a href="/register?form={form}">{escape(TITLES[form])}</a></li>' for form in Form)
    return f'<nav aria-label="Forms"><ul>{links}</ul></nav>'


def _form(form: Form, entered: dict[str, str], result: Registration | None) -> str:
    messages = result.shown.inline if result else {}
    if form is Form.PROGRESSIVE:
        names = {"login": "Login of an existing user", "employeeNumber": FIELDS["employeeNumber"]}
    else:
        names = FIELDS
    inputs = "".join(
        text_field(name, label, entered.get(name, ""), message=_message(messages, name))
        for name, label in names.items()
    )
    if form is not Form.PROGRESSIVE:
        inputs += text_field("password", "Password", kind="password", hint="new-password")
    action = f'<form class="fields" method="post" action="/register?form={form}">'
    return card(TITLES[form], f'{action}{inputs}<button type="submit">Send</button></form>')


def _message(messages: object, name: str) -> str:
    shown = messages if isinstance(messages, dict) else {}
    # The form has one field for the login and the e-mail address.
    return str(shown.get(name) or (shown.get("login") if name == "email" else None) or "")


def _result_html(result: Registration) -> str:
    if result.allowed:
        done = "Your profile is complete." if result.form is Form.PROGRESSIVE else "Your account was created."
        return verdict(done, good=True) + facts(result.attributes.items())
    sentence = result.shown.general or "We found some errors. Please review the form and make corrections."
    beside = [(name, text) for name, text in result.shown.inline.items() if name not in (*FIELDS, "login")]
    fault = [("Fault of the hook", result.fault)] if result.fault else []
    return verdict(sentence, good=False) + facts(beside + fault)
