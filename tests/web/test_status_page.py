"""The status page: for an empty store, during a migration, and with every fault at once."""

import asyncio
import base64
import hashlib
import html
import os
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from typer.testing import CliRunner, Result

from service.administration import counting
from service.administration.counting import count_accounts, count_if_due
from service.app import make_admin_app, make_parts
from service.cli import app as commands
from service.settings import Settings
from service.store import figures
from service.store.database import Database, DatabaseUnavailable
from service.store.figures import EventFigures, HooksCheck, LogRead, ReplicaFigures, StoredFigures, keep_hooks_check
from service.store.name_report import count_names
from service.telemetry import Telemetry
from service.web.parts import Parts
from service.web.status_page.charts import ticks
from service.web.status_page.recorder import Recorder, quantile, times_of
from service.web.status_page.render import status_page
from service.web.status_page.view import Level, View, make_view
from tests.people import add_hash, delivery, event, plain, sign_in
from tests.service_fixtures import PASSWORD, PATIENCE, USER, Add, Client, settings_of

JSESSIE = "jessie.smith@example.com"
NOW = datetime(2026, 11, 25, 9, 42, 15, tzinfo=UTC)
Page = TestClient[web.Request, web.Application]
Command = Callable[..., Awaitable[Result]]


@pytest.fixture
def settings(database_url: str) -> Settings:
    # The other implementations of bcrypt are verified at start, which takes longer than a page.
    return settings_of(database_url=database_url, basic_auth_user=USER, basic_auth_password=PASSWORD, bcrypt="package")


@pytest.fixture
async def admin(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Page]:
    monkeypatch.setattr(counting, "WAIT", PATIENCE)  # a busy machine counts late
    async with TestClient(TestServer(make_admin_app(parts))) as client:
        yield client


async def shown(admin: Page) -> str:
    answer = await admin.get("/")
    assert answer.status == 200
    return await answer.text()


