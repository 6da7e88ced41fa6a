"""A worker process: loads the model once, then does shards until it is told to stop."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from ie_model.errors import InputError
from ie_model.models.cpu_shares import keep_to
from ie_model.scoring.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a worker runs: its compute threads, the CPUs it is pinned to, its device."""

    threads: int | None = None
    cpus: tuple[int, ...] = ()
    device: str = "cpu"


def pin(placement: Placement) -> None:
    """Keep this process to its CPUs and threads; call it before any numeric library loads."""
    keep_to(placement.cpus, placement.threads)


def work(connection: Connection, payload: bytes, placement: Placement) -> None:
    """The life of a worker process.

    Takes shards from the connection and answers ``("done", record)``; for a shard that is
    tried text by text, ``("at", row)`` comes before each, and ``("at", None)`` behind them.
    The first message is ``("ready", engine)``; the last, when something fails, ``("failed",
    message, is_input)``. ``None`` asks it to finish the shard in hand and to leave the ones
    that wait.
    """
    # Ctrl-C reaches the whole process group: the parent decides when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stop = threading.Event()
    threading.Thread(target=_receive, args=(connection, inbox, stop), daemon=True).start()
    try:
        pin(placement)
        # Pickled twice: unpickling may import torch, which must come after the pinning.
        factory, task = pickle.loads(payload)
        scorer = Scorer(factory(placement.threads, placement.device), task)
        connection.send(("ready", scorer.engine))
        while True:
            shard = inbox.get()
            if stop.is_set():
                break
            record = scorer(shard, lambda place: connection.send(("at", place)))
            connection.send(("done", record))
    except BrokenPipeError:
        os._exit(1)
    except BaseException as error:
        message = str(error) if isinstance(error, InputError) else "".join(
            traceback.format_exception_only(error)
        )  # fmt: skip
        connection.send(("failed", message.strip(), isinstance(error, InputError)))
        os._exit(1)
    # An engine's own threads must not keep a worker alive that has nothing left to do.
    os._exit(0)


def _receive(connection: Connection, inbox: queue.SimpleQueue[Any], stop: threading.Event) -> None:
    """Take messages while the model works, so that the parent never waits to send."""
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            # The parent is gone, perhaps killed: whatever is in hand will be done again.
            os._exit(1)
        if message is None:
            stop.set()
        inbox.put(message)
