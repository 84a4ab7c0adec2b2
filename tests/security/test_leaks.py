"""No leaks: marked secrets are sent along every path, and must not appear in any output."""

import asyncio
import base64
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from typer.testing import CliRunner

from service.auth.authenticator import Authenticator
from service.cli import app
from service.hashing import registry
from service.hashing.format import Recipe, StoredHash, UnusableHash
from service.loading.staging import StagedAccount
from service.okta.password_import import PasswordImportCall, parse_call
from service.okta.registration import parse_request
from service.store.accounts import Account, KeptHash, State
from service.store.encryption import HashKeys
from service.telemetry import describe
from tests.auth.forging import FORGED, Issuer
from tests.people import add_hash, delivery, event, plain, sign_in
from tests.registration.asking import registration
from tests.service_fixtures import Add, settings_of

MARK = "LEAKqx7"
"""Part of every secret, and of nothing else."""
KEY = (MARK * 5)[:32].encode()
SECRETS = {
    "BASIC_AUTH_USER": "admin",
    "BASIC_AUTH_PASSWORD": f"basic-{MARK}",
    "HOOK_SECRETS": json.dumps([f"inline-{MARK}"]),
    "EVENT_HOOK_SECRETS": json.dumps([f"event-{MARK}"]),
    "HASH_KEYS": json.dumps({"k": base64.b64encode(KEY).decode()}),
    "OKTA_CLIENT_TOKEN": f"token-{MARK}",
    "OKTA_CLIENT_ORGURL": "https://127.0.0.1:9",
    "HOOK_OAUTH_CLIENT_SECRET": f"client-{MARK}",
    "PEPPER_FOR_TEST": f"pepper-{MARK}",
    "ADMIN_PASSWORD": f"admin-{MARK}",
}
CODE_POLICY = f'async def decide(request):\n    raise ValueError("{MARK}", request)\n'
EVERY_FORM = re.compile(
    "|".join(
        re.escape(form)
        for form in (
            MARK,
            MARK.lower(),
            MARK[::-1],
            MARK.encode().hex(),
            base64.b64encode(KEY).decode()[:12],
            *(base64.b64encode(b"x" * shift + MARK.encode())[4:-4].decode() for shift in (0, 1, 2)),
            urllib.parse.quote(MARK),
        )
        if len(form) > 5
    )
)


def assert_clean(text: str, where: str) -> None:
    found = EVERY_FORM.search(text)
    assert found is None, f"{where}: …{text[max(0, found.start() - 200) : found.end() + 50]}…"


@dataclass
class Running:
    """A service in a separate process, with all of its output."""

    process: asyncio.subprocess.Process
    url: str = ""
    admin: str = ""
    said: list[str] = field(default_factory=list)

    async def listen(self) -> None:
        assert self.process.stderr is not None
        while line := (await self.process.stderr.readline()).decode():
            self.said.append(line)
            if '"event": "listening"' in line:
                entry = json.loads(line)
                setattr(self, {"service": "url", "admin": "admin"}[entry["name"]], entry["url"])

    async def until(self, words: str) -> None:
        while not any(words in line for line in self.said):
            assert self.process.returncode is None, self.said
            await asyncio.sleep(0.02)


@asynccontextmanager
async def service(environment: dict[str, str], folder: Path) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "dev", "-m", "service", "serve",
        stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=folder, limit=2**24,
        env=os.environ | SECRETS | environment
        | {"PORT": "0", "ADMIN_PORT": "0", "LOG_LEVEL": "debug", "PYTHONASYNCIODEBUG": "1", "PYTHONFAULTHANDLER": "1",
           "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    running = Running(process)
    listening = asyncio.create_task(running.listen())
    try:
        await running.until('"name": "admin"')
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await listening
        await process.wait()


def authorizations() -> Iterator[str]:
    pair = base64.b64encode(f"admin:basic-{MARK}".encode()).decode()
    yield f"Basic {pair}"
    yield f"inline-{MARK}"
    yield from (
        f"Basic {pair}x",
        f"Basic {MARK}",
        f"Bearer {MARK}",
        f"{MARK}",
        f"Bearer a.{MARK}.c",
        f"Digest {MARK}",
    )
    issuer = Issuer("https://example.okta.com/oauth2/default", _rsa())
    for _, forge in list(FORGED.values())[::7]:
        yield f"Bearer {forge(issuer).decode()}"


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def bodies() -> Iterator[bytes]:
    """Yield sign-ins with right and wrong passwords, and malformed in every place."""
    right = sign_in("kim@example.com", f"right-{MARK}")
    yield right
    yield sign_in("kim@example.com", f"wrong-{MARK}")
    yield sign_in(f"nobody-{MARK}@example.com", MARK)
    yield sign_in("corrupt@example.com", MARK)
    yield sign_in("peppered@example.com", MARK)
    yield sign_in("moved@example.com", MARK)
    for cut in range(0, len(right), 41):
        yield right[:cut]
        yield right[:cut] + b"\xff" + right[cut:]
    for broken in (f"{MARK}\0", f"{MARK}\ud800", MARK * 2000, [MARK], {MARK: MARK}, 7, None):
        yield sign_in(broken, MARK)
        yield sign_in("kim@example.com", broken)
        yield sign_in("kim@example.com", MARK, eventId=broken, eventType=broken, data=broken)
    yield registration({"login": f"{MARK}@example.com", "email": MARK, "password": MARK})
    yield delivery(event(MARK, MARK, MARK), {"uuid": MARK}, {MARK: MARK}, MARK)


async def drive(running: Running) -> list[str]:
    """Send everything to every path; return all answers."""
    progress = []
    paths = (
        "/okta/password-import",
        "/okta/registration",
        "/okta/events",
        f"/{MARK}",
        "/okta/%00",
        "/healthz",
        "/readyz",
    )
    async with aiohttp.ClientSession(running.url) as session:
        accepted = list(authorizations())[1]
        for body in bodies():
            for path in paths[:2]:
                headers = {"Authorization": accepted, "Content-Type": "application/json"}
                progress.append(await _tell(session, "POST", path, headers, body))
            headers = {"Authorization": f"event-{MARK}"}
            progress.append(await _tell(session, "POST", "/okta/events", headers, body))
        for authorization in authorizations():
            for path in paths:
                for method in ("POST", "GET"):
                    headers = {"Authorization": authorization, "Content-Type": MARK, "X-Marked": MARK}
                    progress.append(await _tell(session, method, path, headers, MARK.encode()))
    return progress


async def _tell(session: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str], body: bytes) -> str:
    try:
        async with session.request(method, path, headers=headers, data=body) as answer:
            shown = {name: value for name, value in answer.headers.items() if name != "Allow"}
            return f"{answer.status} {shown} {await answer.text()}"
    except aiohttp.ClientError as error:
        return type(error).__name__


