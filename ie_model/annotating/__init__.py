"""Documents and a model's suggestions in, annotations made by people out: a local page.

Knows files through :mod:`ie_model.corpus`, models through the extractor, and what is wrong with
a span through :mod:`ie_model.annotation`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
