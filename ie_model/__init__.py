"""Train, evaluate and serve span extraction for security news.

The public names below are loaded on first use: importing the package costs no torch.
"""

import os
import sys

import lazy_loader

# Threads that spin while they wait make everything 8 to 25 times slower on a CPU that others
# use too. OpenMP reads this when torch is imported; a value of the user's stays.
if "torch" not in sys.modules:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
