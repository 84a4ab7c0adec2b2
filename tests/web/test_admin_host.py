"""The admin port answers by address and by known names, so that no web page can reach it by a name of its own."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from service.app import make_admin_app
from service.web.parts import Parts


async def status(parts: Parts, host: str, path: str = "/metrics") -> int:
    client: TestClient[web.Request, web.Application]
    async with TestClient(TestServer(make_admin_app(parts))) as client:
        answer = await client.get(path, headers={"Host": host})
        if answer.status != 200:
            assert (await answer.json())["error"]["code"] == "host_not_allowed"
        return answer.status


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8083", "192.0.2.7", "[::1]:8083", "[2001:db8::1]", "localhost", "LOCALHOST:8083", "localhost.:8083"],
)
async def test_a_scrape_by_address_or_by_localhost_is_answered(parts: Parts, host: str) -> None:
    assert await status(parts, host) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8083", "127.0.0.1.evil.example", "localhost.evil.example", "", "user@localhost"],
)
@pytest.mark.parametrize("path", ["/metrics", "/status.json", "/no-such-path"])
async def test_another_name_is_421(parts: Parts, host: str, path: str) -> None:
    assert await status(parts, host, path) == 421


async def test_the_names_of_admin_hosts_are_answered(parts: Parts) -> None:
    object.__setattr__(parts.settings, "admin_hosts", "import.internal, Metrics.example")
    assert await status(parts, "import.internal:8083") == 200
    assert await status(parts, "metrics.example") == 200
    assert await status(parts, "other.internal") == 421