async def test_no_answer_log_line_metric_or_crash_shows_a_secret(
    tmp_path: Path, database_url: str, add: Add, pool: asyncpg.Pool
) -> None:
    await add("kim@example.com", f"right-{MARK}")
    await add("corrupt@example.com", stored=f"$2b$10${MARK}".encode())
    moved = await add("moved@example.com", stored=b"x")
    await pool.execute("UPDATE hashes SET key_id = 'gone' WHERE account_id = $1", moved.id)
    peppered = await add("peppered@example.com", stored=MARK.encode(), format_name="sha256")
    async with pool.acquire() as proxy:
        await add_hash(plain(proxy), peppered.id, b"\xff" + MARK.encode(), "other", "nonsense")
    (tmp_path / "failing.py").write_text(CODE_POLICY)
    (tmp_path / "secrets.json").write_text(json.dumps([f"filed-{MARK}"]))
    environment = {
        "DATABASE_URL": database_url,
        "REGISTRATION_POLICY": "failing:decide",
        "HOOK_SECRETS_FILE": str(tmp_path / "secrets.json"),
    }
    async with service(environment, tmp_path) as running:
        progress = await drive(running)
        (tmp_path / "secrets.json").write_text(f'["{MARK}", ')
        running.process.send_signal(signal.SIGHUP)
        await running.until("reload_failed")
        await pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
            "pg_backend_pid()"
        )
        progress += await drive_some(running)
        async with aiohttp.ClientSession(running.admin) as session:
            metrics = await (await session.get("/metrics")).text()
            status = await (await session.get("/status.json")).json()
            pages = [await (await session.get("/")).text()]
            for password, login in itertools.product(
                (f"admin-{MARK}", f"wrong-{MARK}"), ("corrupt", "moved", "peppered")
            ):
                headers = {"Authorization": aiohttp.encode_basic_auth("admin", password)}
                form = {"name": f"{login}@example.com"}
                pages += [await (await session.post("/account", data=form, headers=headers)).text()]
        running.process.send_signal(signal.SIGABRT)  # a crash: the fault handler writes the location of every thread
        await running.process.wait()
    crash = "".join(running.said)
    assert "Fatal Python error" in crash
    assert "policy_failed" in crash
    assert "unusable_hash" in crash
    assert "cannot be checked" in "".join(pages)
    for where, text in (
        ("pages", "".join(pages)),
        ("answers", "\n".join(progress)),
        ("metrics", metrics),
        ("log and crash", crash),
    ):
        assert_clean(text, where)
    # Unknown names are shown to the operator: Okta only asks about users for whom the hook was set.
    status["unknown_logins"] = []
    assert_clean(json.dumps(status), "status")
    assert {line.split()[0] for line in progress} >= {"200", "204", "400", "401", "404", "405", "415", "503"}


async def drive_some(running: Running) -> list[str]:
    async with aiohttp.ClientSession(running.url) as session:
        headers = {"Authorization": f"inline-{MARK}", "Content-Type": "application/json"}
        body = sign_in("kim@example.com", f"right-{MARK}")
        return [await _tell(session, "POST", "/okta/password-import", headers, body) for _ in range(3)]


COMMANDS = [
    ["status", "--json"],
    ["keys", "rotate"],
    ["audit", "export"],
    ["hooks", "check", "--base-url", "https://127.0.0.1:9"],
    ["provision", "--dry-run"],
    ["load", "people.csv", "--source", "legacy"],
    ["load", "people.csv", "--source", "legacy", "--dry-run"],
    ["load", "broken.csv"],
    ["nonsense"],
]


