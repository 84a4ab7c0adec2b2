"""The command line of the simulator, and the org that it describes."""

import argparse
import os
import secrets
import ssl
from dataclasses import fields
from pathlib import Path

from simulator.channel import HeaderSecret
from simulator.hooks import IMPORT_EVENT
from simulator.org import Org
from simulator.switches import Switches

GUIDE_USERS = (
    ("jessie.smith@example.com", "Jessie", "Smith"),
    ("kim.sato@example.com", "Kim", "Sato"),
    ("rajiv.tal@example.com", "Rajiv", "Tal"),
)
"""The three people of Okta's guide to the password import hook; their legacy passwords are password1 to password3."""
PATHS = {"password_import_url": "password-import", "events_url": "events", "registration_url": "registration"}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser with all options."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__, allow_abbrev=False)
    parser.description = "An Okta org in memory: users with a password hook, sign-in, events, System Log, faults."
    parser.add_argument("--listen", default="127.0.0.1:8090", metavar="HOST:PORT", help="default: %(default)s")
    parser.add_argument("--url", metavar="URL", help="the org's own URL, if others reach it under another name")
    parser.add_argument("--service", metavar="URL", help="base URL of the service; sets the three URLs below")
    parser.add_argument("--password-import-url", metavar="URL", help="where the password import hook is called")
    parser.add_argument("--events-url", metavar="URL", help="where events are delivered")
    parser.add_argument("--registration-url", metavar="URL", help="where the registration hook is called")
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--secret-file", type=Path, metavar="FILE", help="contains the secret, such as 'Basic …'")
    secret.add_argument("--secret-env", metavar="NAME", help="environment variable that contains the secret")
    parser.add_argument(
        "--event-secret-file", type=Path, metavar="FILE", help="contains the event hook's secret; default: the same"
    )
    parser.add_argument("--secret-header", default="Authorization", metavar="NAME", help="default: %(default)s")
    parser.add_argument(
        "--user", action="append", metavar="LOGIN", help="has the hook; default: the guide's three people"
    )
    parser.add_argument("--api-token-file", type=Path, metavar="FILE", help="SSWS token; default: a new one")
    parser.add_argument("--hook-oauth", action="store_true", help="bearer tokens of the org on the inline hooks")
    parser.add_argument("--rate-window", type=float, default=60.0, metavar="SECONDS", help="default: %(default)s")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="certificate authority of the service")
    parser.add_argument("--hook-timeout", type=float, default=3.0, metavar="SECONDS", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="makes ids and faults repeatable; default: %(default)s")
    _add_switches(parser.add_argument_group("faults (also on the page /org)"))
    return parser


def make_org(options: argparse.Namespace) -> Org:
    """Create the org that the options describe. Raises `OSError` or `KeyError` for an unreadable secret."""
    trust = ssl.create_default_context(cafile=options.ca_file) if options.ca_file else True
    org = Org(seed=options.seed, hook_timeout=options.hook_timeout, trust=trust)
    org.switch(**{switch.name: getattr(options, switch.name) for switch in fields(Switches)})
    org.limits.window = options.rate_window
    # In the program, unlike in a test, no secret may be derived from the seed.
    given = options.api_token_file
    org.api_token = given.read_text("utf-8").strip() if given else secrets.token_urlsafe(32)
    secret = read_secret(options)
    for name, path in PATHS.items():
        if options.service and not getattr(options, name):
            setattr(options, name, f"{options.service.rstrip('/')}/okta/{path}")
    if options.password_import_url:
        org.set_password_hook(options.password_import_url, secret)
    if options.registration_url:
        org.set_registration_hook(options.registration_url, secret)
    if options.events_url:
        # `--foreign-events` creates mixed batches, as for an org's hook that serves several purposes.
        org.add_event_hook(options.events_url, _event_secret(options) or secret, items=(IMPORT_EVENT,))
    _add_users(org, options.user)
    return org


def read_secret(options: argparse.Namespace) -> HeaderSecret | None:
    """Return the hooks' secret; None if none is named. Raises `OSError` or `KeyError`."""
    if options.secret_file:
        return HeaderSecret(options.secret_header, options.secret_file.read_text("utf-8").strip())
    if options.secret_env:
        return HeaderSecret(options.secret_header, os.environ[options.secret_env])
    return None


def _event_secret(options: argparse.Namespace) -> HeaderSecret | None:
    if options.event_secret_file is None:
        return None
    return HeaderSecret(options.secret_header, options.event_secret_file.read_text("utf-8").strip())


def _add_users(org: Org, logins: list[str] | None) -> None:
    named = [(login, login.partition("@")[0], "") for login in logins or ()]
    for login, first, last in named or GUIDE_USERS:
        org.add_user(login, firstName=first, lastName=last)
    if not named:
        org.demo_passwords = {login: f"password{number}" for number, (login, _, _) in enumerate(GUIDE_USERS, 1)}


def _add_switches(group: argparse._ArgumentGroup) -> None:
    for switch in fields(Switches):
        flag = "--" + switch.name.replace("_", "-")
        if isinstance(switch.default, bool):
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=switch.default)
        else:
            group.add_argument(flag, type=float, default=switch.default, metavar="NUMBER")
