"""Batch scoring: any number of documents through a model, each exactly once.

    from ie_model.scoring import score

    summary = score("corpus/*.jsonl.gz", "entities.jsonl.gz", "runs/model")

The same call after any interruption goes on where it stopped. :func:`score_on_ray` does
the same job on a Ray cluster, :func:`arrow_scorer` is for Spark's ``mapInArrow``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