async def run(folder: Path, arguments: list[str], **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", *arguments,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
        env=os.environ | SECRETS | {"LOG_LEVEL": "debug", "PYTHONPATH": str(Path(__file__).parents[2])} | environment,
    )  # fmt: skip
    progress, _ = await process.communicate()
    return progress.decode()


def test_no_help_shows_a_secret(tmp_path: Path) -> None:
    runner = CliRunner(env=SECRETS)
    progress = runner.invoke(app, ["--help"]).output
    for command in ("serve", "load", "provision", "reconcile", "status", "hooks check", "keys rotate", "audit export"):
        progress += runner.invoke(app, [*command.split(), "--help"]).output
    assert "HASH_KEYS" in progress
    assert_clean(progress, "--help")


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
async def test_no_command_shows_a_secret(tmp_path: Path, database_url: str, add: Add, arguments: list[str]) -> None:
    await add("kim@example.com", f"right-{MARK}")
    rows = [f"a@example.com,$2b$10${MARK}", f"b@example.com,{MARK}", f"c@example.com,{{SSHA}}{MARK}", "d@example.com,"]
    (tmp_path / "people.csv").write_text("login,password_hash\n" + "\n".join(rows))
    (tmp_path / "broken.csv").write_bytes(b"login,password_hash\n\xff" + MARK.encode())
    assert_clean(await run(tmp_path, arguments, DATABASE_URL=database_url), " ".join(arguments))


@pytest.mark.parametrize(
    "command,faulty",
    [
        (["status"], {"DATABASE_URL": f"postgresql://user:{MARK}@127.0.0.1:9/x"}),
        (["status"], {"DATABASE_URL": f"postgresql://user:{MARK}@/x?nonsense={MARK}"}),
        (["status"], {"DATABASE_URL": MARK}),
        (["keys", "rotate"], {"HASH_KEYS": f'{{"k": "{MARK}"}}'}),
        (["keys", "rotate"], {"HASH_KEYS_FILE": "people.csv"}),
        (["serve"], {"HASH_KEYS": MARK, "PORT": MARK, "OAUTH_ISSUER": f"http://{MARK}"}),
        (["serve"], {"HOOK_SECRETS": MARK}),
        (["serve"], {"HOOK_SECRETS": f'["{MARK} "]', "BASIC_AUTH_PASSWORD": f" {MARK}"}),
        (["serve"], {"TLS_CERT": "people.csv", "TLS_KEY": "people.csv"}),
        (["hooks", "check", "--base-url", "https://127.0.0.1:9"], {"OKTA_CLIENT_PRIVATEKEY": MARK}),
    ],
    ids=str,
)
async def test_no_faulty_setting_is_quoted(
    tmp_path: Path, database_url: str, command: list[str], faulty: dict[str, str]
) -> None:
    (tmp_path / "people.csv").write_text(MARK)
    environment = {"DATABASE_URL": database_url, "OKTA_CLIENT_AUTHORIZATIONMODE": "PrivateKey"} | faulty
    progress = await run(tmp_path, command, **environment)
    assert progress
    assert_clean(progress, " ".join(command))


def test_no_repr_shows_a_secret() -> None:
    kept = KeptHash("s", "f", {"pepper": MARK}, MARK.encode(), MARK, MARK, "k", "kim@example.com")
    stored = StoredHash(recipe=Recipe(format="bcrypt"), hash=MARK, salt=MARK, username=MARK, pepper=MARK.encode())
    shown = [
        kept,
        Account(1, State.WAITING, "kim@example.com", (kept,)),
        stored,
        StagedAccount(1, "l", "l", None, 1, MARK.encode(), MARK, MARK, None, "{}", [], None),
        parse_call(sign_in("kim@example.com", MARK)),
        PasswordImportCall("kim@example.com", MARK),
        parse_request(registration({"password": MARK})),
        HashKeys({"k": KEY}),
        Authenticator(header="x", secrets=[MARK.encode()], basic=MARK.encode()),
        settings_of(**{name.lower(): value for name, value in SECRETS.items() if name != "PEPPER_FOR_TEST"}),
    ]
    for each in shown:
        assert_clean(repr(each) + str(each), type(each).__name__)


@pytest.mark.parametrize("name", [each.name for each in registry.FORMATS])
def test_no_fault_of_a_format_quotes_the_hash(name: str) -> None:
    for text in (
        MARK,
        f"${name}${MARK}",
        f"$2b$10${MARK}",
        f"{{SSHA}}{MARK}",
        f"{name}$1$salt${MARK}",
        f"{MARK}:{MARK}",
    ):
        stored = StoredHash(recipe=Recipe(format=name), hash=text, salt=MARK, username=MARK, pepper=None)
        try:
            registry.check(stored)
        except UnusableHash as error:
            chain: BaseException | None = error
            while chain is not None:
                assert_clean(f"{chain!r} {chain} {json.dumps(describe(chain))}", name)
                chain = None if chain.__suppress_context__ else chain.__cause__ or chain.__context__
