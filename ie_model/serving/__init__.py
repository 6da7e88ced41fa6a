"""HTTP requests in, documents with entities out, and the page that people look at.

Knows models only through :class:`ie_model.inference.extractor.Extractor`. Texts are neither
kept nor logged."""
