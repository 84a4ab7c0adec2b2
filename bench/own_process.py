"""Execution of a coroutine function in a separate interpreter, on the fastest loop."""

import multiprocessing
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar

import uvloop

P = ParamSpec("P")
T = TypeVar("T")


def in_own_process(work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run it to its end and return its result."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        result: T = executor.submit(_run, work, args, kwargs).result()
        return result


def begin(
    executor: ProcessPoolExecutor, work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
) -> "Future[T]":
    """Start it in a process of `executor`."""
    return executor.submit(_run, work, args, kwargs)


def _run(work: Callable[..., Coroutine[Any, Any, Any]], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
    return uvloop.run(work(*args, **kwargs))
