"""The cost of a formula, and the executor that it needs."""

from collections import Counter
from collections.abc import Iterable

from service.hashing import limits
from service.hashing.digests import SIZES, weight
from service.hashing.executor import Executor
from service.hashing.format import TooCostly
from service.hashing.formula.operations import (
    Applied,
    Argon2,
    Bcrypt,
    Checked,
    Concatenation,
    Feed,
    Hashed,
    Keyed,
    Literal,
    Operation,
    Pbkdf2,
    Scrypt,
    Variable,
    walk,
)
from service.immutable import immutable

MAX_ROUNDS = 1_000_000
"""Digests of one check over all interpretations: a Python loop takes about 0.7 µs per round, so 0.7 s; Okta waits 3."""
MAX_GROWTH = 1000
"""Bytes of all values together per input byte: `hex(hex(…))` doubles with each call, and 40 calls may nest."""
IN_PYTHON = 1000
"""The weight of a digest that a Python loop computes."""
_GROWTH = (
    dict.fromkeys(
        (
            *("invision", "htmlspecialchars_compat", "htmlspecialchars_quotes", "filter_string"),
            *("sugarcrm_clean", "suitecrm_clean"),
        ),
        6,
    )
    | {"numeric_entities": 8}
    | dict.fromkeys(("nfkc", "nfkd", "saslprep", "saslprep_query"), 12)
    | dict.fromkeys(("phpbb_clean", "fluxbb_clean", "punbb_clean", "prestashop_clean"), 12)
    | dict.fromkeys(
        ("left", "right", "cut", "strrev", "trim", "raw", "unhex", "unbase64", "strtolower", "strtoupper"), 1
    )
)
"""By function. Others produce at most 3 bytes per byte, since some characters have upper-case forms of three."""
INLINE_ROUNDS = 50
"""About 50 µs: the cost of a hand-over to a thread."""


def count_functions(alternatives: Iterable[Operation]) -> Counter[str]:
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
    """How the interpretations run together."""

    executor: Executor
    cost: str
    padded: bool
    """See `pads_password`."""
    work: float
    """The share of what one sign-in may cost, without bcrypt."""
    looped: bool
    """See `loops_over_password`."""


def plan(interpretations: tuple[Operation, ...]) -> Plan:
    """Determine how `interpretations` run together."""
    return Plan(
        executor_of(interpretations),
        name_of(count_functions(interpretations)),
        pads_password(interpretations),
        work_of(interpretations),
        loops_over_password(interpretations),
    )


def name_of(counted: Counter[str], prefix: str = "") -> str:
    """Name the work: equal names take equal time. Contains none of the formula's texts, which may be secret."""
    parts = (f"{name} x{count}" if count > 1 else name for name, count in sorted(counted.items()))
    return " + ".join(filter(None, (prefix, *parts)))


def executor_of(alternatives: tuple[Operation, ...]) -> Executor:
    """Return the executor for the computation."""
    loops = _rounds(alternatives)
    if loops > INLINE_ROUNDS:
        return Executor.PROCESS
    slow = any(isinstance(each, Bcrypt | Pbkdf2 | Scrypt | Argon2) for root in alternatives for each in walk(root))
    return Executor.THREAD if slow else Executor.INLINE


def check_cost(alternatives: tuple[Operation, ...]) -> None:
    """Raise `TooCostly` if the formula cannot be computed within the time of a sign-in."""
    if _rounds(alternatives) > MAX_ROUNDS:
        raise TooCostly(f"the formula needs more than {MAX_ROUNDS} digests")
    limits.require_affordable(work_of(alternatives))
    if sum(growth(each) for root in alternatives for each in walk(root)) > MAX_GROWTH:
        raise TooCostly(f"the formula produces more than {MAX_GROWTH} bytes per byte of input")


def work_of(alternatives: tuple[Operation, ...]) -> float:
    """Return the share of what one sign-in may cost, without bcrypt, whose cost is the row's. Raises `TooCostly`."""
    return _rounds(alternatives) / MAX_ROUNDS + sum(_slow_work(each) for root in alternatives for each in walk(root))


def _slow_work(operation: Operation) -> float:
    match operation:
        case Pbkdf2():
            return limits.check_pbkdf2(operation.iterations, operation.size, SIZES[operation.algorithm])
        case Scrypt():
            return limits.check_scrypt(operation.n, operation.r, operation.p)
        case Argon2():
            return limits.check_argon2(operation.memory, operation.passes, operation.lanes)
        case _:
            return 0.0


def growth(operation: Operation, name: str | None = None) -> int:
    """Return the most bytes that the value may have per byte of input, or per byte of the variable `name` alone."""
    match operation:
        case Variable():
            return int(name in {None, operation.name})
        case Literal():
            return int(name is None)
        case Concatenation() | Checked():
            return sum(growth(part, name) for part in operation.parts())
        case Applied():
            return growth(operation.operand, name) * _GROWTH.get(operation.function, 3)
        case _:
            return 0


def loops_over_password(alternatives: tuple[Operation, ...]) -> bool:
    """Return whether rounds hash the password again, or a digest in Python reads all of it."""
    every = (each for root in alternatives for each in walk(root) if isinstance(each, Hashed))
    looping = (each for each in every if _chains(each) or weight(each.algorithm) >= IN_PYTHON)
    return any(growth(each.operand, "pass") for each in looping)


def _chains(operation: Hashed) -> bool:
    return operation.rounds > 1 and operation.feed is Feed.CHAIN


def _rounds(alternatives: tuple[Operation, ...]) -> int:
    every = (each for root in alternatives for each in walk(root) if isinstance(each, Hashed | Keyed))
    return sum(weight(each.algorithm) * (each.rounds if isinstance(each, Hashed) else 1) for each in every)


def pads_password(interpretations: Iterable[Operation]) -> bool:
    """Return whether the password ends the key of an HMAC, which is padded with NUL (as in PBKDF2 and scrypt)."""
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
    """Return whether the value depends on the password."""
    return any(isinstance(each, Variable) and each.name == "pass" for each in walk(operation))
