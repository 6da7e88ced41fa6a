"""Faults at file-system events, by environment variable; Python imports this when it starts.

    IE_MODEL_FAULT="kill 17"       SIGKILL before the 17th event
    IE_MODEL_FAULT="after 17"      SIGKILL behind it
    IE_MODEL_FAULT="ENOSPC 17"     the 17th event fails with this error, and all after it do
    IE_MODEL_FAULT="count 0"       no fault; the number of events goes to IE_MODEL_FAULT_COUNT

An event is a rename, link, unlink, sync, truncation, new folder, or opening for writing of
something below IE_MODEL_FAULT_UNDER. IE_MODEL_FAULT_WHO says whose events count: ``main``, or
``worker`` for the processes it starts.
"""

import atexit
import builtins
import errno
import io
import os
import signal

_MODE, _, _NUMBER = os.environ.get("IE_MODEL_FAULT", "").partition(" ")
_UNDER = os.environ.get("IE_MODEL_FAULT_UNDER", "")
_EVENTS = [0]
_OPENED = set()


def _concerns(arguments) -> bool:
    for argument in arguments:
        if isinstance(argument, int) and argument in _OPENED:
            return True
        if isinstance(argument, str | bytes | os.PathLike):
            try:
                path = os.path.abspath(os.fsdecode(argument))  # noqa: PTH100 (links as named)
            except (TypeError, ValueError):
                continue
            if path.startswith(_UNDER):
                return True
    return False


def _event(call, arguments, options):
    _EVENTS[0] += 1
    due = _EVENTS[0] == int(_NUMBER)
    if due and _MODE == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if _MODE.startswith("E") and int(_NUMBER) and _EVENTS[0] >= int(_NUMBER):
        number = getattr(errno, _MODE)
        raise OSError(number, os.strerror(number), str(arguments[0]))
    answer = call(*arguments, **options)
    if due and _MODE == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return answer


def _watched(call):
    def wrapped(*arguments, **options):
        if _concerns(arguments):
            return _event(call, arguments, options)
        return call(*arguments, **options)

    return wrapped


def _watched_open(call):
    def wrapped(file, mode="r", *arguments, **options):
        writes = isinstance(mode, str) and any(c in mode for c in "wax+")
        if writes and _concerns([file]):
            stream = _event(call, (file, mode, *arguments), options)
        else:
            stream = call(file, mode, *arguments, **options)
        if writes and _concerns([file]):
            _OPENED.add(stream.fileno())
        return stream

    return wrapped


def _install() -> None:
    import multiprocessing

    worker = multiprocessing.parent_process() is not None or "--multiprocessing-fork" in (
        getattr(__import__("sys"), "orig_argv", [])
    )
    if worker != (os.environ.get("IE_MODEL_FAULT_WHO", "main") == "worker"):
        return
    # What only makes room is let through when the disk is "full".
    full = _MODE == "ENOSPC"
    for name in ("replace", "rename", "fsync", "truncate", "mkdir", "link"):
        setattr(os, name, _watched(getattr(os, name)))
    if not full:
        for name in ("unlink", "remove", "rmdir"):
            setattr(os, name, _watched(getattr(os, name)))
    builtins.open = io.open = _watched_open(io.open)
    told = os.environ.get("IE_MODEL_FAULT_COUNT")
    if told:
        written = os.open
        atexit.register(
            lambda: os.write(
                written(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666),
                str(_EVENTS[0]).encode(),
            )
        )


if _MODE:
    _install()
