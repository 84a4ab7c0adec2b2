"""The main loop of a worker process: checks arrive over a pipe until the service closes it.

Started as `python -m service.hashing.pool.worker_main FD`, with the number of the pipe's file descriptor.
"""

import signal
import sys
from multiprocessing.connection import Connection

from service.hardening import hide_memory
from service.hashing.format import Check
from service.hashing.pool.job import Answer, run_here


def serve(pipe: Connection) -> None:
    """Answer checks until the pipe closes, also if the service dies."""
    while True:
        try:
            check, password = pipe.recv()
        except EOFError:
            return
        except Exception as fault:  # noqa: BLE001 - a check that cannot be unpickled is a fault of that check
            pipe.send(type(fault).__name__)
            continue
        pipe.send(_answer(check, password))


def _answer(check: Check, password: str) -> Answer:
    try:
        return run_here(check, password)
    except Exception as fault:  # noqa: BLE001 - only its name crosses the pipe: its message may quote a secret
        return type(fault).__name__


if __name__ == "__main__":
    # Supervisors signal every process of a service: the service decides when its workers stop.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hide_memory()
    serve(Connection(int(sys.argv[1])))
