"""Items of a source that may block, read ahead in a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ahead(Generic[Item]):
    """Reads ahead in a thread, by two items at most.

    Reading standard input or hearing from a cluster may block; the workers' answers and Ctrl-C
    must not wait for that.
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._queue: queue.Queue[Item | BaseException | None] = queue.Queue(maxsize=2)
        self._closed = False
        self.exhausted = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    return
            self._put(None)
        except BaseException as error:  # whatever ends this thread, the taker must hear of it
            self._put(error)

    def _put(self, item: Item | BaseException | None) -> bool:
        while not self._closed:
            try:
                self._queue.put(item, timeout=0.5)
            except queue.Full:
                continue
            return True
        return False

    def take(self, timeout: float) -> Item | None:
        """The next item, or ``None`` if there is none yet, or no more."""
        try:
            item = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(item, BaseException):
            raise item
        self.exhausted = item is None
        return item

    def close(self) -> None:
        """Let the thread end."""
        self._closed = True
