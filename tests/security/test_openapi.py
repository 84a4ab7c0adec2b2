"""docs/openapi.yaml agrees with the service: the same routes, and every answer matches its description."""

import asyncio
from typing import Any

import pytest
import schemathesis
import yaml
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.app import make_admin_app, make_app
from service.store.migrations import ROOT
from service.web.parts import Parts
from service.web.server import listening
from tests.security.serving import serving
from tests.service_fixtures import AUTHORIZATION, Add

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
OPERATIONS = [
    (path, method) for path, methods in DOCUMENT["paths"].items() for method in methods if method != "servers"
]
TRIED = [(*operation, GenerationMode.POSITIVE) for operation in OPERATIONS] + [
    (path, method, GenerationMode.NEGATIVE)  # only for requests with content that could be invalid
    for path, method in OPERATIONS
    if {"requestBody", "parameters"} & DOCUMENT["paths"][path][method].keys()
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def routes(app: web.Application) -> set[tuple[str, str]]:
    found = {(route.resource.canonical, route.method.lower()) for route in app.router.routes() if route.resource}
    return {(path, method) for path, method in found if method != "head"}


async def test_the_document_has_the_routes_of_the_service_and_no_others(parts: Parts) -> None:
    assert set(OPERATIONS) == routes(make_app(parts)) | routes(make_admin_app(parts))


@pytest.mark.parametrize("path, method, mode", TRIED)
async def test_every_answer_is_as_the_document_says(
    parts: Parts, add: Add, path: str, method: str, mode: GenerationMode
) -> None:
    await add("kim@example.com", "right")
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    cases: SearchStrategy[schemathesis.Case[Any]] = operation.as_strategy(generation_mode=mode)

    def hammer(url: str) -> None:
        @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=cases)
        def every(case: schemathesis.Case[Any]) -> None:
            response = case.call(base_url=url, headers={"Authorization": AUTHORIZATION})
            case.validate_response(response, checks=CHECKS)

        every()

    if "servers" in DOCUMENT["paths"][path]:
        async with listening("admin", make_admin_app(parts), "127.0.0.1", 0) as admin:
            await asyncio.to_thread(hammer, admin)
    else:
        async with serving(parts) as url:
            await asyncio.to_thread(hammer, str(url))
