"""The service with one mechanism replaced by its plain alternative: `python -m bench.without NAME` runs `serve`.

The effect of a mechanism is the difference between the two, measured in one run by `bench.measures.mechanisms`.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def immutable() -> None:
    """Freeze value objects at run time too, like `dataclass(frozen=True)`."""
    import service.immutable

    def frozen(cls: type) -> type:
        return dataclass(frozen=True, slots=True)(cls)

    service.immutable.immutable = frozen


def shared_lookups() -> None:
    """Read for every sign-in separately."""
    from service.signin.lookup_batcher import Lookups
    from service.signin.queries import LookedUp, Lookup, find_and_failures

    async def find(self: Lookups, asked: Lookup) -> LookedUp:
        async with self._database.connection() as connection:
            (found,) = await find_and_failures(connection, [asked])
        return found

    Lookups.find = find  # type: ignore[method-assign]


def refusal_pace() -> None:
    """Reject a call at once if no core has time for it."""
    from service.web import hooks

    hooks.REFUSAL_PACE = 0.0


def parser_process() -> None:
    """Parse large deliveries on the event loop."""
    from service.okta.events import parse_delivery
    from service.web import bodies

    async def parse_here(_: object, body: bytearray) -> Any:  # noqa: ANN401 (the types of the original)
        return parse_delivery(body)

    bodies.DeliveryReader._parse_in_process = parse_here  # type: ignore[assignment,method-assign]


ALTERNATIVES: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (immutable, shared_lookups, refusal_pace, parser_process)
}


def main() -> None:
    """Replace the mechanism that the first argument names, then serve."""
    ALTERNATIVES[sys.argv.pop(1)]()
    sys.argv[1:] = ["serve"]
    from service.cli import main as serve

    serve()


if __name__ == "__main__":
    main()
