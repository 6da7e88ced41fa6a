"""Texts in, `Document`s with entities out: batching, engines, decoding, thresholds.

Knows nothing of how a model was trained."""