def words(page: str) -> str:
    """Return the text of a page as a person reads it, on one line."""
    page = re.sub(r"<(style|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def test_an_empty_store_says_how_to_begin(admin: Page) -> None:
    page = words(await shown(admin))
    assert "No account is loaded. Begin with password-import load" in page
    assert "Not ready" in page
    assert "This replica is not ready: no account is loaded." in page


async def test_the_page_counts_states_sign_ins_and_events(
    admin: Page, client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    people = [await add(f"p{number}@example.com", "password1", okta_id=f"00u{number}") for number in range(3)]
    await add("unarmed@example.com")
    for person, password in [(people[0], "password1"), (people[1], "password1"), (people[2], "wrong")]:
        await client.post("/okta/password-import", data=sign_in(person.login, password), headers=JSON)
    await client.post("/okta/password-import", data=sign_in("nobody@example.com", "x"), headers=JSON)
    published = datetime.now(UTC).isoformat()
    await client.post("/okta/events", data=delivery(event("e1", "00u0", published=published)), headers=JSON)
    page = words(await shown(admin))
    assert "25.0 % 1 of 4 accounts migrated · 1 today" in page
    assert (
        "migrated 1 verified, waiting for Okta 1 retired 0 waiting for a first sign-in 1 without a usable hash 1"
        in page
    )
    assert "2 verified 1 wrong password 1 unknown login" in page
    assert "bcrypt 4 2" in page
    assert re.search(r"Last event by the event hook \d+ s ago", page)
    assert "Ready" in page


JSON = {"Content-Type": "application/json"}


async def test_the_page_names_nobody(admin: Page, client: Client, add: Add) -> None:
    await add("jessie.smith@example.com", "password1")
    for login in ("jessie.smith@example.com", "nobody@example.com"):
        await client.post("/okta/password-import", data=sign_in(login, "password1"), headers=JSON)
    page = await shown(admin)
    assert "jessie" not in page
    assert "nobody@" not in page
    assert "/account" not in page


async def test_the_page_fetches_nothing_and_its_style_has_the_digest_of_its_policy(admin: Page) -> None:
    answer = await admin.get("/")
    page, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<script|\sstyle=|\son\w+=|https?://|url\(", page)


async def test_the_stored_names_are_escaped(admin: Page, add: Add, pool: asyncpg.Pool) -> None:
    evil = "<script>alert('x')</script>"
    person = await add("kim@example.com", "password1", source=evil)
    await pool.execute("UPDATE recipes SET cost = $1", evil)
    await pool.execute(
        "INSERT INTO import_events (uuid, outcome, reason, channel, account_id, effect) "
        "VALUES ('e1', 'FAILURE', $1, 'hook', $2, 'kept')",
        evil, person.id,
    )  # fmt: skip
    await pool.execute("INSERT INTO leases VALUES ('reconcile', 1, $1, now() + interval '1 h')", evil)
    page = await shown(admin)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 4


async def test_a_reason_of_okta_s_that_may_name_somebody_is_not_shown(
    database: Database, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add("kim@example.com", "password1")
    await pool.execute(
        "INSERT INTO import_events (uuid, outcome, reason, channel, account_id, effect) "
        "VALUES ('e1', 'FAILURE', 'kim@example.com is locked', 'hook', $1, 'kept')",
        person.id,
    )
    assert (await count_accounts(database))["failures"] == [["other", 1]]


async def test_replicas_stand_side_by_side_and_add_up(
    admin: Page, parts: Parts, database: Database, settings: Settings
) -> None:
    other = Recorder(telemetry_with(verified=7), parts.verifier, parts.bcrypt)
    await other.write(database)
    parts.telemetry.sign_ins.labels("verified").inc(2)
    page = words(await shown(admin))
    assert "2 replicas" in page
    assert "9 verified" in page


async def test_a_minute_that_is_written_again_counts_once(parts: Parts, database: Database) -> None:
    recorder = parts.recorder
    parts.telemetry.sign_ins.labels("verified").inc(2)
    await recorder.write(database)
    parts.telemetry.sign_ins.labels("verified").inc()
    await recorder.write(database)
    await recorder.write(database)
    async with database.connection() as connection:
        (stored,) = (await figures.read_figures(connection)).replicas
    assert stored.counts["sign_in.verified"] == 3


async def test_what_could_not_be_written_is_written_the_next_time(parts: Parts, database: Database) -> None:
    parts.telemetry.sign_ins.labels("verified").inc(2)
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await parts.recorder.write(database)
    await database.open()
    await parts.recorder.write(database)
    async with database.connection() as connection:
        (stored,) = (await figures.read_figures(connection)).replicas
    assert stored.counts["sign_in.verified"] == 2


async def test_a_replica_that_stops_leaves_and_its_last_hour_stays(database: Database, settings: Settings) -> None:
    async with make_parts(settings, database) as parts:
        parts.telemetry.sign_ins.labels("verified").inc(5)
        await parts.recorder.write(database)
        await asyncio.sleep(0)
    async with database.connection() as connection:
        stored = await figures.read_figures(connection)
    assert stored.replicas == ()
    assert stored.counts_of_stopped["sign_in.verified"] == 5


def test_minutes_older_than_an_hour_are_forgotten(parts: Parts) -> None:
    telemetry = telemetry_with(verified=1)
    recorder = Recorder(telemetry, parts.verifier, parts.bcrypt)
    recorder.take(datetime.now(UTC) - timedelta(minutes=61))
    telemetry.sign_ins.labels("verified").inc(2)
    assert recorder.figures().counts["sign_in.verified"] == 2


async def test_without_a_database_the_page_shows_this_replica_and_says_so(
    admin: Page, parts: Parts, database: Database, add: Add
) -> None:
    await add("kim@example.com", "password1")
    await Recorder(telemetry_with(verified=7), parts.verifier, parts.bcrypt).write(database)
    await shown(admin)
    parts.telemetry.sign_ins.labels("verified").inc(2)
    await database.close()
    page = words(await shown(admin))
    assert "The database cannot be reached. The figures of the last hour are those of this replica alone" in page
    assert "Sign-ins, last hour, this replica 2 verified" in page
    assert "0 of 1 accounts migrated" in page
    assert "Not ready" in page


async def test_a_page_before_the_first_look_at_the_database_has_no_counts(parts: Parts, database: Database) -> None:
    await database.close()
    page = words(status_page(await parts.page_figures.view(parts.recorder.figures())))
    assert "The database was never reached." in page


async def test_tables_that_are_missing_are_not_called_a_database_that_is_away(admin: Page, pool: asyncpg.Pool) -> None:
    await pool.execute("DROP TABLE replicas")
    page = words(await shown(admin))
    assert "The tables of the status page are missing, or this role may not read them." in page
    assert "Run password-import migrate" in page


# Counting.


async def test_slices_add_up_to_the_counts_of_the_whole(
    database: Database, add: Add, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [await add(f"p{number}@example.com", "password1") for number in range(5)]
    await add("unarmed@example.com")
    async with pool.acquire() as proxy:
        await add_hash(plain(proxy), people[0].id, b"x", "second", "phpass")
    await pool.execute(
        "UPDATE accounts SET state = 'verified', verified_at = now() - interval '2 d' WHERE id = $1", people[1].id
    )
    await pool.execute("DELETE FROM hashes WHERE account_id = $1", people[2].id)
    await pool.execute(
        "UPDATE accounts SET state = 'migrated', forgotten_at = '2026-11-02T23:30Z', proof = 'x' WHERE id = $1",
        people[2].id,
    )
    await pool.execute("INSERT INTO provisionings VALUES ($1, 'hook', 'refused', now(), now(), 'x')", people[3].id)
    monkeypatch.setattr(figures, "SLICE", 2)
    counts = await count_accounts(database)
    assert counts["states"] == {"waiting": 3, "verified": 1, "migrated": 1, "unarmed": 1}
    assert counts["days"] == [["2026-11-02", "migrated", 1]]
    assert counts["formats"] == [["bcrypt", "bcrypt 4", 4], ["phpass", "phpass 4", 1]]
    assert counts["sources"] == [["legacy", 4], ["second", 1]]
    assert (counts["plain"], counts["keys"]) == (5, {})
    stuck = counts["stuck"]
    assert (stuck["verified_without_success"], stuck["refused_by_okta"], stuck["not_in_okta"]) == (1, 1, 3)


async def test_one_replica_counts_at_a_time_and_not_more_often_than_is_due(
    database: Database, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.connection() as connection:
        assert await figures.claim_count(connection)  # a replica that dies while it counts
        assert not await figures.claim_count(connection)
    await pool.execute("UPDATE account_counts SET claimed_until = now() - interval '1 s'")
    assert await count_if_due(database)
    assert not await count_if_due(database)
    await pool.execute("UPDATE account_counts SET counted_at = now() - interval '16 s'")
    assert await count_if_due(database)
    await pool.execute("UPDATE account_counts SET counted_at = now() - interval '16 s', seconds = 1")
    assert not await count_if_due(database)


async def test_ambiguous_names_are_those_of_the_last_report(database: Database, add: Add) -> None:
    for number in range(2):
        await add(f"p{number}@example.com", "password1", identifiers=("shared",))
    assert "ambiguous_names" not in (await count_accounts(database))["stuck"]
    async with database.connection() as connection:
        await count_names(connection)
    assert (await count_accounts(database))["stuck"]["ambiguous_names"] == 1


async def test_a_replica_that_was_killed_is_shown_for_some_minutes(
    admin: Page, parts: Parts, database: Database, pool: asyncpg.Pool
) -> None:
    await pool.execute("INSERT INTO replicas VALUES ('x', 'killed', now(), now() - interval '9 min', '{}')")
    assert "Replica killed has not written its figures for 5" in words(await shown(admin))
    await pool.execute("UPDATE replicas SET seen_at = now() - interval '11 min'")
    await parts.recorder.write(database)
    assert "killed" not in words(await shown(admin))


async def test_figures_of_another_version_do_not_break_the_page(admin: Page, pool: asyncpg.Pool, add: Add) -> None:
    await add("kim@example.com", "password1")
    await pool.execute("""INSERT INTO replicas VALUES ('x', 'other', now(), now(), '{"version": "0.9", "new": 1}')""")
    await pool.execute(
        """INSERT INTO account_counts VALUES (true, '{"states": {"waiting": 1}, "days": [], "new": 1,
        "events": {"new": 1}}', now(), 0, '-infinity')"""
    )
    page = words(await shown(admin))
    assert "other starting 0.9" in page
    assert "0 of 1 accounts migrated" in page


# Faults and their remedies.


def telemetry_with(**outcomes: int) -> Telemetry:
    telemetry = Telemetry()
    for outcome, number in outcomes.items():
        telemetry.sign_ins.labels(outcome).inc(number)
    return telemetry


def replica(
    name: str = "signin-1", *, own: bool = True, counts: dict[str, int] | None = None, **more: Any
) -> ReplicaFigures:
    described = {
        "version": "1.0.0", "cores": 4, "queued": 0, "running": 0, "refused": 0, "dropped": 0, "bcrypt": "package",
        "missing": [], "seconds": {}, "unknown_logins": 0,
    }  # fmt: skip
    seen = more.pop("seen_ago", timedelta())
    return ReplicaFigures(name, name, NOW - timedelta(hours=3), seen, described | more, Counter(counts or {}))


def stored(**given: Any) -> StoredFigures:
    counts = {
        "states": {"migrated": 5, "waiting": 5},
        "events": asdict(EventFigures()),
        "days": [],
        "plain": 0,
        "keys": {},
        "stuck": {},
        "formats": [],
    }
    figures_of = {
        "counts": counts | given.pop("counts", {}),
        "counted_at": NOW,
        "replicas": (),
        "counts_of_stopped": Counter(),
        "last_event": NOW,
        "last_delivered": NOW,
        "logs": (LogRead("example.okta.com", NOW, NOW),),
        "leases": (("reconcile", "signin-2"),),
        "call_failures": {},
        "hooks_check": HooksCheck(NOW, 0, 0),
    }
    return StoredFigures(**(figures_of | given))


def view(settings: Settings | None = None, own: ReplicaFigures | None = None, **given: Any) -> View:
    return make_view(settings or settings_of(), stored(**given), own or replica(), now=NOW)


def events(**given: Any) -> dict[str, Any]:
    """Return counts with figures on events."""
    return {"events": asdict(EventFigures(**({"migrated": 5} | given)))}


def test_a_healthy_migration_has_no_notice() -> None:
    assert view().notices == ()
    assert "Faults, and how to fix them" not in status_page(view())


LONG_AGO = NOW - timedelta(days=9)
SILENT = replica("signin-2", seen_ago=timedelta(seconds=45))
SIGNED_IN = replica(counts={"sign_in.verified": 1})
WRONG = replica(counts={"error.token_expired": 1, "error.credentials_wrong": 2})


@pytest.mark.parametrize(
    "level, text, given",
    [
        (Level.BAD, "not ready: the pepper P is not set", {"own": replica(missing=["the pepper P is not set"])}),
        (Level.BAD, "Replica signin-2 has not written its figures for 45 s", {"replicas": (SILENT,)}),
        (Level.WARN, "different versions: 1.0.0, 1.1.0", {"replicas": (replica("signin-2", version="1.1.0"),)}),
        (Level.BAD, "Faults in the last hour: out_of_time 3", {"own": replica(counts={"fault.out_of_time": 3})}),
        (Level.BAD, "The slowest 1 % of the sign-ins took 2.", {"own": replica(counts={"time.2.5": 9})}),
        (Level.WARN, "because all cores were busy: 12", {"own": replica(counts={"error.overloaded": 12})}),
        (Level.WARN, "missing or wrong credentials: 3", {"own": WRONG}),
        (Level.WARN, "accounts that have already migrated: 2", {"own": replica(counts={"sign_in.tombstone": 2})}),
        (Level.BAD, "the last hooks check found: 2", {"hooks_check": HooksCheck(NOW, 2, 0)}),
        (Level.WARN, "last checked 9 d ago", {"hooks_check": HooksCheck(LONG_AGO, 0, 0)}),
        (Level.WARN, "never checked", {"hooks_check": None}),
        (Level.BAD, "that name another Okta user or that no VERIFIED explains: 1.", {"counts": events(doubtful=1)}),
        (Level.BAD, "delivered nothing for 9 d", {"own": SIGNED_IN, "last_delivered": LONG_AGO}),
        (Level.BAD, "delivered nothing yet", {"own": SIGNED_IN, "last_delivered": None}),
        (Level.WARN, "System Log was never read", {"logs": ()}),
        (Level.WARN, "was last read 9 d ago", {"logs": (LogRead("example.okta.com", LONG_AGO, None),)}),
        (Level.WARN, "since the migration began: 4", {"call_failures": {"inline_hook.executed": 4}}),
        (Level.WARN, "not encrypted: 1,200", {"counts": {"plain": 1200}}),
        (Level.WARN, "whose password Okta has not stored: 6", {"counts": {"stuck": {"verified_without_success": 6}}}),
        (Level.WARN, "cannot be checked, and get 503: 2", {"counts": {"stuck": {"too_costly": 2}}}),
        (Level.WARN, "could not be read: 7", {"counts": {"stuck": {"unreadable_events": 7}}}),
        (Level.WARN, "listens on 0.0.0.0 without TLS", {"settings": settings_of(admin_host="0.0.0.0")}),  # noqa: S104
        (Level.WARN, "listens on admin.internal without TLS", {"settings": settings_of(admin_host="admin.internal")}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_fix(level: Level, text: str, given: dict[str, Any]) -> None:
    (notice,) = view(**given).notices
    assert (notice.level, text in notice.what, len(notice.fix) > 10) == (level, True, True), notice


def test_the_first_sign_ins_need_no_event_at_once() -> None:
    own = replica(counts={"sign_in.verified": 1})
    fresh = ReplicaFigures(own.id, own.name, NOW - timedelta(minutes=5), own.seen_ago, own.figures, own.counts)
    assert view(own=fresh, last_delivered=None).notices == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_tls(host: str) -> None:
    assert view(settings_of(admin_host=host)).notices == ()


def test_the_page_tells_the_share_that_only_the_log_brought_and_the_lag() -> None:
    page = words(status_page(view(counts=events(migrated=500, only_in_log=2, lag_median=4.1))))
    assert "Found only by reconcile 0.4 %" in page
    assert "VERIFIED to SUCCESS, median 4.1 s" in page


def test_what_is_left_out_of_a_list_is_said() -> None:
    formats = [[f"format{number}", f"format{number} 1", 5] for number in range(11)]
    assert "8 of 11 formats and costs" in words(status_page(view(counts={"formats": formats})))


def test_the_chart_forecasts_the_end_from_the_last_week() -> None:
    days = [[f"2026-11-{day:02}", "migrated", 100] for day in range(18, 25)]
    page = status_page(view(counts={"states": {"migrated": 700, "waiting": 500}, "days": days}))
    assert "100 a day in the last week" in page
    assert "expected end Nov 30, 2026, at the earliest" in page
    assert page.count('class="forecast"') == 2
    assert "2026-11-18: 100 migrated, 100 altogether" in page


def test_quantiles_are_those_of_prometheus() -> None:
    times = times_of(Counter({"time.0.05": 50, "time.0.1": 49, "time.+Inf": 1}))
    assert (times[3], times[4], times[-1]) == (50, 49, 1)
    assert quantile(0.5, times) == 0.05
    assert quantile(0.75, times) == pytest.approx(0.05 + 0.05 * 25 / 49)
    assert quantile(1.0, times) == 3.0
    assert quantile(0.5, [0] * 13) is None


@pytest.mark.parametrize(
    "highest, expected", [(0, [0]), (3, [0, 1, 2, 3]), (40_000, [0, 10_000, 20_000, 30_000, 40_000]), (7, [0, 2, 4, 6])]
)
def test_an_axis_has_round_numbers(highest: float, expected: list[int]) -> None:
    assert ticks(highest) == expected


# The same page in a file.


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    # Without its logging configuration, which would outlive the test.
    monkeypatch.setattr(sys.modules["service.cli.status"], "prepare", lambda: settings)

    async def call(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, commands, ["status", *arguments])

    return call


async def test_status_writes_the_page_to_a_file(command: Command, add: Add, database: Database, tmp_path: Path) -> None:
    await add("kim@example.com", "password1")
    async with database.connection() as connection:
        await keep_hooks_check(connection, HooksCheck(datetime.now(UTC) - timedelta(hours=2), 1, 0))
    file = tmp_path / "status.html"
    done = await command("--html", str(file))
    assert (done.exit_code, done.output) == (0, "")
    page = file.read_text()
    assert "0 of 1 accounts migrated" in words(page)
    assert "No replica runs" in words(page)
    assert "Last hooks check faults: 1, 2 h ago" in words(page)
    assert 'http-equiv="Content-Security-Policy"' in page
    assert "refresh" not in page
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["status.html"]


async def test_a_page_that_cannot_be_written_names_the_file(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "none" / "a.html"
    assert f"--html {file}: No such file or directory" in str((await command("--html", str(file))).exception)
    assert "goes with neither" in str((await command("--html", str(file), "--json")).exception)
