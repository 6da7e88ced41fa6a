"""Texts in, `Document`s with entities out: batching, engines, decoding, thresholds.

Knows nothing of how a model was trained."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
