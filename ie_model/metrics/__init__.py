"""Gold and predicted documents in, numbers out: matching, span scores, agreement, intervals.

Knows nothing of where either came from."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
