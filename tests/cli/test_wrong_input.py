"""Wrong input and environments: each command reports the fault and the fix, without any text of Python's."""

import os
import re
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from service.cli import command_line
from service.cli.errors import reported
from service.store.database import NOT_THE_PRIMARY, DatabaseUnavailable

RAW = re.compile(
    r"[a-z][A-Z]\w*(Error|Exception)\b|Traceback|\.pyx?:\d|\[Errno|_ssl\.c|Input should|unable to|Value error"
    r"|asyncpg|pydantic|<class|\bNone\b|internal error"
)
"""Words that only make sense to somebody who knows the code."""
SECRET = "marked-secret"
KEYS = '{"a": "' + "A" * 43 + '="}'
REFUSED = f"postgresql://app:{SECRET}@127.0.0.1:9/app"
ORG = {"OKTA_CLIENT_ORGURL": "https://127.0.0.1:9", "OKTA_CLIENT_TOKEN": SECRET}
BINARY = bytes(range(256)) * 4
FILES = {
    "ok.csv": b"login,password_hash\njo@example.com,$2b$04$unknown\n",
    "binary": BINARY,
    "empty.csv": b"",
    "cut.csv.gz": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + BINARY,
    "bad.toml": b"x = = 1",
    "setting.toml": b"[sources.shop]\nnonsense = 1\n",
    "junk.pem": b"junk",
    "request.json": b"no JSON",
}

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, in a folder with `FILES`; return the exit code and the message as one line."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    given = {"DATABASE_URL": database_url, "BASIC_AUTH_USER": "okta", "BASIC_AUTH_PASSWORD": SECRET}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    for name in os.environ:
        monkeypatch.delenv(name)

    def call(command: str, **environment: str) -> tuple[int, str]:
        for name, value in (kept | given | environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["password-import", *command.split()])
        code = reported(command_line())
        told = capfd.readouterr()
        said = re.sub(r"\x1b\[[0-9;]*m|[│╭╰─╮╯]", "", told.out + told.err)
        assert SECRET not in said
        return code, " ".join(said.split())

    return call


SETTINGS = [
    ("PORT", "abc", "PORT: must be a whole number, at least 0 and at most 65,535"),
    ("PORT", "99999", "PORT: must be a whole number, at least 0 and at most 65,535"),
    ("ADMIN_PORT", "80.5", "ADMIN_PORT: must be a whole number"),
    ("DATABASE_POOL_SIZE", "0", "at least 1 and at most 1,000"),
    ("DATABASE_POOLER", "perhaps", "DATABASE_POOLER: must be true or false"),
    ("REQUEST_TIMEOUT", "soon", "REQUEST_TIMEOUT: must be a number, more than 0 and less than 3"),
    ("QUEUE_TIMEOUT", "nan", "QUEUE_TIMEOUT: must be a number, more than 0 and less than 3"),
    ("BCRYPT", "fast", "BCRYPT: must be 'package', 'libxcrypt' or 'interleaved'"),
    ("FORGET_WHEN", "never", "FORGET_WHEN: must be 'success' or 'verified'"),
    ("LOG_LEVEL", "verbose", "LOG_LEVEL: must be 'debug', 'info', 'warning' or 'error'"),
    ("LOG_FORMAT", "xml", "LOG_FORMAT: must be 'json' or 'console'"),
    ("AUDIT_RETENTION_DAYS", "ten", "AUDIT_RETENTION_DAYS: must be a whole number, at least 100"),
    ("OKTA_CLIENT_REQUESTTIMEOUT", "-1", "must be a number, at least 0"),
    ("HASH_KEYS", "key", "HASH_KEYS: must be a JSON object"),
    ("HASH_KEYS_FILE", "nowhere", "HASH_KEYS_FILE: nowhere cannot be read: No such file or directory: name a file"),
    ("HASH_KEYS_FILE", "folder", "HASH_KEYS_FILE: folder cannot be read: Is a directory: name a file"),
    ("HOOK_SECRETS_FILE", "binary", "HOOK_SECRETS_FILE: binary cannot be read: not UTF-8"),
    ("TLS_CERT", "junk.pem", "TLS_CERT and TLS_KEY go together"),
    ("REGISTRATION_POLICY", "folder", "REGISTRATION_POLICY: folder: the file can't be read: Is a directory"),
    ("REGISTRATION_POLICY", "no.module:f", "there is no module no: add its folder to PYTHONPATH"),
    ("DATABASE_URL", "mysql://localhost", "DATABASE_URL: must begin with postgresql://"),
    ("HOST", "nowhere.invalid", "HOST: no such address"),
]


