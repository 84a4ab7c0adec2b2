"""An Okta org on loopback, for trials and tests. It implements Okta's wire formats and imports no service code."""

from simulator.channel import Channel, HeaderSecret, OAuthClient
from simulator.display import Form, Shown
from simulator.hooks import EventHook, HookType, InlineHook
from simulator.org import Org
from simulator.registration import Registration
from simulator.serving import make_simulator_app, serve
from simulator.sign_in import Outcome, SignIn

__all__ = [
    "Channel",
    "EventHook",
    "Form",
    "HeaderSecret",
    "HookType",
    "InlineHook",
    "OAuthClient",
    "Org",
    "Outcome",
    "Registration",
    "Shown",
    "SignIn",
    "make_simulator_app",
    "serve",
]
