"""The player of a history against the service's features and a real store, which compares every step with the model."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg

from service.administration.rotate_keys import rotate_keys
from service.hashing.pool import HashingPool, SingleFlight
from service.import_events.record import Channel, record_delivery
from service.loading.files.row import Row as ExportRow
from service.loading.hashes import HashResolver
from service.loading.load import Load as LoadOf
from service.loading.sources import Source
from service.okta.events import parse_delivery
from service.okta.password_import import PasswordImportCall
from service.reconciliation.run import Reconciliation
from service.settings import ForgetWhen
from service.signin.throttling import LOGIN_FREE, PAIR_FREE
from service.signin.verify import PasswordVerifier
from service.store.accounts import login_key
from service.store.database import Database
from service.store.encryption import HashKeys
from service.store.retirement import end_of_programme, retire_accounts
from service.stored_hashes import HashOpener
from service.telemetry import Telemetry
from service.web.errors import error_response_for
from tests.histories.crashing import Fuse
from tests.histories.invariants import breaches
from tests.histories.model import Org, World, left_alone, may_follow, may_follow_both, meant_by_name, moves, verdict
from tests.histories.okta import OktaSide, wire
from tests.histories.sessions import Sessions
from tests.histories.steps import (
    KEYS,
    Call,
    ChangeUser,
    Crash,
    Deliver,
    Load,
    Lose,
    Reconcile,
    Restart,
    Retire,
    RotateKeys,
    Row,
    SignIn,
    Step,
    Together,
    Wait,
)
from tests.histories.store import SALTS, empty, observe, place_in_log
from tests.people import delivery

FORMULA = "sha256($salt.$pass)"
DEADLINE = 60.0
"""Seconds; late answers are tested elsewhere."""
FAULT = "503"


class Breach(AssertionError):
    """The store or an answer violates the rules."""


class _NoRejects:
    def write(self, row: object, reason: str) -> None:
        pass

    def close(self) -> None:
        pass


class Player:
    """The parts of the service over one store."""

    def __init__(self, dsn: str, observer: asyncpg.Connection, pool: HashingPool, forget_when: ForgetWhen) -> None:
        self._dsn = dsn
        self._observer = observer
        self._pool = pool
        self.forget_when = forget_when
        self._fuse = Fuse(observer)
        self._sessions = Sessions(dsn)
        self._org = Org()
        self._world = World()
        self._wrong: Counter[str] = Counter()
        self._failed: Exception | None = None
        self._keys = keys_of(None)

    async def play(self, history: Sequence[Step]) -> None:
        """Play a history. Raises `Breach`, which names the step and the observation."""
        await empty(self._observer)
        self._org, self._world = Org(), World()
        self._wrong.clear()
        self._keys = keys_of(None)
        self._verifier = self._new_verifier()
        try:
            for step in history:
                await self._step(step)
        except BaseException:
            # Work that ran concurrently with the failed step may still write: it must not affect the next history.
            await self.stop()
            await self.start()
            raise

    async def start(self) -> None:
        """Open the connections, which are reused by later histories: new ones would take most of the time."""
        self._database = Database(self._dsn, connections=4)
        await self._database.open()
        self._verifier = self._new_verifier()

    async def stop(self) -> None:
        await self._database.close()
        await self._sessions.close()

    def _new_verifier(self) -> PasswordVerifier:
        return PasswordVerifier(self._database, self._pool, SingleFlight(), HashOpener({}, self._keys), Telemetry())

    async def _step(self, step: Step) -> None:
        match step:
            case ChangeUser(okta_id, becomes):
                self._org.users[okta_id] = becomes
            case Lose(events):
                self._org.log += events
            case Restart():
                # The memory of the process is gone; new connections make no difference to the store.
                self._verifier = self._new_verifier()
            case Wait():
                await self._observer.execute("UPDATE failures SET since = since - interval '2 hours'")
                self._wrong.clear()
            case Together(first, second):
                await self._together(first, second)
            case Crash(call, statement, late):
                await self._expect(call)
                with self._fuse.burning(statement, late=late):
                    answers = await self._make(call)
                await self._judge(step, [(call, answers)], may_follow(self._world, self._moves(call)), faults=True)
            case _:
                await self._expect(step)
                answers = await self._make(step)
                await self._judge(step, [(step, answers)], may_follow(self._world, self._moves(step)))

    async def _together(self, first: Call, second: Call) -> None:
        await self._expect(first)
        await self._expect(second)
        answers = await asyncio.gather(self._make(first), self._make(second))
        grid = may_follow_both(self._world, self._moves(first), self._moves(second))
        made = list(zip((first, second), answers, strict=True))
        ends = grid[-1] + [
            world for call, other in ((first, second), (second, first)) if isinstance(call, Retire)
            for world in left_alone(self._world, call, self._moves(other))
        ]  # fmt: skip
        await self._judge(Together(first, second), made, [world for worlds in grid for world in worlds], ends=ends)

    async def _expect(self, call: Call) -> None:
        """Prepare a step: Okta logs what it delivers; before a fault a load has its session, and the log its cursor.

        Before the first hash is encrypted, every process has the keys (docs/encryption.md).
        """
        if isinstance(call, Deliver):
            self._org.log += call.events
        if isinstance(call, Load):
            await self._sessions.fill()
        if isinstance(call, RotateKeys) and self._keys.active is None:
            self._keys = self._verifier.opener.keys = keys_of(call.active)
        if isinstance(call, Reconcile):
            self._org.read = await place_in_log(self._observer)

    def _moves(self, call: Call) -> list[Any]:
        return list(moves(call, self._org, self.forget_when.value))

    async def _judge(
        self,
        step: Step,
        made: Sequence[tuple[Call, list[str]]],
        passed: Sequence[World],
        *,
        ends: Sequence[World] = (),
        faults: bool = False,
    ) -> None:
        """Compare answers with the worlds that were passed, and the store with those in which the step may end."""
        before, self._world = self._world, await observe(self._observer)
        may_end = list(passed if faults else ends or passed[-1:])
        for call, answers in made:
            for answer in answers:
                self._judge_answer(step, call, answer, passed, faults=faults)
            if isinstance(call, SignIn) and "VERIFIED" in answers:
                may_end += [_verified(world, login) for world in may_end for login in _meant(passed, call.name)]
        if self._world not in may_end:
            raise Breach(f"{step}\nwas in {before}\nis in {self._world}\nmay be in\n" + "\n".join(map(str, may_end)))
        acknowledged = [
            event.uuid for call, answers in made if isinstance(call, Deliver) and answers == ["204"]
            for event in call.events
        ]  # fmt: skip
        for breach in breaches(before, self._world, acknowledged):
            raise Breach(f"{step}\n{breach}\nwas in {before}\nis in {self._world}")

    def _judge_answer(self, step: Step, call: Call, answer: str, passed: Sequence[World], *, faults: bool) -> None:
        if faults and answer == FAULT:
            return
        if not isinstance(call, SignIn):
            if answer == FAULT:
                raise Breach(f"{step}\nfailed without a fault") from self._failed
            return
        right = {verdict(world, call.name, call.password) for world in passed}
        if answer == "429" and max(self._wrong[call.name], sum(self._wrong.values()) - LOGIN_FREE + PAIR_FREE) >= 1:
            return
        if answer not in right:
            raise Breach(f"{step}\nwas answered {answer}, not {' or '.join(sorted(right))}\nin {self._world}")

    # The calls and their results: a verdict, or a status

    async def _make(self, call: Call) -> list[str]:
        times = call.times if isinstance(call, SignIn) else 1
        answers = await asyncio.gather(*(self._answer(call) for _ in range(times)))
        if isinstance(call, SignIn):
            self._wrong[call.name] += sum(answer == "UNVERIFIED" for answer in answers)
        return answers

    async def _answer(self, call: Call) -> str:
        try:
            return await self._do(call)
        except Exception as error:
            if isinstance(error, AssertionError | TypeError | AttributeError | KeyError):
                raise
            self._failed = error
            return str(error_response_for(error).status)

    async def _do(self, call: Call) -> str:
        match call:
            case SignIn(name, password):
                asked = PasswordImportCall(name.title(), password, client_address="192.0.2.7")
                deadline = asyncio.get_running_loop().time() + DEADLINE
                return (await self._verifier.verify(asked, deadline=deadline)).verdict.value
            case Deliver(events):
                body = delivery(*(wire(event) for event in events))
                await record_delivery(
                    self._database, parse_delivery(body), channel=Channel.HOOK, forget_when=self.forget_when
                )
            case Load(source, rows):
                await self._load(source, rows)
            case Reconcile():
                work = Reconciliation(self._database, OktaSide(self._org), self.forget_when, allow_missing=True)
                await work.run()
            case Retire(login):
                await self._retire(login)
            case RotateKeys(active):
                self._keys = self._verifier.opener.keys = keys_of(active)
                await rotate_keys(self._database, self._keys)
        return "204"

    async def _load(self, source: str, rows: Sequence[Row]) -> None:
        async with self._sessions.session() as connection:
            resolver = HashResolver(Source(source, format=FORMULA), {})
            work = LoadOf(
                connection, Source(source, format=FORMULA), resolver, _NoRejects(), self.forget_when, keys=self._keys
            )
            exported = [ExportRow(line, _fields(row), None) for line, row in enumerate(rows, 1)]
            await work.run(iter(exported), lambda _totals: None)

    async def _retire(self, login: str) -> None:
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT id, okta_id FROM accounts WHERE login_key = $1", login_key(login))
        why = end_of_programme(datetime.now(UTC))
        await retire_accounts(self._database, [(row["id"], row["okta_id"], why) for row in rows])


def keys_of(active: str | None) -> HashKeys:
    """Return all keys, the active one first; none before there is one."""
    names = sorted(KEYS, key=lambda name: name != active) if active else []
    return HashKeys({name: name.encode() * 8 for name in names})


def _fields(row: Row) -> dict[str, object]:
    fields: dict[str, object] = {"login": row.login}
    if row.password is not None:
        salt = SALTS[row.password]
        digest = hashlib.sha256((salt + row.password).encode()).hexdigest()
        fields |= {"password_hash": digest, "salt": salt}
    if row.names is not None:
        fields["identifiers"] = list(row.names)
    return fields | ({"okta_id": row.okta_id} if row.okta_id else {})


def _meant(worlds: Sequence[World], name: str) -> set[str]:
    return {login for world in worlds for login in meant_by_name(world, name)}


def _verified(world: World, login: str) -> World:
    """Return the world after a recorded verdict; a newer hash may arrive between the verdict and its record."""
    known = world.accounts.get(login)
    is_waiting = known is not None and known.state == "waiting"
    return world.having(login, state="verified", was_verified=True) if is_waiting else world


@asynccontextmanager
async def playing(dsn: str, forget_when: ForgetWhen) -> AsyncIterator[Player]:
    """Yield a player with a separate database."""
    observer = await asyncpg.connect(dsn)
    try:
        async with HashingPool(workers=1) as pool:
            player = Player(dsn, observer, pool, forget_when)
            await player.start()
            # So that a dummy hash is as cheap as a check: without any load, it is bcrypt.
            await player.play([Load("old", (Row("ann@a.example", "one"),))])
            yield player
            await player.stop()
    finally:
        await observer.close()