@pytest.mark.parametrize("name, value, said", SETTINGS)
def test_a_wrong_setting_is_named_with_what_it_must_be(run: Run, name: str, value: str, said: str) -> None:
    code, told = run("serve", **{name: value})
    assert (code, said in told) == (2, True), told
    assert not RAW.search(told), told


def test_a_faulty_env_file_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(BINARY)
    code, told = run("status")
    assert (code, ".env: .env cannot be read: not UTF-8" in told) == (2, True), told


SERVER = [
    ("status", REFUSED, "the database app at 127.0.0.1:9: Connection refused: check that the server runs"),
    ("migrate", REFUSED, "the database app at 127.0.0.1:9: Connection refused: check that the server runs"),
    ("load ok.csv --source s", REFUSED, "Connection refused: check that the server runs"),
    ("status", f"postgresql://app:{SECRET}@no.invalid/app", "no.invalid:5432: the host name can't be resolved"),
    ("status", "postgresql:///app?host=/nowhere", "No such file or directory: correct the path"),
    ("status", f"{REFUSED}?sslmode=bogus", "the URL does not allow a connection: correct the parameters"),
    ("status", f"{REFUSED}?sslmode=verify-full&sslrootcert=junk.pem", "TLS failed: no certificate or crl found"),
    ("status", f"{REFUSED}?sslmode=verify-full&sslrootcert=nowhere", "No such file or directory: correct the path"),
]


@pytest.mark.parametrize("command, url, said", SERVER)
def test_a_server_that_can_not_be_reached_is_named_with_what_to_check(
    run: Run, command: str, url: str, said: str
) -> None:
    code, told = run(command, DATABASE_URL=url)
    assert (code, said in told) == (1, True), told
    assert not RAW.search(told), told


@pytest.mark.parametrize("command", ["status", "migrate"])
@pytest.mark.parametrize(
    "wrong, said",
    [
        ((r"app:[^@]*@", f"app:{SECRET}@"), 'password authentication failed for user "app": correct the user'),
        ((r"/test_\w+\?", "/no_database?"), 'database "no_database" does not exist: create it with createdb'),
        ((r"$", "&bogus=1"), 'unrecognized configuration parameter "bogus"'),
    ],
)
def test_a_server_that_refuses_is_quoted_with_what_to_correct(
    run: Run, database_url: str, command: str, wrong: tuple[str, str], said: str
) -> None:
    code, told = run(command, DATABASE_URL=re.sub(*wrong, database_url))
    assert (code, said in told) == (1, True), told
    assert not RAW.search(told), told


def test_a_server_without_tls_is_named(run: Run) -> None:
    def refuse_tls() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(8)  # SSLRequest
            connection.sendall(b"N")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=refuse_tls)
        thread.start()
        port = server.getsockname()[1]
        code, told = run("status", DATABASE_URL=f"postgresql://app:{SECRET}@127.0.0.1:{port}/app?sslmode=require")
        thread.join()
    assert (code, "the server has no TLS; set sslmode=prefer" in told) == (1, True), told


INPUT = [
    ("load nowhere.csv --source s", "nowhere.csv: No such file or directory"),
    ("load folder --source s", "folder: Is a directory"),
    ("load binary --source s --kind csv", "binary: the header has a NUL character"),
    ("load empty.csv --source s", "the file is empty; its first line must name the columns"),
    ("load cut.csv.gz --source s", "the file is cut off or damaged: copy it again"),
    ("load ok.csv", "Missing option '--source'"),
    (
        "load ok.csv --source s --charset nonsense",
        "--charset nonsense: unknown charset; common ones are utf-8",
    ),
    ("load ok.csv --source s --delimiter ;;", "--delimiter: must be one character"),
    ("load ok.csv --source s --dialect x", "--dialect x: one of csv, copy"),
    ("load ok.csv --source s --kind xml", "'xml': use csv, jsonl or ldif"),
    ("load ok.csv --source s --map x", "write --map COLUMN=NAME"),
    ("load ok.csv --source s --rejects folder", "--rejects folder: Is a directory"),
    ("load ok.csv --source s --rejects /dev/full", "No space left on device: rejected rows can't be written"),
    (f"load --source s --from-dsn {REFUSED} --query x", "--from-dsn: Connection refused: check its host and port"),
    ("load --source s --from-dsn nonsense --query x", "--from-dsn: is not a URL of a PostgreSQL: write postgresql://"),
    ("identify --file nowhere", "nowhere: No such file or directory"),
    ("identify --iterations x --formats", "Invalid value for '--iterations': must be a whole number"),
    ("screen nowhere.json", "'nowhere.json': No such file or directory"),
    ("screen request.json --policy nowhere", "request.json: the service would answer 400: the body is not JSON"),
    ("screen request.json --legacy binary", "binary must contain a JSON object"),
    ("provision --limit 0", "Invalid value for '--limit': must be at least 1"),
    ("provision --limit x", "Invalid value for '--limit': must be a whole number"),
    ("provision --concurrency 999", "must be at most 75"),
    ("provision --share much", "write a percentage from 1% to 100%"),
    ("provision --corrected nowhere", "file 'nowhere' does not exist"),
    ("reconcile --every often", "Invalid value for '--every': must be a number"),
    ("reconcile --since never", "write 2026-11-22T10:00, 36h or 7d"),
    ("hooks register nonsense", "nonsense: Okta calls https:// only"),
    ("hooks rotate-secret --overlap -1", "Invalid value for '--overlap': must be at least 0"),
    ("stragglers -o folder", "--output folder: Is a directory"),
    ("stragglers -o /dev/full", "--output /dev/full: No space left on device"),
    ("audit export --since rubbish", "must be a date or a time, as 2026-11-22"),
    ("audit export --action nonsense", "--action nonsense: must be one of verified, refused"),
    ("try --file ok.csv --row x", "Invalid value for '--row': must be a whole number"),
    ("try x --for 0 --diagnose", "Invalid value for '--for': must be at least 0.1"),
    ("try nobody", "no account has this name"),
    ("rehearse nonsense", "must be the service's address"),
    ("rehearse http://127.0.0.1:9 --for x", "must be a duration up to 24h: 90s, 5m or 1h"),
    ("rehearse http://127.0.0.1:9 --wrong x", "Invalid value for --wrong: write a percentage"),
    ("keys rotate", "HASH_KEYS is not set"),
    ("accounts list --state x", "--state x: one of unarmed, waiting"),
    ("nonsense", "No such command 'nonsense'"),
]


