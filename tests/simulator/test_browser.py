"""The sign-in page in a real browser, if Chromium and its driver are installed (Debian: chromium, chromium-driver)."""

import asyncio
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from simulator import Org, serve
from simulator.channel import JsonObject

DRIVER = shutil.which("chromedriver")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name by which the WebDriver standard refers to an element (https://www.w3.org/TR/webdriver2/#elements)."""
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)

pytestmark = pytest.mark.skipif(not (DRIVER and BROWSER), reason="no Chromium with its driver is found here")


class Browser:
    """The part of the WebDriver protocol that is needed to fill in a form."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._http = session
        self._url = url

    async def call(self, path: str, **body: object) -> JsonObject:
        async with self._http.post(f"{self._url}{path}", json=body) as answer:
            progress: JsonObject = await answer.json()
        assert answer.status == 200, progress
        return progress

    async def start(self, profile: str) -> None:
        options = {"binary": BROWSER, "args": [*FLAGS.split(), f"--user-data-dir={profile}"]}
        wanted = {"alwaysMatch": {"goog:chromeOptions": options}}
        session = await self.call("/session", capabilities=wanted)
        self._url += f"/session/{session['value']['sessionId']}"

    async def open(self, url: str) -> None:
        await self.call("/url", url=url)

    async def find(self, selector: str) -> str:
        found = await self.call("/element", using="css selector", value=selector)
        return str(found["value"][ELEMENT])

    async def type(self, selector: str, text: str) -> None:
        await self.call(f"/element/{await self.find(selector)}/value", text=text)

    async def click(self, selector: str) -> None:
        await self.call(f"/element/{await self.find(selector)}/click")

    async def text(self) -> str:
        shown = await self.call("/execute/sync", script="return document.body ? document.body.innerText : ''", args=[])
        return str(shown["value"])

    async def text_with(self, awaited: str) -> str:
        """Return the page's text once it contains `awaited`: a click does not wait for the next page."""
        async with asyncio.timeout(60):
            while True:
                with suppress(AssertionError):  # the page may disappear while it is read
                    if awaited.lower() in (text := await self.text()).lower():
                        return text
                await asyncio.sleep(0.05)

    async def end(self) -> None:
        async with self._http.delete(self._url):
            pass


@pytest.fixture
def profile() -> Iterator[str]:
    # Chromium's last helper may still write there while the folder is deleted.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.fixture
async def browser(profile: str) -> AsyncIterator[Browser]:
    assert DRIVER
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (Path(profile) / "driver.log").open("wb")
    driver = await asyncio.create_subprocess_exec(DRIVER, f"--port={port}", stdout=log, stderr=log)
    async with aiohttp.ClientSession() as session:
        browser = Browser(session, f"http://127.0.0.1:{port}")
        await _until_listening(port)
        await browser.start(profile)
        yield browser
        await browser.end()
    driver.terminate()
    await driver.wait()
    log.close()


async def _until_listening(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.05)


async def test_a_person_signs_in_by_hand_and_sees_what_happened(browser: Browser) -> None:
    async with Org(seed=1) as org, serve(org) as url:
        org.add_user("kim.sato@example.com", password="known to the org")
        await browser.open(url)
        await browser.type("input[name=username]", "kim.sato@example.com")
        await browser.type("input[name=password]", "known to the org")
        await browser.click("button")
        assert await browser.text_with("You are signed in.")
        await browser.open(f"{url}/org")
        assert "kim.sato@example.com" in await browser.text()


async def test_the_form_says_so_where_the_password_is_wrong(browser: Browser) -> None:
    async with Org(seed=1) as org, serve(org) as url:
        org.add_user("kim.sato@example.com", password="known to the org")
        await browser.open(url)
        await browser.type("input[name=username]", "kim.sato@example.com")
        await browser.type("input[name=password]", "something else")
        await browser.click("button")
        assert "You are signed in." not in await browser.text_with("wrong password")
