"""Correct and faulty policies in Python, for the tests to load."""

import asyncio
import contextlib
import sys
import threading

from service.registration import Allow, Cause, Decision, Deny, Kind, LegacyAccounts, ScreeningRequest

MARK = "marked-and-secret"
released = threading.Event()


async def good(request: ScreeningRequest) -> Decision:
    if request.kind is Kind.UNKNOWN:
        return Deny()
    if request.profile.get("country") == "XX":
        return Deny("Not there.", (Cause("Choose another country.", "BAD_COUNTRY", "country"),))
    return Allow(({"userType": "external"},), explicitly=True)


async def raises(request: ScreeningRequest) -> Decision:
    raise RuntimeError(f"{MARK} {request.profile}")


async def exits(request: ScreeningRequest) -> Decision:
    sys.exit(f"{MARK}")


class NoException(BaseException):
    """An exception that `except Exception` does not catch."""


async def raises_no_exception(request: ScreeningRequest) -> Decision:
    raise NoException(MARK)


async def is_cancelled(request: ScreeningRequest) -> Decision:
    raise asyncio.CancelledError(MARK)


async def awaits_what_was_cancelled(request: ScreeningRequest) -> Decision:
    cancelled = asyncio.ensure_future(asyncio.sleep(60))
    cancelled.cancel()
    await cancelled
    return Allow()


async def is_closed(request: ScreeningRequest) -> Decision:
    raise GeneratorExit(MARK)


async def hangs(request: ScreeningRequest) -> Decision:
    await asyncio.Event().wait()
    return Allow()


async def blocks(request: ScreeningRequest) -> Decision:
    released.wait(30)
    return Allow()


async def times_out(request: ScreeningRequest) -> Decision:
    raise TimeoutError


async def says_yes(request: ScreeningRequest) -> bool:
    return True


async def says_nothing(request: ScreeningRequest) -> None:
    return None


async def sets_password(request: ScreeningRequest) -> Decision:
    return Allow(({"password": "x"},))


async def sets_no_json(request: ScreeningRequest) -> Decision:
    return Allow(({"a": {1, 2}},))


async def sets_nan(request: ScreeningRequest) -> Decision:
    return Allow(({"a": float("nan")},))


async def sets_half_a_character(request: ScreeningRequest) -> Decision:
    return Allow(({"a": "\ud83d"},))


async def says_half_a_character(request: ScreeningRequest) -> Decision:
    return Deny("\udc00")


async def sets_what_is_too_deep(request: ScreeningRequest) -> Decision:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    return Allow(({"a": deep},))


async def sets_too_much(request: ScreeningRequest) -> Decision:
    return Allow(({"a": "x" * 300_000},))


async def denies_in_no_words(request: ScreeningRequest) -> Decision:
    return Deny(None, (Cause("x", "y", "z"),))


async def sets_no_tuple(request: ScreeningRequest) -> Decision:
    return Allow({"a": 1})  # type: ignore[arg-type]


async def sets_a_list(request: ScreeningRequest) -> Decision:
    return Allow(({"a": 1}, ["b"]))  # type: ignore[arg-type]


async def sets_no_name(request: ScreeningRequest) -> Decision:
    return Allow(({1: "a"},))  # type: ignore[dict-item]


async def allows_perhaps(request: ScreeningRequest) -> Decision:
    return Allow(explicitly="yes")  # type: ignore[arg-type]


async def denies_with_a_number(request: ScreeningRequest) -> Decision:
    return Deny(5)  # type: ignore[arg-type]


async def denies_with_one_cause(request: ScreeningRequest) -> Decision:
    return Deny("No.", Cause("x", "y", "z"))  # type: ignore[arg-type]


async def denies_with_a_text(request: ScreeningRequest) -> Decision:
    return Deny("No.", ("x",))  # type: ignore[arg-type]


async def denies_beside_nothing(request: ScreeningRequest) -> Decision:
    return Deny("No.", (Cause("x", "y", "z"), Cause("x", "y", None)))  # type: ignore[arg-type]


async def denies_for_no_reason(request: ScreeningRequest) -> Decision:
    return Deny("No.", (Cause("x", " ", "z"),))


async def allows_everything(request: ScreeningRequest) -> Decision:
    return Allow(explicitly=True)


async def copies_branch(request: ScreeningRequest, legacy: LegacyAccounts) -> Decision:
    (known,) = await legacy.find()
    return Allow(({"branch": known.profile["branch"]},))


async def finds_member(request: ScreeningRequest, legacy: LegacyAccounts) -> Decision:
    return Allow() if await legacy.find_by("memberNumber", request.profile.get("member")) else Deny()


async def nul_is_looked_up(request: ScreeningRequest, legacy: LegacyAccounts) -> Decision:
    return Allow() if await legacy.find_by("memberNumber", "\0") else Deny()


async def ignores_the_store(request: ScreeningRequest, legacy: LegacyAccounts) -> Decision:
    with contextlib.suppress(OSError):
        await legacy.find()
    return Allow()


async def other_arguments(request: ScreeningRequest, connection: object) -> Decision:
    return Allow()


def synchronous(request: ScreeningRequest) -> Decision:
    return Allow()


async def no_argument() -> Decision:
    return Allow()
