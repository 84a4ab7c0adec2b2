"""`/okta/events`: the verification of the event hook, and the effects of its deliveries."""

import asyncio
import io
import json
from pathlib import Path

import asyncpg
import pytest

from service.okta.events import ImportEvent, Unreadable, parse_delivery
from service.settings import ForgetWhen
from service.store.accounts import login_key
from service.web.parts import Parts
from tests.people import delivery, event, hashes_of, sign_in, state_of
from tests.service_fixtures import Add, Client

SAMPLES = Path(__file__).parents[1] / "okta" / "samples"
CHALLENGE = "x-okta-verification-challenge"


async def deliver(client: Client, body: bytes, **headers: str) -> int:
    answer = await client.post("/okta/events", data=io.BytesIO(body), headers=headers)
    assert await answer.read() == b"" or answer.status != 204
    return answer.status


async def effects(pool: asyncpg.Pool) -> dict[str, str]:
    return {row["uuid"]: row["effect"] for row in await pool.fetch("SELECT uuid, effect FROM import_events")}


async def test_the_challenge_is_echoed(client: Client) -> None:
    answer = await client.get("/okta/events", headers={CHALLENGE: "Ab-_.~9"})
    assert (answer.status, await answer.json()) == (200, {"verification": "Ab-_.~9"})


@pytest.mark.parametrize("challenge", [None, "", "x" * 513, "with space", "umläut"])
async def test_what_is_no_challenge_is_refused(client: Client, challenge: str | None) -> None:
    answer = await client.get("/okta/events", headers={} if challenge is None else {CHALLENGE: challenge})
    assert answer.status == 400


async def test_a_success_makes_a_tombstone_and_deletes_the_hash(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "password2", okta_id="00u1kim")
    assert await deliver(client, delivery(event("e1", "00u1kim", "renamed@example.com"))) == 204
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("migrated", 0)
    assert await pool.fetchval("SELECT proof FROM accounts WHERE id = $1", kim.id) == "e1"
    assert await effects(pool) == {"e1": "migrated"}


async def test_a_success_deletes_the_hashes_of_every_source(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "password2")
    await pool.execute("INSERT INTO sources (name) VALUES ('second')")
    await pool.execute(
        "INSERT INTO hashes (account_id, source_id, recipe_id, hash) "
        "SELECT account_id, (SELECT id FROM sources WHERE name = 'second'), recipe_id, hash FROM hashes"
    )
    assert await hashes_of(pool, kim) == 2
    await deliver(client, delivery(event("e1", "00u1kim", "kim@example.com")))
    assert await hashes_of(pool, kim) == 0


@pytest.mark.parametrize("result", ["FAILURE", "SKIPPED", "ALLOW", "UNKNOWN", "success", "SUCCESS ", "DEFERRED"])
async def test_anything_but_exactly_success_keeps_the_hash(
    client: Client, add: Add, pool: asyncpg.Pool, result: str
) -> None:
    kim = await add("kim@example.com", "password2")
    assert await deliver(client, delivery(event("e1", "00u1kim", "kim@example.com", result))) == 204
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("waiting", 1)
    assert await effects(pool) == {"e1": "kept"}