@pytest.mark.parametrize("command, said", INPUT)
def test_wrong_input_is_named_with_what_is_expected(run: Run, command: str, said: str) -> None:
    code, told = run(command, **ORG)
    assert code in (1, 2), told
    assert said in told
    assert not RAW.search(told), told


@pytest.mark.parametrize(
    "sources, said", [("folder", "Is a directory"), ("binary", "not UTF-8"), ("bad.toml", "at line 1, column 5")]
)
def test_a_file_of_sources_that_can_not_be_read_is_named(run: Run, sources: str, said: str) -> None:
    code, told = run("load ok.csv --source shop", SOURCES=sources)
    assert (code, f"{sources}: " in told, said in told) == (2, True, True), told


@pytest.mark.parametrize(
    "setting, value, said",
    [
        ("DATA_DIR", "ok.csv", "DATA_DIR: "),
        ("DATA_DIR", "/proc/none", "DATA_DIR: /proc/none: No such file or directory: set DATA_DIR to a folder"),
    ],
)
def test_a_data_folder_that_can_not_be_made_is_named(run: Run, setting: str, value: str, said: str) -> None:
    code, told = run("migrate", DATABASE_URL="", **{setting: value})
    assert (code, said in told) == (1, True), told
    assert not RAW.search(told), told


def test_a_port_in_use_is_named_with_its_setting(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, told = run("serve", PORT=str(port), LOG_LEVEL="error")
    place = f"HOST and PORT, 127.0.0.1:{port}"
    said = f"{place}: Address already in use: stop the program that listens there, or choose another port"
    assert (code, told) == (1, f"password-import: failed: {said}")


def at(place: str, error: Exception) -> Exception:
    error.add_note(place)
    return error


@pytest.mark.parametrize(
    "error, said",
    [
        (TimeoutError(), "the database did not answer in time: check that the server runs"),
        (DatabaseUnavailable(), "the connection was lost: check that the server runs, and try again"),
        (asyncpg.InterfaceError("x"), "the connection was lost: check that the server runs, and try again"),
        (
            asyncpg.ConnectionDoesNotExistError("it was closed"),
            "PostgreSQL: it was closed: check that the server still",
        ),
        (at("the database", NOT_THE_PRIMARY("x")), "the database: no server there accepts writes: use the primary"),
        (
            at("the database", asyncpg.InterfaceError("x")),
            "the URL does not allow a connection: correct the parameters",
        ),
        (at("the database", ssl.SSLCertVerificationError("x")), "its TLS certificate is not accepted"),
        (asyncpg.InsufficientPrivilegeError("no"), "grant the role what it needs (docs/database-roles.md)"),
        (
            PermissionError(13, "Permission denied", "x.csv"),
            "x.csv: Permission denied: run as a user with the permission",
        ),
        (KeyError("marked-secret"), "an internal error, please report it: KeyError at "),
    ],
)
def test_an_error_of_the_run_is_said_with_what_helps(
    capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    def fail(*, standalone_mode: bool) -> None:
        assert not standalone_mode
        raise error

    assert reported(fail) == 1
    told = capsys.readouterr().err
    assert said in told
    assert SECRET not in told
