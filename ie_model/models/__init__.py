"""A name or a folder in, a model on disk out: directory, card, backbones, hardware, plan.

Knows nothing of training or of answers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
