"""A `Config` in, a model directory out.

Knows nothing of how the model is judged or served later.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
