"""Train, evaluate and serve span extraction for security news.

The public names below are loaded on first use: importing the package costs no torch.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
