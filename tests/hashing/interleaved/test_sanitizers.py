"""The kernel under AddressSanitizer and UndefinedBehaviorSanitizer, without Python. Skipped without such a compiler."""

import os
import random
import shlex
import shutil
import subprocess
from pathlib import Path

import bcrypt
import pytest

from service.hashing.interleaved.engine import job_of
from service.hashing.interleaved.selfcheck import PROBES

DRIVER = Path(__file__).with_name("driver.c")
FLAGS = (
    *("-std=c11", "-O1", "-g1", "-Wall", "-Wextra", "-Werror", "-DBCRYPT_ROLLED"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"),
)
OPERATIONS = 1_500


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"no C compiler: {compiler[0]} is not installed")
    folder = tmp_path_factory.mktemp("sanitizers")
    empty = folder / "empty.c"
    empty.write_text("int main(void) { return 0; }\n")
    trial = subprocess.run([*compiler, *FLAGS, str(empty), "-o", folder / "empty"], check=False, capture_output=True)
    if trial.returncode or subprocess.run([folder / "empty"], check=False).returncode:
        pytest.skip(f"{compiler[0]} cannot build programs with the sanitizers")
    program = folder / "driver"
    subprocess.run([*compiler, *FLAGS, str(DRIVER), "-o", program], check=True)
    return program


def run(driver: Path, *arguments: str, given: str = "") -> str:
    done = subprocess.run([driver, *arguments], input=given, text=True, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_random_calls_break_no_promise_of_the_interface_and_leave_no_memory_unwiped(driver: Path, seed: str) -> None:
    words = run(driver, "fuzz", seed, str(OPERATIONS)).split()
    counts = dict(zip(words[1::2], map(int, words[::2]), strict=False))
    assert all(counts[done] > 0 for done in ("added,", "compared,", "discarded,")), counts


def test_the_sanitized_kernel_agrees_with_the_package(driver: Path) -> None:
    chance = random.Random(1)  # noqa: S311 - repeatable
    keys = [*PROBES, *(chance.randbytes(length) for length in range(73))]
    jobs = [job_of(key, bcrypt.hashpw(key, bcrypt.gensalt(4))) for key in keys]
    lines = (f"{job.cost} {job.salt.hex()} {job.key.hex() or '-'} {job.digest.hex()}\n" for job in jobs)
    assert run(driver, "vectors", given="".join(lines)).startswith(f"{len(keys)} compared")


def test_the_driver_finds_a_wrong_digest(driver: Path) -> None:
    job = job_of(b"a", bcrypt.hashpw(b"a", bcrypt.gensalt(4)))
    line = f"{job.cost} {job.salt.hex()} {job.key.hex()} {bytes(23).hex()}\n"
    done = subprocess.run([driver, "vectors"], input=line, text=True, check=False, capture_output=True)
    assert done.returncode
    assert "broken promise" in done.stderr
