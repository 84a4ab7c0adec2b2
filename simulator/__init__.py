"""An Okta org on loopback, for trying and testing. It knows Okta's wire and nothing of the service."""

from simulator.channel import Channel, HeaderSecret, OAuthClient
from simulator.hooks import EventHook, HookType, InlineHook
from simulator.org import Org
from simulator.serving import make_simulator_app, serve
from simulator.sign_in import Outcome, SignIn

__all__ = [
    "Channel",
    "EventHook",
    "HeaderSecret",
    "HookType",
    "InlineHook",
    "OAuthClient",
    "Org",
    "Outcome",
    "SignIn",
    "make_simulator_app",
    "serve",
]
