"""`/api/v1/users` and groups of the simulated org."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from simulator import Org, Outcome
from tests.simulator.answering import SECRET, Api, Service, person

SAMPLES = Path(__file__).parent.parent / "okta" / "samples" / "users"
LOGIN = "jessie.smith@example.com"


def sample(name: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads((SAMPLES / name).read_text())
    return members


async def test_a_user_with_the_hook_is_active_and_of_provider_import(api: Api) -> None:
    status, user = await api("POST", "users", sample("create.password-import-hook.request.json"), activate="true")
    assert (status, user["status"]) == (200, "ACTIVE")
    assert user["credentials"] == {"password": {}, "provider": {"type": "IMPORT", "name": "IMPORT"}}


async def test_the_answer_has_the_members_of_okta_s_sample(api: Api) -> None:
    _, user = await api("POST", "users", person(LOGIN))
    assert set(sample("create.password-import-hook.response.migrate-guide.json")) == set(user)


async def test_a_user_created_without_activation_is_staged_and_can_t_sign_in(api: Api) -> None:
    _, user = await api("POST", "users", person(LOGIN), activate="false")
    assert user["status"] == "STAGED"
    assert (await api.org.sign_in(LOGIN, "x")).outcome is Outcome.NOT_ACTIVE
    assert (await api("POST", f"users/{user['id']}/lifecycle/activate"))[0] == 200
    assert (await api("GET", f"users/{user['id']}"))[1]["status"] == "ACTIVE"


@pytest.mark.parametrize("login", [LOGIN, LOGIN.upper(), "jéssie.smith@example.com"])
async def test_a_login_exists_once_without_regard_to_case_and_diacritics(api: Api, login: str) -> None:
    await api("POST", "users", person(LOGIN))
    status, error = await api("POST", "users", person(login))
    expected = sample("error.duplicate-login.E0000001.json")
    assert (status, error["errorCode"], error["errorCauses"]) == (400, "E0000001", expected["errorCauses"])
    assert len(api.org.users) == 1


@pytest.mark.parametrize(
    "change, named",
    [
        ({"login": "a@b"}, "login"),
        ({"login": "no address"}, "login"),
        ({"email": ""}, "email"),
        ({"firstName": "x" * 51}, "firstName"),
        ({"unheardOf": "x"}, "unheardOf"),
    ],
)
async def test_a_profile_that_okta_refuses_is_refused_by_name(api: Api, change: dict[str, str], named: str) -> None:
    body = person(LOGIN)
    body["profile"] |= change
    status, error = await api("POST", "users", body)
    assert (status, error["errorCode"]) == (400, "E0000001")
    assert any(cause["errorSummary"].startswith(named) for cause in error["errorCauses"])


async def test_a_user_is_found_by_id_and_by_login(api: Api) -> None:
    _, user = await api("POST", "users", person(LOGIN))
    for name in (user["id"], LOGIN):
        assert (await api("GET", f"users/{name}"))[1]["id"] == user["id"]
    status, error = await api("GET", "users/nobody@example.com")
    assert (status, error["errorCode"]) == (404, "E0000007")


async def test_a_list_is_paged_by_links_that_lead_to_every_user_once(api: Api) -> None:
    expected = {api.org.add_user(f"user{number}@example.com").id for number in range(7)}
    status, page, headers = await api.whole("GET", "users", limit="3")
    found = [user["id"] for user in page]
    while following := next_link(headers.getall("Link")):
        status, page, headers = await api.whole("GET", following)
        found += [user["id"] for user in page]
    assert status == 200
    assert (len(found), set(found)) == (7, expected)


async def test_links_come_as_separate_headers(api: Api) -> None:
    for number in range(3):
        api.org.add_user(f"user{number}@example.com")
    _, _, headers = await api.whole("GET", "users", limit="2")
    assert [link.rpartition("rel=")[2] for link in headers.getall("Link")] == ['"self"', '"next"']


async def test_filter_and_search_find_by_login_and_not_by_credentials(api: Api) -> None:
    await api("POST", "users", person(LOGIN))
    for name in ("filter", "search"):
        _, found = await api("GET", "users", **{name: f'profile.login eq "{LOGIN}"'})
        assert [user["profile"]["login"] for user in found] == [LOGIN]
        status, error = await api("GET", "users", **{name: 'credentials.provider.type eq "IMPORT"'})
        assert (status, error["errorCode"]) == (400, "E0000053")


async def test_search_finds_a_new_user_only_after_a_while(api: Api) -> None:
    api.org.switch(search_lag=60.0)
    await api("POST", "users", person(LOGIN))
    assert await api("GET", "users", search='status eq "ACTIVE"') == (200, [])
    api.org.clock.advance(seconds=61)
    assert len((await api("GET", "users", search='status eq "ACTIVE"'))[1]) == 1


async def test_the_deprovisioned_are_listed_only_when_asked_for(api: Api) -> None:
    user = api.org.add_user(LOGIN)
    await api("POST", f"users/{user.id}/lifecycle/deactivate")
    assert await api("GET", "users") == (200, [])
    assert len((await api("GET", "users", filter='status eq "DEPROVISIONED"'))[1]) == 1


async def test_a_reset_leaves_import_without_an_import_event(api: Api) -> None:
    user = api.org.add_user(LOGIN)
    assert (await api("POST", f"users/{user.id}/lifecycle/reset_password", sendEmail="false"))[0] == 200
    _, shown = await api("GET", f"users/{user.id}")
    assert (shown["status"], shown["credentials"]["provider"]["type"]) == ("RECOVERY", "OKTA")
    types = [record.type for record in api.org.log.records]
    assert ("user.account.reset_password" in types, "user.import.password" in types) == (True, False)


async def test_a_suspended_user_comes_back_and_a_deleted_one_does_not(api: Api) -> None:
    user = api.org.add_user(LOGIN)
    await api("POST", f"users/{user.id}/lifecycle/suspend")
    assert (await api.org.sign_in(LOGIN, "x")).outcome is Outcome.NOT_ACTIVE
    await api("POST", f"users/{user.id}/lifecycle/unsuspend")
    assert (await api.org.sign_in(LOGIN, "x")).outcome is Outcome.NO_HOOK
    assert (await api("POST", f"users/{user.id}/lifecycle/unsuspend"))[0] == 400
    for _ in range(2):
        assert (await api("DELETE", f"users/{user.id}"))[0] == 204
    assert (await api("GET", f"users/{user.id}"))[0] == 404


async def test_an_update_with_a_hook_re_arms_and_is_counted(api: Api) -> None:
    user = api.org.add_user(LOGIN, password="password1")
    body = {"credentials": {"password": {"hook": {"type": "default"}}}}
    assert (await api("POST", f"users/{user.id}", body))[1]["credentials"]["provider"]["type"] == "IMPORT"
    assert user.rearmed == 1


async def test_a_changed_password_is_the_org_s_own(api: Api) -> None:
    user = api.org.add_user(LOGIN)
    await api("POST", f"users/{user.id}", {"credentials": {"password": {"value": "another-1"}}})
    assert api.org.provider_of(LOGIN) == "OKTA"
    assert (await api.org.sign_in(LOGIN, "another-1")).signed_in
    body = {"oldPassword": {"value": "another-1"}, "newPassword": {"value": "third-2"}}
    assert (await api("POST", f"users/{user.id}/credentials/change_password", body))[0] == 200
    assert (await api.org.sign_in(LOGIN, "third-2")).signed_in
    assert (await api("POST", f"users/{user.id}/credentials/change_password", body))[0] == 403


def bcrypt_hash(password: bytes) -> dict[str, Any]:
    whole = bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()
    return {"algorithm": "BCRYPT", "workFactor": 4, "salt": whole[7:29], "value": whole[29:]}


def salted(name: str, algorithm: str, order: str) -> dict[str, Any]:
    parts = [b"salt", b"password1"] if order == "PREFIX" else [b"password1", b"salt"]
    value = base64.b64encode(hashlib.new(name, b"".join(parts)).digest()).decode()
    return {"algorithm": algorithm, "salt": base64.b64encode(b"salt").decode(), "saltOrder": order, "value": value}


def pbkdf2() -> dict[str, Any]:
    value = hashlib.pbkdf2_hmac("sha512", b"password1", b"salt", 4096, 32)
    return {
        "algorithm": "PBKDF2",
        "salt": base64.b64encode(b"salt").decode(),
        "value": base64.b64encode(value).decode(),
        "iterationCount": 4096,
        "keySize": 32,
        "digestAlgorithm": "SHA512_HMAC",
    }


@pytest.mark.parametrize(
    "members",
    [
        bcrypt_hash(b"password1"),
        pbkdf2(),
        salted("sha512", "SHA-512", "PREFIX"),
        salted("sha256", "SHA-256", "POSTFIX"),
        salted("sha1", "SHA-1", "POSTFIX"),
        salted("md5", "MD5", "PREFIX"),
    ],
    ids=lambda members: str(members["algorithm"]),
)
async def test_an_imported_hash_is_checked_at_the_first_sign_in_and_reported(api: Api, members: dict[str, Any]) -> None:
    _, user = await api("POST", "users", person(LOGIN, hash=members))
    assert user["credentials"]["provider"]["type"] == "IMPORT"
    assert not (await api.org.sign_in(LOGIN, "password2")).signed_in
    result = await api.org.sign_in(LOGIN, "password1")
    assert (result.signed_in, result.imported, result.hook_called) == (True, True, False)
    assert [record.type for record in api.org.log.records].count("user.import.password") == 1
    assert api.org.provider_of(LOGIN) == "OKTA"


@pytest.mark.parametrize("name, password", [("sha512", "Abcd1234"), ("md5", "Abcd1234"), ("sha1", "P@ssw0rd")])
async def test_okta_s_own_samples_verify(api: Api, name: str, password: str) -> None:
    credential = sample(f"credential.hash.{name}.json")["password"]["hash"]
    assert (await api("POST", "users", person(LOGIN, hash=credential)))[0] == 200
    assert (await api.org.sign_in(LOGIN, password)).imported


@pytest.mark.parametrize(
    "change",
    [{"workFactor": 21}, {"workFactor": None}, {"salt": "short"}, {"algorithm": "ARGON2"}, {"value": "short"}],
    ids=str,
)
async def test_a_hash_that_okta_can_t_import_is_refused(api: Api, change: dict[str, object]) -> None:
    status, error = await api("POST", "users", person(LOGIN, hash=bcrypt_hash(b"x") | change))
    assert (status, error["errorCode"], len(api.org.users)) == (400, "E0000001", 0)


async def test_a_hash_can_t_be_put_on_an_active_user(api: Api) -> None:
    user = api.org.add_user(LOGIN)
    body = {"credentials": {"password": {"hash": bcrypt_hash(b"x")}}}
    assert (await api("POST", f"users/{user.id}", body))[0] == 400
    assert user.password_hook


async def test_users_are_put_into_groups(api: Api) -> None:
    user = api.org.add_user(LOGIN)
    _, group = await api("POST", "groups", {"profile": {"name": "Migration 2026-11-22"}})
    for _ in range(2):
        assert (await api("PUT", f"groups/{group['id']}/users/{user.id}"))[0] == 204
    assert [member["id"] for member in (await api("GET", f"groups/{group['id']}/users"))[1]] == [user.id]
    assert [found["id"] for found in (await api("GET", "groups", q="migration"))[1]] == [group["id"]]
    assert (await api("POST", "groups", {"profile": {"name": "Migration 2026-11-22"}}))[0] == 400


async def test_a_user_can_be_created_into_a_group(api: Api, org: Org) -> None:
    _, group = await api("POST", "groups", {"profile": {"name": "Migration"}})
    await api("POST", "users", person(LOGIN) | {"groupIds": [group["id"]]})
    assert len((await api("GET", f"groups/{group['id']}/users"))[1]) == 1
    assert (await api("POST", "users", person("b@example.com") | {"groupIds": ["00g"] * 21}))[0] == 400


async def test_a_user_made_through_the_api_signs_in_through_the_hook(api: Api, service: Service) -> None:
    api.org.set_password_hook(f"{service.url}/password", SECRET)
    await api("POST", "users", person(LOGIN))
    body = {"username": LOGIN, "password": "password1"}
    async with api.session.post(f"{api.org.url}/api/v1/authn", json=body) as response:
        assert (response.status, (await response.json())["status"]) == (200, "SUCCESS")
    (call,) = service.calls
    assert call.body["data"]["context"]["request"]["url"]["value"] == "/api/v1/authn"


async def test_a_wrong_password_at_authn_is_401_e0000004(api: Api) -> None:
    api.org.add_user(LOGIN, password="password1")
    async with api.session.post(f"{api.org.url}/api/v1/authn", json={"username": LOGIN, "password": "x"}) as response:
        assert (response.status, (await response.json())["errorCode"]) == (401, "E0000004")


def next_link(links: list[str]) -> str | None:
    return next((link[1 : link.index(">")] for link in links if 'rel="next"' in link), None)


async def test_a_refused_update_changes_nothing(api: Api) -> None:
    api.org.add_user("kim.sato@example.com")
    user = api.org.add_user(LOGIN, password="password1")
    body = {"profile": {"login": "kim.sato@example.com"}, "credentials": {"password": {"hook": {"type": "default"}}}}
    assert (await api("POST", f"users/{user.id}", body))[0] == 400
    assert (user.login, user.rearmed) == (LOGIN, 0)
