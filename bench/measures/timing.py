"""Whether response times reveal who has an account: known, unknown and forgotten logins, wrong passwords only."""

import random
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from bench import store
from bench.http_client import Connection, connect, sign_in
from bench.own_process import in_own_process
from bench.setting import Setting
from bench.table import Row

FORGET = """
DELETE FROM hashes USING accounts WHERE account_id = id AND login_key LIKE 'person%' AND id % 2 = 0;
UPDATE accounts SET state = 'migrated', forgotten_at = now(), proof = 'bench' WHERE id % 2 = 0;
UPDATE recipes SET format = 'wordpress';
"""
"""WordPress's recipe tries several interpretations of a password with quotes or blanks."""
PASSWORDS = ("wrong {}", "it's wrong {}", " Tom & wrong {} ", '\\ it\'s "wrong" {} ')
KINDS = ("known", "unknown", "tombstone")


def rows(setting: Setting) -> Iterator[Row]:
    """Call for each login twice, in random order; compare how often the second takes longer."""
    hashes = {store.login(number): store.bcrypt_hash(4) for number in range(4 * setting.number // 10)}
    url = store.make_store(setting.administrator, "timing", hashes, setting.folder)
    store.execute(url, FORGET)
    store.execute(url, "VACUUM ANALYZE")  # as autovacuum does later; until then, each row has a dead version
    people = {"unknown": [f"nobody{number}@example.com" for number in range(len(hashes) // 2)]}
    people["known"] = store.fetchval(url, "SELECT array_agg(login) FROM accounts WHERE state = 'waiting'")
    people["tombstone"] = store.fetchval(url, "SELECT array_agg(login) FROM accounts WHERE state = 'migrated'")
    with setting.service(url) as server:
        seen = in_own_process(_ask, server.port, people)
    known = [first for first, _ in seen["known"]]
    yield Row(
        "an answer takes longer: known against known", _rounds(known[::2], known[1::2]), "each time; 0.5 is chance"
    )
    for kind in KINDS[1:]:
        for which, ask in enumerate(("first", "second")):
            times = [pair[which] for pair in seen["known"]], [pair[which] for pair in seen[kind]]
            yield Row(
                f"an answer takes longer: {kind} against known, {ask} time asked",
                _rounds(*times),
                "each time; 0.5 is chance",
            )
    ratios = [median(a - b for a, b in seen[kind]) / median(a for a, _ in seen[kind]) for kind in KINDS]
    yield Row("asked twice, the first takes longer by", ratios, "the whole time", ", ".join(KINDS))


async def _ask(port: int, people: dict[str, list[str]]) -> dict[str, list[tuple[float, float]]]:
    connection = await connect(port)
    order = [(kind, login) for kind, logins in people.items() for login in logins]
    random.Random(3).shuffle(order)
    seen: dict[str, list[tuple[float, float]]] = {kind: [] for kind in people}
    for kind, login in order:
        seen[kind].append((await _time(connection, login, 1), await _time(connection, login, 2)))
    connection.close()
    return seen


async def _time(connection: Connection, login: str, number: int) -> float:
    password = PASSWORDS[sum(login.encode()) % len(PASSWORDS)].format(number)
    request = sign_in(login, password, event=f"{login}/{number}")
    begun = time.perf_counter()
    answer = await connection.ask(request)
    assert answer.status == 200, answer  # noqa: PLR2004 (OK)
    return time.perf_counter() - begun


def _rounds(ours: Sequence[float], theirs: Sequence[float], parts: int = 5) -> list[float]:
    """Compare in five parts, which show the spread."""
    bounds = [len(ours) * part // parts for part in range(parts + 1)]
    other = [len(theirs) * part // parts for part in range(parts + 1)]
    spans = zip(pairwise(bounds), pairwise(other), strict=True)
    return [_longer(ours[a:b], theirs[c:d]) for (a, b), (c, d) in spans]


def _longer(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the share of pairs in which `theirs` is longer (Mann and Whitney's U, as a share)."""
    pairs = [(a < b) + (a == b) / 2 for a in ours for b in theirs]
    return sum(pairs) / len(pairs)
