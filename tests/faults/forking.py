"""A process that has everything loaded and forks once for each fault: a kill costs milliseconds.

It is started with ``events.c`` loaded before the C library, so that a fault can be laid on any
event of the file system, whether Python, Rust or C++ makes it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODES = {"count": 1, "kill": 2, "after": 3, "torn": 4}
"""What may happen at an event: nothing, SIGKILL before it, behind it, in the middle of a write.
An error's name (ENOSPC) makes it fail, and all events after it."""
ROOT = Path(__file__).resolve().parents[2]
LONGEST = 600.0
"""Seconds after which a job is taken to hang, on a machine that does much else."""


@dataclass(frozen=True)
class Ended:
    """How a job ended: exit status (negative: the signal), what it said, how long it took, and
    its events, each a call and the path below the folder, where they were counted."""

    status: int
    said: str
    seconds: float
    events: list[str]


def library(folder: Path) -> Path:
    """``events.c``, compiled into a folder.

    Raises:
        FileNotFoundError: there is no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise FileNotFoundError("no C compiler (cc), which faults are laid with")
    made = folder / "events.so"
    source = Path(__file__).with_name("events.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", made, source, "-ldl"], check=True)
    return made


class Forks:
    """The process that forks; use it in a ``with`` block.

    Args:
        folder: for the compiled library.
    """

    def __init__(self, folder: Path) -> None:
        self._library = library(folder)
        environment = os.environ | {
            "LD_PRELOAD": str(self._library), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1",
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forking", str(self._library)], cwd=ROOT,
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(
        self,
        job: str,
        folder: Path,
        fault: str = "",
        *,
        step: str = "run",
        seconds: float | None = None,
        workers: bool = False,
    ) -> Ended:
        """Do a step of a job in a process of its own.

        Args:
            job: of :data:`tests.faults.jobs.JOBS`; or a command line, see :meth:`command`.
            folder: where it works; events below it count.
            fault: mode and number of the event, such as ``kill 17``.
            step: ``run``, or ``prepare``.
            seconds: kill it after this time instead.
            workers: the fault is laid on the processes it starts.
        """
        return self._ordered([job, str(folder), fault, step, seconds, workers], 1)[0]

    def command(self, folder: Path, line: str, streams: str = "", mask: int | None = None) -> Ended:
        """Run a command line of ``ie-model``; no line prepares what :data:`COMMANDS` read.

        Args:
            folder: where it works.
            line: what stands behind ``ie-model``.
            streams: what is done to the standard streams, of :data:`tests.faults.commands.STREAMS`.
            mask: the umask.
        """
        job = json.dumps([line, streams, mask])
        return self._ordered([job, str(folder), "", "command", None, False], 1)[0]

    def run_at_once(self, job: str, folder: Path, times: int) -> list[Ended]:
        """Do a job in several processes at once."""
        return self._ordered([job, str(folder), "", "run", None, False], times)

    def _ordered(self, order: list[Any], times: int) -> list[Ended]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([order, times]) + "\n")
        self._process.stdin.flush()
        return [Ended(*ended) for ended in json.loads(self._process.stdout.readline())]

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def _laid(library: Any, fault: str, folder: str, workers: bool, events: int) -> None:
    mode, _, number = fault.partition(" ")
    code = 0 if mode in MODES else getattr(errno, mode)
    told = (MODES.get(mode, 5), int(number or 0), code)
    if workers:
        os.environ["IE_MODEL_FAULT"] = f"{told[0]} {told[1]} {told[2]} {folder}"
        return
    descriptor = events if mode == "count" else -1
    library.arm(told[0], ctypes.c_long(told[1]), told[2], folder.encode(), descriptor)


def _child(library: Any, order: list[Any], heard: int, files: Path) -> None:
    from ie_model.errors import IEModelError
    from tests.faults import commands
    from tests.faults.jobs import JOBS

    job, folder, fault, step, _, workers = order
    os.dup2(_written(files / "said"), 2)
    os.dup2(2, 1)
    os.setsid()  # what it starts is ended with it, where it hangs
    os.chdir(folder)
    os.environ["XDG_CACHE_HOME"] = str(Path(folder) / ".user")
    status = 0
    if fault:
        _laid(library, fault, folder, workers, _written(files / "events"))
    try:
        if step != "command":
            getattr(JOBS[job], step)(Path(folder))
        else:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # orders come there
            line, streams, mask = json.loads(job)
            status = commands.run(line, streams, mask) if line else commands.prepare(Path(folder))
    except IEModelError as error:
        print(error, file=sys.stderr)
        status = 1
    except BaseException:
        traceback.print_exc()
        status = 2
    library.arm(0, ctypes.c_long(0), 0, b"", -1)
    modules = {} if fault else {
        name: module is not None
        for name, module in sys.modules.items()
        if not name.startswith("__mp")
    }  # fmt: skip
    if sys.stderr is not None:
        sys.stderr.flush()
    os.write(heard, json.dumps(modules).encode())
    os._exit(status)


def _written(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)


def _killed_after(pid: int, seconds: float, ended: threading.Event) -> None:
    if not ended.wait(seconds):
        os.kill(pid, signal.SIGKILL)


class _Forked:
    """A child at work, and what comes of it."""

    def __init__(self, library: Any, order: list[Any], files: Path) -> None:
        files.mkdir(exist_ok=True)
        self._order, self._files, self._began = order, files, time.monotonic()
        ours, theirs = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            _child(library, order, theirs, files)
        os.close(theirs)
        self._ended = threading.Event()
        limit = order[4] or LONGEST
        self._clock = threading.Thread(target=_killed_after, args=(self._pid, limit, self._ended))
        self._clock.start()
        self._pipe = os.fdopen(ours, "rb")

    def ended(self) -> tuple[list[Any], dict[str, bool]]:
        """How it ended, and the modules it had loaded, or (false) barred from loading."""
        with self._pipe as pipe:
            heard = pipe.read()
        _, status = os.waitpid(self._pid, 0)
        # One that was killed may have been killed in the middle of saying it.
        modules = json.loads(heard or b"{}") if os.WIFEXITED(status) else {}
        seconds = time.monotonic() - self._began
        self._ended.set()
        self._clock.join()
        if seconds >= LONGEST:
            with contextlib.suppress(ProcessLookupError):  # it started nothing
                os.killpg(self._pid, signal.SIGKILL)
        said = (self._files / "said").read_text(errors="replace")
        counted = self._order[2].startswith("count")
        events = (self._files / "events").read_text(errors="replace") if counted else ""
        code = os.waitstatus_to_exitcode(status)
        return [code, said, seconds, events.splitlines()], modules


def _load(modules: dict[str, bool]) -> None:
    """Load what a child has loaded, and fill the caches that each child would fill anew."""
    for name, wanted in modules.items():
        if not wanted:
            sys.modules.setdefault(name, None)  # type: ignore[arg-type]
        elif name not in sys.modules:
            try:
                importlib.import_module(name)
            except Exception:  # a module that only its own package can load
                continue
    if mapping := sys.modules.get("transformers.conversion_mapping"):
        mapping.get_checkpoint_conversion_mapping("bert")  # a thousand patterns
    # Nothing of this is garbage to a child; looking through it would copy every page.
    gc.collect()
    gc.freeze()


def _serve(path: str) -> None:
    library = ctypes.CDLL(path)
    loaded: set[tuple[str, str]] = set()
    files = Path(tempfile.mkdtemp(prefix="ie-model-faults-"))
    for line in sys.stdin:
        order, times = json.loads(line)
        forked = [_Forked(library, order, files / str(k)) for k in range(times)]
        ended = [one.ended() for one in forked]
        # What a job had to load, the next one finds loaded.
        if (order[0], order[3]) not in loaded and ended[0][1]:
            loaded.add((order[0], order[3]))
            _load(ended[0][1])
        print(json.dumps([one for one, _ in ended]), flush=True)
    shutil.rmtree(files, ignore_errors=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
