"""What happens to engines in a forked process: their threads stay behind in the parent.

Waiting for such threads hangs, and so does destroying the objects that own them, even at
the end of a child that never touched the engine. Engines therefore register here, and the
child lets go of what they held without destroying it.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any, Protocol


class Forkable(Protocol):
    """An engine with threads of its own."""

    def after_fork(self) -> None:
        """Called in the child: abandon what has threads, make new locks."""
        ...


_engines: weakref.WeakSet[Any] = weakref.WeakSet()


def watch(engine: Forkable) -> None:
    """Call ``engine.after_fork()`` in every process forked off while it lives."""
    _engines.add(engine)


def abandon(*objects: object) -> None:
    """Keep these objects for ever: one reference too many, so that none is destroyed."""
    for item in objects:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(item))


def _in_child() -> None:
    for engine in list(_engines):
        engine.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
