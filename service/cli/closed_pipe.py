"""Whether anybody still reads what a command prints: `| head` leaves early. Knows standard output alone."""

import os
import select
import sys


def nobody_reads() -> bool:
    """Tell whether the reader of standard output is gone; what was not written yet then goes nowhere, without a word.

    Else Python would try again at its end, and complain: https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    output = sys.stdout.fileno()
    look = select.poll()
    look.register(output, 0)  # an end that is closed is told of in any case
    if not look.poll(0):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output)
    os.close(nowhere)
    return True
