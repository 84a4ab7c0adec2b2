"""The keys under which handlers find the org."""

from aiohttp import web

from simulator.org import Org

ORG = web.AppKey("org", Org)
