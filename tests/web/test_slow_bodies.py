"""Slow bodies: a slow sender gets an answer in time, and Okta sends such a delivery again."""

import pytest

from service.web import bodies
from service.web.parts import Parts
from tests.people import delivery, event
from tests.security.serving import call, serving, wire


async def test_a_delivery_that_comes_too_slowly_is_503_so_that_it_is_sent_again(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_WITHIN", 0.1)
    async with serving(parts) as url, wire(url) as connection:
        answer = await connection.ask(call(delivery(event("e1")), path="/okta/events")[:-1])
        assert answer is not None
        assert (answer.status, answer.code) == (503, "out_of_time")
        assert await connection.is_closed()
