"""Engines: token ids and mask in, logits out, and nothing else.

Each lives in a module of its own, whose heavy imports run only when it is named. Knows
nothing of texts or units.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
