"""The errors that callers may catch; every message says what, where and what to do."""

from __future__ import annotations


class IEModelError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(IEModelError, ValueError):
    """The caller's mistake: a bad file, value or option. The command line exits with 2."""


class RunError(IEModelError, RuntimeError):
    """Something failed while working on good input. The command line exits with 1."""