async def test_an_event_binds_the_okta_id_to_the_account_with_exactly_that_login(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    kim = await add("Kim.Sató@example.com", "password2")
    await deliver(client, delivery(event("e1", "00u1kim", "kim.sato@EXAMPLE.com", "FAILURE")))
    assert await pool.fetchval("SELECT okta_id FROM accounts WHERE id = $1", kim.id) == "00u1kim"
    assert await state_of(pool, kim) == "waiting"


async def test_an_event_never_means_an_account_by_a_short_name_or_another_identifier(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "password2", identifiers=("k.sato@home.example",))
    await deliver(client, delivery(event("e1", "00u1", "kim"), event("e2", "00u2", "k.sato@home.example")))
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("waiting", 1)
    assert await effects(pool) == {"e1": "unmatched", "e2": "unmatched"}


async def test_a_conflicting_okta_id_is_a_mismatch_and_deletes_nothing(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "password2", okta_id="00u1kim")
    assert await deliver(client, delivery(event("e1", "00u1other", "kim@example.com"))) == 204
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("waiting", 1)
    assert await effects(pool) == {"e1": "mismatch"}


async def test_the_id_counts_before_the_login(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "password2", okta_id="00u1kim")
    jessie = await add("jessie@example.com", "password1")
    await deliver(client, delivery(event("e1", "00u1kim", "jessie@example.com")))
    assert [await state_of(pool, person) for person in (kim, jessie)] == ["migrated", "waiting"]


async def test_a_user_among_the_targets_is_found_wherever_it_stands_and_the_actor_only_without_one(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "password2", okta_id="00u1kim")
    jessie = await add("jessie@example.com", "password1", okta_id="00u1jessie")
    by_target = event("e1", "00u1kim") | {"actor": {"id": "00u1jessie", "type": "User"}}
    await deliver(client, delivery(by_target))
    assert [await state_of(pool, person) for person in (kim, jessie)] == ["migrated", "waiting"]
    by_actor = event("e2", "00u1jessie") | {"target": None}
    await deliver(client, delivery(by_actor))
    assert await state_of(pool, jessie) == "migrated"


async def test_an_actor_that_is_no_user_is_nobody(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    await add("kim@example.com", "password2", okta_id="00u1kim")
    system = event("e1") | {"target": [], "actor": {"id": "00u1kim", "type": "SystemPrincipal"}}
    assert await deliver(client, delivery(system)) == 204
    assert await pool.fetchval("SELECT fault FROM unreadable_events") == "no_user"


async def test_the_same_delivery_again_changes_nothing(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    await add("kim@example.com", "password2")
    body = delivery(event("e1", "00u1kim", "kim@example.com"))
    dump = "SELECT *, xmin::text FROM accounts", "SELECT *, xmin::text FROM import_events"
    assert await deliver(client, body) == 204
    before = [await pool.fetch(query) for query in dump]
    assert [await deliver(client, body) for _ in range(3)] == [204] * 3
    assert await deliver(client, delivery(event("e1", "00u1kim", "kim@example.com"), event_id="another")) == 204
    assert [await pool.fetch(query) for query in dump] == before


async def test_a_failure_after_the_success_brings_nothing_back(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "password2")
    await deliver(client, delivery(event("e2", "00u1kim", "kim@example.com", published="2026-11-22T11:00:00Z")))
    late = event("e1", "00u1kim", "kim@example.com", "FAILURE", published="2026-11-22T10:00:00Z")
    assert await deliver(client, delivery(late)) == 204
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("migrated", 0)


async def test_another_success_for_a_tombstone_is_recorded_and_changes_nothing(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "password2")
    await deliver(client, delivery(event("e1", "00u1kim", "kim@example.com")))
    await deliver(client, delivery(event("e2", "00u1kim", "kim@example.com")))
    assert await effects(pool) == {"e1": "migrated", "e2": "already"}
    assert await pool.fetchval("SELECT proof FROM accounts WHERE id = $1", kim.id) == "e1"


async def test_one_bad_or_foreign_event_does_not_fail_the_others(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "password2")
    bad: list[object] = [
        None, 7, "text", [], {}, {"eventType": None}, {"eventType": "user.import.password"},
        event("n1", "00u\0", "kim@example.com"), event("n2", "00u1", "\ud800"),
        event("n3", "00u1", "kim@example.com") | {"outcome": None},
        {"eventType": "user.session.start", "uuid": 7},
    ]  # fmt: skip
    assert await deliver(client, delivery(*bad, event("e1", "00u1kim", "kim@example.com"), *bad)) == 204
    assert await state_of(pool, kim) == "migrated"
    assert await effects(pool) == {"e1": "migrated"}
    kept = await pool.fetch("SELECT fault, body FROM unreadable_events")
    assert len(kept) == 10
    assert {row["fault"] for row in kept} == {"not_an_object", "no_outcome", "not_text"}


async def test_text_that_no_index_holds_does_not_fail_the_others(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "password2")
    long = "".join(chr(0x4E00 + 7919 * number % 20000) for number in range(1000))  # 3,000 incompressible bytes
    bad = [event(long, "00u1", "a@example.com"), event("n1", long, "b@example.com"), event("n2", "00u2", long)]
    # Its key is three times as long.
    widest = event("n3", "00u3", "".join(chr(0x1D160 + 3 * number % 5) for number in range(256)))
    assert await deliver(client, delivery(*bad, widest, event("e1", "00u1kim", "kim@example.com"))) == 204
    assert (await state_of(pool, kim), await effects(pool)) == ("migrated", {"n3": "unmatched", "e1": "migrated"})
    assert await pool.fetchval("SELECT count(*) FROM unreadable_events WHERE fault = 'not_text'") == 3


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe\x00", b"{", b"[]", b"null", b'{"data": {"events": {}}}', b"[" * 9000], ids=repr
)
async def test_a_delivery_that_cannot_be_read_is_kept_raw_once_and_acknowledged(
    client: Client, pool: asyncpg.Pool, body: bytes
) -> None:
    assert [await deliver(client, body) for _ in range(2)] == [204, 204]
    assert [row["body"] for row in await pool.fetch("SELECT body FROM unreadable_events")] == [body]


async def test_a_delivery_with_a_great_many_faults_is_kept_as_a_whole(client: Client, pool: asyncpg.Pool) -> None:
    body = delivery(*range(5000))
    assert await deliver(client, body) == 204
    rows = await pool.fetch("SELECT fault, body FROM unreadable_events")
    assert [(row["fault"], row["body"]) for row in rows] == [("too_many_faults", body)]


async def test_an_event_without_uuid_is_known_by_its_digest(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    await add("kim@example.com", "password2")
    nameless = event("e1", "00u1kim", "kim@example.com") | {"uuid": None}
    await deliver(client, delivery(nameless))
    await deliver(client, delivery(nameless, event_id="another"))
    (uuid,) = await effects(pool)
    assert uuid.startswith("sha256:")


async def test_the_media_type_of_a_delivery_does_not_matter(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "password2")
    body = delivery(event("e1", "00u1kim", "kim@example.com"))
    assert await deliver(client, body, **{"Content-Type": "text/plain; charset=utf-7"}) == 204
    assert await state_of(pool, kim) == "migrated"


async def test_a_large_delivery_is_read_whole(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    people = [await add(f"p{number}@example.com", "x") for number in range(3)]
    foreign = {"eventType": "user.session.start", "filler": "x" * 1000}
    events = [event(f"e{number}", f"00u{number}", person.login) for number, person in enumerate(people)]
    assert await deliver(client, delivery(*[foreign] * 3000, *events)) == 204
    assert [await state_of(pool, person) for person in people] == ["migrated"] * 3


async def test_without_a_database_a_delivery_is_asked_for_again(client: Client, add: Add, parts: Parts) -> None:
    await parts.database.close()
    answer = await client.post("/okta/events", data=delivery(event("e1", "00u1", "kim@example.com")))
    assert (answer.status, (await answer.json())["error"]["code"]) == (503, "database_away")


async def test_a_success_that_needs_a_verified_of_ours_waits_for_one(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    parts.forget_when = ForgetWhen.VERIFIED
    kim = await add("kim@example.com", "password2")
    await deliver(client, delivery(event("e1", "00u1kim", "kim@example.com")))
    assert (await effects(pool), await hashes_of(pool, kim)) == ({"e1": "unexplained"}, 1)
    body = sign_in(kim.login, "password2")
    await client.post("/okta/password-import", data=body, headers={"Content-Type": "application/json"})
    old = event("e2", "00u1kim", "kim@example.com", published="2020-01-01T00:00:00Z")
    await deliver(client, delivery(old))
    assert (await effects(pool))["e2"] == "unexplained"
    await deliver(client, delivery(event("e3", "00u1kim", "kim@example.com", published="9999-12-31T23:59:59Z")))
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("migrated", 0)


async def test_many_deliveries_of_the_same_people_at_once_end_as_one_would(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    people = [await add(f"p{number}@example.com", "x") for number in range(20)]
    events = [event(f"e{number}", f"00u{number}", person.login) for number, person in enumerate(people)]
    bodies = [delivery(*events), delivery(*reversed(events)), delivery(*events[10:], *events[:10])] * 4
    assert await asyncio.gather(*(deliver(client, body) for body in bodies)) == [204] * len(bodies)
    assert await pool.fetchval("SELECT count(*) FROM accounts WHERE state = 'migrated'") == 20
    assert set((await effects(pool)).values()) == {"migrated"}


@pytest.mark.parametrize("name", ["event-hook", "constructed", "third-party"])
async def test_official_deliveries_are_acknowledged_and_readable(client: Client, name: str) -> None:
    samples = [path for path in (SAMPLES / name).glob("*.json") if "delivery" in path.name]
    assert samples
    for sample in samples:
        body = sample.read_bytes()
        assert await deliver(client, body) == 204
        assert parse_delivery(body).unreadable == ()


def test_events_are_read_in_the_order_of_published_not_of_arrival() -> None:
    sample = SAMPLES / "constructed" / "delivery.batch.out-of-order.mixed.json"
    read = parse_delivery(sample.read_bytes())
    assert [each.outcome for each in read.events] == ["FAILURE", "SUCCESS"]
    assert read.foreign == 1


def test_unreadable_bytes_do_not_show_in_a_repr() -> None:
    read = parse_delivery(b'{"password": "marked-secret"')
    assert isinstance(read.unreadable[0], Unreadable)
    assert "marked-secret" not in repr(read)


def test_a_time_that_is_none_is_no_fault() -> None:
    for published in ("2017-09-31T22:23:07.777Z", "yesterday", "", None, 7, "0001-01-01T00:00:00+14:00"):
        body = json.dumps({"data": {"events": [event("e1", "00u1") | {"published": published}]}}).encode()
        (read,) = parse_delivery(body).events
        assert isinstance(read, ImportEvent)
        assert read.published is None


def test_login_keys_ignore_case_and_diacritics() -> None:
    assert login_key("ÉMILE@Example.com") == login_key("emile@example.COM") == "emile@example.com"
    assert login_key("İSTANBUL") == login_key("istanbul")
    assert login_key("straße") == login_key("STRASSE")
