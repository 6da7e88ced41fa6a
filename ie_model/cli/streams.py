"""Standard streams that the caller closed: ``ie-model ... 2>&-``, or a service without any."""

import contextlib
import os
import sys
from collections.abc import Iterator


def fill_closed_streams() -> None:
    """Put something harmless where standard input, output or error is closed.

    Otherwise the next file that is opened takes the free number, and what a library writes
    to standard error lands in it. Reading ends at once; what is written to standard output
    fails, as it must not be lost; what is written to standard error goes nowhere.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (for as long as we run)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def settle_output() -> bool:
    """Write what is left of standard output; whether that could be done.

    Python would try again at its end, complain, and change the exit code.
    """
    try:
        sys.stdout.flush()
    except OSError:
        _discard(1)
        return False
    return True


@contextlib.contextmanager
def until_reader_leaves() -> Iterator[None]:
    """Print in the block; where nobody reads any more, as behind ``| head``, go on behind it.

    For what is not over with the printing: the exit code says something of its own.
    """
    try:
        yield
    except (BrokenPipeError, SystemExit) as stop:  # rich makes an exit of it
        if isinstance(stop, SystemExit) and not isinstance(stop.__context__, BrokenPipeError):
            raise
        _discard(1)


def silence_broken_streams() -> None:
    """What is still to be written where nobody reads any more goes nowhere."""
    for number in (1, 2):
        _discard(number)


def _discard(number: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
