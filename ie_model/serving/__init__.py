"""HTTP requests in, documents with entities out, and the page that people look at.

Knows models only through :class:`ie_model.inference.extractor.Extractor`. Texts are neither
kept nor logged."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
