"""Where handlers find the org. Nothing else."""

from aiohttp import web

from simulator.org import Org

ORG = web.AppKey("org", Org)
