"""The private members of aiohttp that the server relies on: bounded by version, and used in one module."""

import ast
import tomllib
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
READ_WITH = (3, 14)
"""The version whose private members were read. For the next one, read them again, then raise this and the bound."""


def private_members(kind: type) -> set[str]:
    return {name for each in kind.__mro__[:-1] for name in (*vars(each), *getattr(each, "__slots__", ()))}


def test_the_private_members_were_read_in_the_version_that_is_installed() -> None:
    assert tuple(map(int, aiohttp.__version__.split(".")[:2])) == READ_WITH


def test_the_bound_admits_no_later_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = (each for each in map(Requirement, project["dependencies"]) if each.name == "aiohttp")
    assert wanted.specifier.contains(f"{READ_WITH[0]}.{READ_WITH[1]}.99")
    assert not wanted.specifier.contains(f"{READ_WITH[0]}.{READ_WITH[1] + 1}")


async def test_the_private_members_that_are_overridden_or_read_exist() -> None:
    handler = {"_handle_request", "_waiter", "_loop", "_request_count", "_next_keepalive_close_time"}
    assert handler <= private_members(RequestHandler)
    assert {"_kwargs", "_connections", "_loop"} <= private_members(Server) | set(vars(Server(_never)))
    assert "_make_server" in private_members(web.AppRunner)


async def _never(_request: web.BaseRequest) -> web.StreamResponse:
    raise NotImplementedError


def test_only_the_server_derives_from_aiohttps_classes() -> None:
    """A derived class could use their private members without a warning of ruff."""
    deriving = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "service").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ClassDef)
        and {base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases}
        & {"AppRunner", "TCPSite", "BaseSite", "Server", "RequestHandler", "Application", "Request"}
    }
    assert deriving == {"service/web/server.py"}
