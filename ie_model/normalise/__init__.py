"""DATE and QUANTITY mentions to values, ACTOR and LOCATION mentions to names. Knows documents,
and nothing of models.

An option on top of extraction (``pip install 'ie-model[normalise]'``): offsets and texts
are never touched, and what cannot be resolved has the value ``None`` and a reason.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
