"""Standard streams that are closed, full or broken: ``ie-model ... 2>&-``, or ``>/dev/full``."""

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any

from ie_model.errors import RunError


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


class _Bytes(io.FileIO):
    """Standard output or error; ``lost``: something for the latter could not be written."""

    lost = False

    def write(self, data: Any, /) -> int:  # type: ignore[override]
        try:
            while (written := super().write(data)) is None:  # it does not block, and is full
                select.select([], [self], [])
            return written
        except OSError as error:
            if self.fileno() == 2:
                self.lost = self.lost or error.errno not in (errno.EPIPE, errno.EBADF)
                return len(data)
            if isinstance(error, BrokenPipeError):  # the reader has seen enough: no failure
                raise
            closed = error.errno == errno.EBADF
            reason = "it is closed" if closed else error.strerror or str(error)
            raise RunError(f"standard output: cannot be written: {reason}") from error


class _Text(io.TextIOWrapper):
    """The same for text."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except UnicodeEncodeError as error:
            raise RunError(
                f"standard output: {error.object[error.start]!r} cannot be written in "
                f"{self.encoding}; write to a file, or set PYTHONIOENCODING=utf-8 if that is no "
                "half of a surrogate pair"
            ) from error


def guard_streams() -> None:
    """See to it that what befalls a standard stream is told, and harms nothing else.

    What cannot be written to standard output raises a :class:`RunError` that says so, in place
    of an ``OSError`` without a name. What cannot be written to standard error is passed over;
    only the exit code can tell, see :func:`settle_streams`.
    """
    fill_closed_streams()
    for number, name in ((1, "stdout"), (2, "stderr")):
        given = getattr(sys, name)
        try:
            if given.fileno() != number:
                continue
            given.flush()
        except (AttributeError, OSError):  # something a caller put in its place
            continue
        guarded = _Text(
            io.BufferedWriter(_Bytes(number, "w", closefd=False)), given.encoding, given.errors,
            line_buffering=number == 2 or given.line_buffering,
        )  # fmt: skip
        setattr(sys, name, guarded)


def settle_streams() -> bool:
    """Write what is left; whether everything could be written.

    Python would try again at its end, complain, and change the exit code.

    Raises:
        RunError: standard output cannot be written.
    """
    sys.stderr.flush()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence_output()
    except (OSError, RunError):
        silence_output()
        raise
    return not getattr(getattr(sys.stderr.buffer, "raw", None), "lost", False)


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
        silence_output()


def silence_output() -> None:
    """What is still to be written where nobody reads any more goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
