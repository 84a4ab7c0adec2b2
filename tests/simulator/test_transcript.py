"""The transcript contains all HTTP traffic, without the secrets."""

import json

import pytest

from simulator import HeaderSecret, Org
from simulator.transcript import Transcript
from tests.simulator.answering import Service


async def test_passwords_and_secrets_are_masked_before_they_are_kept(service: Service) -> None:
    async with Org() as org:
        secret = HeaderSecret("X-Secret", "hush-hush")
        org.set_password_hook(f"{service.url}/password", secret, headers=(("X-Other", "quiet"),))
        org.add_user("jessie.smith@example.com")
        await org.sign_in("jessie.smith@example.com", "password1")
        (exchange,) = org.transcript
        progress = f"{exchange!r} {exchange}"
        assert not [mark for mark in ("hush-hush", "quiet", "password1") if mark in progress]
        assert "jessie.smith@example.com" in progress
        assert "VERIFIED" in progress
        assert "hush-hush" not in repr(secret)


@pytest.mark.parametrize(
    "body",
    [
        {"credentials": {"password": {"value": "hush"}}},
        {"credentials": {"password": {"hash": {"algorithm": "BCRYPT", "salt": "hush", "value": "hush"}}}},
        {"channel": {"config": {"authScheme": {"key": "Authorization", "value": "hush"}, "clientSecret": "hush"}}},
        {"access_token": "hush"},
    ],
)
def test_secret_members_are_masked_wherever_they_are(body: dict[str, object]) -> None:
    assert "hush" not in Transcript().body(json.dumps(body).encode())


def test_a_form_s_secrets_are_masked() -> None:
    kept = Transcript().body(b"grant_type=client_credentials&client_secret=hush&client_assertion=hush")
    assert kept == "grant_type=client_credentials&client_secret=****&client_assertion=****"


def test_only_the_last_exchanges_are_kept_and_a_mark_finds_the_new_ones() -> None:
    transcript = Transcript(keep=2)
    assert (len(transcript), transcript.since(transcript.total)) == (0, [])
