"""The cost of a formula, and the executor that it needs."""

from collections import Counter
from collections.abc import Iterable

from service.hashing import limits
from service.hashing.digests import SIZES, weight
from service.hashing.format import Executor, TooCostly
from service.hashing.formula.operations import Argon2, Bcrypt, Hashed, Keyed, Operation, Pbkdf2, Scrypt, Variable, walk
from service.immutable import immutable

MAX_ROUNDS = 1_000_000
"""Digests of one check, all readings together: a round of a Python loop takes about 0.7 µs, so 0.7 s; Okta waits 3."""
INLINE_ROUNDS = 50
"""About 50 µs: what a hop to a thread would cost."""


def work(alternatives: Iterable[Operation]) -> Counter[str]:
    """Count the digests by algorithm, and the slow functions by name and parameters."""
    counted: Counter[str] = Counter()
    for operation in (each for root in alternatives for each in walk(root)):
        match operation:
            case Hashed():
                counted[operation.algorithm] += operation.rounds
            case Keyed():
                counted[f"hmac_{operation.algorithm}"] += 1
            case Pbkdf2():
                counted[f"pbkdf2_{operation.algorithm} {operation.iterations}"] += 1
            case Scrypt():
                counted[f"scrypt {operation.n},{operation.r},{operation.p}"] += 1
            case Argon2():
                counted[f"argon2{operation.kind} m={operation.memory} t={operation.passes} p={operation.lanes}"] += 1
            case Bcrypt():
                counted["bcrypt"] += 1
    return counted


@immutable
class Plan:
    """How readings are run together."""

    executor: Executor
    cost: str
    padded: bool
    """See `pads_password`."""


def plan(interpretations: tuple[Operation, ...]) -> Plan:
    """Work out how `readings` are run together."""
    return Plan(executor_of(interpretations), name_of(work(interpretations)), pads_password(interpretations))


def name_of(counted: Counter[str], prefix: str = "") -> str:
    """Name the work: equal names take equal time. Holds nothing of the formula's texts, which may be secret."""
    parts = (f"{name} x{count}" if count > 1 else name for name, count in sorted(counted.items()))
    return " + ".join(filter(None, (prefix, *parts)))


def executor_of(alternatives: tuple[Operation, ...]) -> Executor:
    """Where the computation may run."""
    loops = _rounds(alternatives)
    if loops > INLINE_ROUNDS:
        return Executor.PROCESS
    slow = any(isinstance(each, Bcrypt | Pbkdf2 | Scrypt | Argon2) for root in alternatives for each in walk(root))
    return Executor.THREAD if slow else Executor.INLINE


def check_cost(alternatives: tuple[Operation, ...]) -> None:
    """Raise `TooCostly` where the formula could not be computed within the time of a sign-in."""
    if _rounds(alternatives) > MAX_ROUNDS:
        raise TooCostly(f"the formula asks for more than {MAX_ROUNDS} digests")
    for each in (each for root in alternatives for each in walk(root)):
        if isinstance(each, Pbkdf2):
            limits.check_pbkdf2(each.iterations, each.size, SIZES[each.algorithm])
        if isinstance(each, Scrypt):
            limits.check_scrypt(each.n, each.r, each.p)
        if isinstance(each, Argon2):
            limits.check_argon2(each.memory, each.passes, each.lanes)


def _rounds(alternatives: tuple[Operation, ...]) -> int:
    every = (each for root in alternatives for each in walk(root) if isinstance(each, Hashed | Keyed))
    return sum(weight(each.algorithm) * (each.rounds if isinstance(each, Hashed) else 1) for each in every)


def pads_password(interpretations: Iterable[Operation]) -> bool:
    """Whether the password ends a key of HMAC, which is padded with NUL (so is that of PBKDF2 and scrypt)."""
    operations = (each for root in interpretations for each in walk(root))
    keys = (_key(each) for each in operations)
    return any(key is not None and uses_password(key) for key in keys)


def _key(operation: Operation) -> Operation | None:
    match operation:
        case Keyed():
            return operation.key
        case Pbkdf2() | Scrypt():
            return operation.password
        case _:
            return None


def uses_password(operation: Operation) -> bool:
    """Whether the password is in the value."""
    return any(isinstance(each, Variable) and each.name == "pass" for each in walk(operation))
