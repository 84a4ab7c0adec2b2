"""The status page and its search in a real browser, if Chromium and its driver are installed."""

import pytest
from aiohttp.test_utils import TestServer

from service.app import make_admin_app
from service.web.parts import Parts
from tests.service_fixtures import Add
from tests.simulator.test_browser import BROWSER, DRIVER, Browser, browser, profile  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(not (DRIVER and BROWSER), reason="no Chromium with its driver is found here")

LOGIN = "jessie.smith@example.com"


async def test_the_page_fits_a_phone_and_leads_to_the_search_of_an_account(
    parts: Parts,
    add: Add,
    browser: Browser,  # noqa: F811 (the fixture)
) -> None:
    await add(LOGIN, "password1")
    object.__setattr__(parts.settings, "admin_password", parts.settings.basic_auth_password)
    async with TestServer(make_admin_app(parts)) as server:
        await browser.call("/window/rect", width=420, height=900)
        await browser.open(str(server.make_url("/")))
        assert "0 of 1 accounts migrated" in await browser.text_with("accounts migrated")
        # The style is applied, so the policy allows it; and nothing is wider than the screen.
        script = "return [getComputedStyle(document.body).margin, document.documentElement.scrollWidth <= innerWidth]"
        shown = await browser.call("/execute/sync", script=script, args=[])
        assert shown["value"] == ["0px", True]
        await browser.open(str(server.make_url("/account").with_user("admin").with_password("supersecret")))
        await browser.type("input[name=name]", LOGIN)
        await browser.click("button")
        assert "not entered yet" in await browser.text_with("It is not bound to an Okta user.")
