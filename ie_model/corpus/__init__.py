"""Files in, `Document`s out, and back: formats, changes, near-duplicates, augmentation.

Knows nothing of tokens or models."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
