"""The pages for trying by hand, and the program that serves them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import fields
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from simulator import Org, serve
from simulator.pages.overview import SWITCHES
from simulator.switches import Switches
from simulator.transcript import Exchange
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


async def test_a_chance_is_at_most_one(hooked: Org, browser: aiohttp.ClientSession) -> None:
    await text_of(await browser.post("/org", data={"drop": "7", "latency": "7"}))
    assert (hooked.switches.drop, hooked.switches.latency) == (1.0, 7.0)


async def test_every_switch_has_a_label_and_every_number_a_unit(browser: aiohttp.ClientSession) -> None:
    text = await text_of(await browser.get("/org"))
    assert SWITCHES.keys() == {switch.name for switch in fields(Switches)} | {"hold"}
    numbers = [shown for name, shown in SWITCHES.items() if isinstance(getattr(Switches(), name, False), float)]
    assert all(shown.unit for shown in numbers)
    assert all(escape(shown.label) in text for shown in SWITCHES.values())


async def test_what_is_cut_off_is_said_and_search_finds_it(hooked: Org, browser: aiohttp.ClientSession) -> None:
    for number in range(3000):
        hooked.add_user(f"person{number}@example.com")
    total = len(hooked.users)
    text = await text_of(await browser.get("/org"))
    assert f"<caption>50 of {total:,} users</caption>" in text
    assert "person2999@" not in text
    found = await text_of(await browser.get("/org", params={"q": "PERSON2999@"}))
    assert f"<caption>1 user matching “PERSON2999@”, of {total:,}</caption>" in found
    assert "<td>person2999@example.com</td>" in found


async def test_the_wire_can_be_filtered(hooked: Org, browser: aiohttp.ClientSession) -> None:
    for kind, status in [("event", 204), ("event", 500), ("api", 200)] * 20:
        url = f"https://{kind}.example/{status}"
        hooked.transcript.add(Exchange(hooked.clock.now(), kind, "POST", url, status=status))
    total = len(hooked.transcript)
    every = await text_of(await browser.get("/wire"))
    assert f"<h2>50 of {total} exchanges</h2>" in every
    failed = await text_of(await browser.get("/wire", params={"kind": "event", "failed": "on"}))
    assert f"<h2>20 exchanges found, of {total}</h2>" in failed
    assert "/204" not in failed
    text = await text_of(await browser.get("/wire", params={"text": "API.example"}))
    assert f"<h2>20 exchanges found, of {total}</h2>" in text
    assert "No exchange matches." in await text_of(await browser.get("/wire", params={"text": "<script>"}))


async def test_the_sign_in_page_shows_the_passwords_of_the_demo_and_no_others(
    hooked: Org, browser: aiohttp.ClientSession
) -> None:
    assert "Legacy password" not in await text_of(await browser.get("/"))
    hooked.demo_passwords["jessie.smith@example.com"] = "password1"
    assert "<td>password1</td>" in await text_of(await browser.get("/"))


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
    """Collects the label of every form control."""

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
