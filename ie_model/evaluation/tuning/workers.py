"""Trials side by side, in processes with CPUs of their own."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from ie_model.errors import InputError, RunError
from ie_model.models.cpu_shares import keep_to, share_cpus
from ie_model.models.hardware import available_cpus

Key = TypeVar("Key")
Work = Callable[..., Any]


def side_by_side(
    ask: Callable[[], tuple[Key, Work, tuple[Any, ...]] | None], jobs: int
) -> Iterator[tuple[Key, Any]]:
    """Do what ``ask`` gives, so many at a time, and yield each result with its key.

    ``ask`` is called whenever there is room, after the result before it was taken, and gives
    ``None`` when there is nothing (for now). With one job all is done in this process; with
    more, each has a fresh process, pinned to its share of the CPUs, that ends with this one.

    Raises:
        InputError: more jobs than CPUs.
        RunError: a process died, of too little memory perhaps.
    """
    if jobs == 1:
        while (asked := ask()) is not None:
            key, work, arguments = asked
            yield key, work(*arguments)
        return
    cpus = available_cpus()
    if jobs > cpus:
        raise InputError(
            f"jobs is {jobs}: each has a CPU of its own, and this process may use {cpus}"
        )
    context = multiprocessing.get_context("spawn")
    places = context.SimpleQueue()
    for share in share_cpus(jobs):
        places.put((share, max(1, cpus // jobs)))
    running: dict[Future[Any], Key] = {}
    with ProcessPoolExecutor(jobs, context, _begin, (places,)) as pool:
        try:
            while True:
                while len(running) < jobs and (asked := ask()) is not None:
                    key, work, arguments = asked
                    # Unpickled in the worker, after it is pinned: that may import torch.
                    payload = pickle.dumps((work, arguments))
                    running[pool.submit(_do, payload)] = key
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool:
            raise RunError(
                "a process of the search died (too little memory?); the same command goes on, "
                "perhaps with fewer --jobs"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(places: Any) -> None:
    keep_to(*places.get())
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    """End this process when its parent is gone, perhaps killed."""
    parent.join()
    os._exit(1)


def _do(payload: bytes) -> Any:
    work, arguments = pickle.loads(payload)
    return work(*arguments)
