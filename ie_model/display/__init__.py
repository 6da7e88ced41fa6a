"""Documents in, what a person looks at out: highlights, excerpts, page templates.

Knows nothing of where the documents came from."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
