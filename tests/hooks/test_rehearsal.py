"""The simulator with its default options: its hooks pass the check, and http is accepted if allowed."""

import asyncpg
import pytest

from service.hooks.check import HookCheck
from service.hooks.findings import Fault, settings_faults
from service.hooks.register import DesiredHooks
from service.okta.hooks import HeaderChannel, HookKind
from service.okta_client import open_org
from service.okta_client.probing import open_probe
from service.okta_client.transport import BadAddress, org_address
from simulator import HeaderSecret, serve
from simulator.arguments import make_org, make_parser
from tests.hooks.hook_org import KnownHooks, hook
from tests.org_fixtures import SECRET, Running, org_settings
from tests.service_fixtures import Add

HTTP = "http://service:8082"


async def test_the_simulator_s_default_hooks_pass_the_check(
    service: Running, add: Add, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add("somebody@example.com")
    monkeypatch.setenv("SECRET_OF_THE_HOOKS", SECRET)
    org = make_org(make_parser().parse_args(["--service", service.url, "--secret-env", "SECRET_OF_THE_HOOKS"]))
    proof = HeaderChannel("Authorization", SECRET)
    async with org, serve(org), open_org(org_settings(org), share=1.0) as okta, open_probe() as probe:
        for event_hook in org.event_hooks.values():
            assert await org.verify_event_hook(event_hook)
        assert all(each.channel.secret == HeaderSecret("Authorization", SECRET) for each in org.inline_hooks.values())
        desired = DesiredHooks(service.url, proof, proof)
        assert await HookCheck(okta, KnownHooks(), probe, desired).run() == []


@pytest.mark.parametrize("allowed", [True, False])
def test_a_hook_by_http_is_taken_only_where_that_is_allowed(allowed: bool) -> None:
    kind = HookKind.PASSWORD_IMPORT
    found = hook(kind, uri=HTTP + kind.path)
    faults = settings_faults(kind, found, HTTP + kind.path, None, allow_http=allowed)
    assert [each.fault for each in faults] == ([] if allowed else [Fault.NOT_HTTPS])


def test_an_org_by_http_is_taken_only_where_that_is_allowed() -> None:
    assert org_address("http://simulator:8090", allow_http=True).host == "simulator"
    with pytest.raises(BadAddress, match="https"):
        org_address("http://simulator:8090")
