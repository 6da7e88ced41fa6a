"""Annotated documents in, findings out: checks, statistics, agreement, conversion and its account.

Knows no model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
