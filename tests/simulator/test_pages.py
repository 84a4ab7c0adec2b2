"""The pages for trying by hand, and the program that serves them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from simulator import Org, serve
from tests.simulator.answering import SECRET, Service

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def browser(hooked: Org) -> AsyncIterator[aiohttp.ClientSession]:
    async with serve(hooked) as url, aiohttp.ClientSession(url) as session:
        yield session


async def text_of(response: aiohttp.ClientResponse) -> str:
    assert response.status == 200
    return await response.text()


async def test_a_sign_in_by_hand_tells_verdict_import_and_event(hooked: Org, browser: aiohttp.ClientSession) -> None:
    hooked.hold_deliveries = False
    form = {"username": "jessie.smith@example.com", "password": "password1"}
    text = await text_of(await browser.post("/", data=form))
    assert "You are signed in." in text
    assert "<dd>VERIFIED</dd>" in text
    assert "SUCCESS, delivered (204)" in text


async def test_what_was_typed_is_escaped(browser: aiohttp.ClientSession) -> None:
    text = await text_of(await browser.post("/", data={"username": '"><script>alert(1)</script>', "password": "x"}))
    assert "<script>" not in text


async def test_the_registration_form_shows_messages_where_the_widget_would(
    hooked: Org, service: Service, browser: aiohttp.ClientSession
) -> None:
    hooked.set_registration_hook(f"{service.url}/registration", SECRET)
    cause = {"errorSummary": "Not this domain", "location": "data.userProfile.email"}
    service.answers.append(lambda: web.json_response({"error": {"errorCauses": [cause]}}))
    text = await text_of(await browser.post("/register", data={"email": "a@b.example", "password": "x"}))
    assert '<span id="email-note" class="bad">Not this domain</span>' in text


async def test_the_progressive_form_completes_an_existing_user(hooked: Org, browser: aiohttp.ClientSession) -> None:
    form = {"login": "jessie.smith@example.com", "employeeNumber": "1234"}
    text = await text_of(await browser.post("/register?form=progressive.profile", data=form))
    assert "Your profile is complete." in text
    user = hooked.users.get("jessie.smith@example.com")
    assert user is not None
    assert user.profile["employeeNumber"] == "1234"


async def test_the_switches_of_the_form_are_the_org_s(hooked: Org, browser: aiohttp.ClientSession) -> None:
    await text_of(await browser.post("/org", data={"read_only": "on", "drop": "0.5", "late_by": "no number"}))
    assert (hooked.switches.read_only, hooked.switches.drop, hooked.switches.late_by) == (True, 0.5, 0.0)


async def test_the_page_verifies_hooks_and_rotates_keys(hooked: Org, browser: aiohttp.ClientSession) -> None:
    for hook in hooked.event_hooks.values():
        hook.verified = False
    before = hooked.authorization_server.key.kid
    for path in ("/org/verify", "/org/rotate"):
        await text_of(await browser.post(path))
    assert [hook.verified for hook in hooked.event_hooks.values()] == [True]
    assert hooked.authorization_server.key.kid != before


async def test_an_org_can_have_another_name_than_the_address_it_listens_on() -> None:
    async with serve(Org(), "0.0.0.0") as url:  # noqa: S104 - what a container does
        assert url.startswith("http://127.0.0.1:")
    async with serve(Org(), url="http://simulator:8090") as url:
        assert url == "http://simulator:8090"


class Labels(HTMLParser):
    """Collects what every form control needs: a label."""

    def __init__(self) -> None:
        super().__init__()
        self.labelled: set[str] = set()
        self.controls: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "label" and found.get("for"):
            self.labelled.add(str(found["for"]))
        if tag == "input" and found.get("type") not in ("checkbox", "hidden"):
            self.controls.add(str(found.get("id")))


@pytest.mark.parametrize("path", ["/", "/register", "/register?form=progressive.profile", "/org", "/wire"])
async def test_every_page_has_a_language_one_heading_and_labelled_controls(
    browser: aiohttp.ClientSession, path: str
) -> None:
    text = await text_of(await browser.get(path))
    labels = Labels()
    labels.feed(text)
    assert '<html lang="en">' in text
    assert text.count("<h1>") == 1
    assert labels.controls <= labels.labelled
    assert "<script" not in text


async def test_the_program_verifies_a_hook_that_answers_later_and_stops_when_told(service: Service) -> None:
    options = ["--listen", "127.0.0.1:0", "--service", service.url, "--secret-env", "SECRET"]
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator", *options),
        cwd=ROOT,
        env=os.environ | {"SECRET": "Basic c2VjcmV0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    assert program.stderr is not None
    url = (await program.stdout.readline()).decode().split()[-1]
    assert b"event hook verified" in await program.stderr.readline()
    async with aiohttp.ClientSession() as session:
        assert (await session.get(url)).status == 200
    program.send_signal(signal.SIGTERM)
    assert await program.wait() == 0
    (call,) = service.calls
    assert (call.path, call.headers["Authorization"]) == ("/okta/events", "Basic c2VjcmV0")


async def test_the_program_names_a_secret_that_is_not_set() -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator", "--secret-env", "NOT_SET_ANYWHERE"),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await program.communicate()
    assert (program.returncode, b"NOT_SET_ANYWHERE" in errors) == (2, True)
