"""The C extension agrees with the bcrypt package in every width and order, and validates its input.

Skipped if the extension was not built.
"""

import random
import threading
from collections.abc import Callable, Iterator

import bcrypt
import pytest

from service.hashing.interleaved.engine import LANES, BcryptJob, Engine, Kernel, job_of, load_kernel

CASES = 2_000
SALT = bytes(range(16))


@pytest.fixture
def kernel() -> Kernel:
    try:
        return load_kernel()()
    except ImportError as missing:
        pytest.skip(f"the C extension is not built: {missing}")


@pytest.fixture
def engine(kernel: Kernel) -> Engine[int]:
    return Engine(kernel)


def random_jobs(count: int, chance: random.Random) -> Iterator[BcryptJob]:
    """Yield checks of the package's own hashes: mostly cost 4, keys of all lengths and bytes, many at the edges."""
    for _ in range(count):
        key = chance.randbytes(chance.choice([0, 1, 71, 72, chance.randint(0, 72), chance.randint(0, 16)]))
        cost = chance.choices([4, 5, 6], [0.9, 0.08, 0.02])[0]
        setting = b"$2%c$%02d$" % (chance.choice(b"aby"), cost) + bcrypt.gensalt()[7:29]
        yield job_of(key, bcrypt.hashpw(key, setting))


def run(engine: Engine[int], jobs: list[BcryptJob], width: Callable[[], int]) -> dict[int, bool]:
    """Run jobs that join in order while fewer than `width()` run; return their verdicts."""
    waiting, verdicts = list(enumerate(jobs))[::-1], dict[int, bool]()
    while waiting or len(engine):
        while waiting and len(engine) < width():
            engine.add(*waiting.pop())
        verdicts |= dict(engine.step())
    return verdicts


def test_thousands_of_random_checks_agree_with_the_package_in_mixed_widths(engine: Engine[int]) -> None:
    chance = random.Random(20)  # noqa: S311 - repeatable
    jobs = list(random_jobs(CASES, chance))
    verdicts = run(engine, jobs, lambda: chance.randint(1, LANES))
    assert verdicts == dict.fromkeys(range(CASES), True)


@pytest.mark.parametrize("width", range(1, LANES + 1))
def test_a_digest_of_another_lane_is_a_refusal(engine: Engine[int], width: int) -> None:
    jobs = list(random_jobs(width, random.Random(width)))  # noqa: S311 - repeatable
    shifted = [
        BcryptJob(job.key, job.salt, job.cost, other.digest)
        for job, other in zip(jobs, jobs[1:] + random_digest(jobs), strict=True)
    ]
    assert run(engine, shifted, lambda: width) == dict.fromkeys(range(width), False)


def random_digest(jobs: list[BcryptJob]) -> list[BcryptJob]:
    return jobs[:1] if len(jobs) > 1 else [BcryptJob(b"", SALT, 4, bytes(23))]


@pytest.mark.parametrize(
    "password, other",
    [(b"a", b"b"), (b"a", b"a\0b"), (b"a" * 72, b"a" * 71), (b"\xff\xff\xa3", b"\xff\xa3"), (b"\x80", b"\0")],
)
def test_passwords_that_faulty_implementations_confuse_are_told_apart(
    engine: Engine[int], password: bytes, other: bytes
) -> None:
    right = job_of(password, bcrypt.hashpw(password, bcrypt.gensalt(4)))
    wrong = BcryptJob(other, right.salt, right.cost, right.digest)
    assert run(engine, [right, wrong], lambda: LANES) == {0: True, 1: False}


def test_one_bit_of_key_salt_or_digest_changes_the_verdict(engine: Engine[int]) -> None:
    right = job_of(b"password", bcrypt.hashpw(b"password", bcrypt.gensalt(4)))
    flipped = [
        BcryptJob(right.key[:-1] + bytes([right.key[-1] ^ 1]), right.salt, 4, right.digest),
        BcryptJob(right.key, right.salt[:-1] + bytes([right.salt[-1] ^ 1]), 4, right.digest),
        BcryptJob(right.key, right.salt, 5, right.digest),
        BcryptJob(right.key, right.salt, 4, right.digest[:-1] + bytes([right.digest[-1] ^ 1])),
        BcryptJob(right.key, right.salt, 4, right.digest[:-1]),
    ]
    assert set(run(engine, flipped, lambda: LANES).values()) == {False}


def test_a_job_that_joins_late_ends_after_its_own_iterations_only(kernel: Kernel) -> None:
    kernel.add(1, b"first", SALT, 5)
    assert kernel.step(16) == []
    kernel.add(2, b"second", SALT, 5)
    assert [ticket for ticket, _ in kernel.step(16)] == [1]
    assert [ticket for ticket, _ in kernel.step(16)] == [2]


def test_a_step_is_bounded_whatever_is_asked_for(kernel: Kernel) -> None:
    kernel.add(1, b"a", SALT, 7)
    assert kernel.step(4_000_000_000) == []
    assert [ticket for ticket, _ in kernel.step()] == [1]


def test_a_discarded_job_frees_its_lane_and_does_not_disturb_the_others(engine: Engine[int]) -> None:
    jobs = list(random_jobs(3, random.Random(3)))  # noqa: S311 - repeatable
    engine.add(9, BcryptJob(b"hung up", SALT, 12, bytes(23)))
    for number, job in enumerate(jobs):
        engine.add(number, job)
    engine.step()
    assert engine.discard(9)
    assert not engine.discard(9)
    done = dict[int, bool]()
    while len(engine):
        done |= dict(engine.step())
    assert done.items() <= dict.fromkeys(range(3), True).items()


@pytest.mark.parametrize(
    "ticket, key, salt, cost, fault",
    [
        (1, b"x" * 73, SALT, 4, "key is longer than 72 bytes"),
        (1, b"x" * 10_000, SALT, 4, "key is longer than 72 bytes"),
        (1, b"", b"", 4, "salt is not 16 bytes long"),
        (1, b"", SALT[:15], 4, "salt is not 16 bytes long"),
        (1, b"", SALT + b"x", 4, "salt is not 16 bytes long"),
        (1, b"", SALT, 3, "cost is outside 4 to 31"),
        (1, b"", SALT, 32, "cost is outside 4 to 31"),
        (1, b"", SALT, -1, "cost is outside 4 to 31"),
        (1, b"", SALT, 2**32 + 4, "cost is outside 4 to 31"),
        (7, b"", SALT, 4, "ticket is taken"),
    ],
)
def test_what_is_out_of_bounds_is_refused_and_takes_no_lane(
    kernel: Kernel, ticket: int, key: bytes, salt: bytes, cost: int, fault: str
) -> None:
    kernel.add(7, b"running", SALT, 4)
    with pytest.raises(ValueError, match=fault):
        kernel.add(ticket, key, salt, cost)
    assert len(kernel) == 1


@pytest.mark.parametrize("arguments", [(), (1, "text", SALT, 4), (1, b"", SALT, "4"), (None, b"", SALT, 4)])
def test_arguments_of_another_type_are_refused(kernel: Kernel, arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        kernel.add(*arguments)  # type: ignore[arg-type]
    assert len(kernel) == 0


def test_a_fifth_job_is_refused(kernel: Kernel) -> None:
    for ticket in range(LANES):
        kernel.add(ticket, b"", SALT, 4)
    with pytest.raises(ValueError, match="all 4 lanes are taken"):
        kernel.add(LANES, b"", SALT, 4)


def test_a_step_without_jobs_returns_nothing(kernel: Kernel) -> None:
    assert kernel.step() == []


def test_engines_in_several_threads_do_not_mix_up_their_jobs(engine: Engine[int]) -> None:
    jobs = list(random_jobs(60, random.Random(6)))  # noqa: S311 - repeatable
    verdicts: list[dict[int, bool]] = []
    threads = [
        threading.Thread(target=lambda: verdicts.append(run(Engine(load_kernel()()), jobs, lambda: LANES)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    verdicts.append(run(engine, jobs, lambda: LANES))
    for thread in threads:
        thread.join()
    assert verdicts == [dict.fromkeys(range(60), True)] * 4


def test_a_step_frees_the_gil_and_refuses_calls_of_other_threads_meanwhile(kernel: Kernel) -> None:
    kernel.add(1, b"a", SALT, 18)  # thousands of steps: it is discarded before it ends
    stop = threading.Event()
    stepping = threading.Thread(target=lambda: [kernel.step() for _ in iter(stop.is_set, True)])
    stepping.start()
    with pytest.raises(RuntimeError, match="give each thread its own engine"):
        discard_for_ever(kernel)
    stop.set()
    stepping.join()
    assert kernel.discard(1)


def discard_for_ever(kernel: Kernel) -> None:
    while True:  # it could not run while the step held the GIL
        kernel.discard(2)


def test_the_job_shows_no_secret() -> None:
    assert repr(BcryptJob(b"password", SALT, 10, b"d" * 23)) == "BcryptJob(cost=10)"
