"""Train, evaluate and serve span extraction for security news.

The public names below are loaded on first use: importing the package costs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Config": "config.schema",
    "Document": "documents",
    "Entity": "documents",
    "Extractor": "inference.extractor",
    "IEModelError": "errors",
    "InputError": "errors",
    "LabelSet": "labels",
    "RunError": "errors",
    "TrainResult": "training.run",
    "distill": "training.distillation",
    "evaluate": "inference.gold",
    "load_config": "config.loading",
    "read_documents": "corpus.reading",
    "score_documents": "metrics.spans",
    "train": "training.run",
    "write_documents": "corpus.reading",
}

__all__ = [
    "Config",
    "Document",
    "Entity",
    "Extractor",
    "IEModelError",
    "InputError",
    "LabelSet",
    "RunError",
    "TrainResult",
    "__version__",
    "distill",
    "evaluate",
    "load_config",
    "read_documents",
    "score_documents",
    "train",
    "write_documents",
]

if TYPE_CHECKING:
    from ie_model.config.loading import load_config
    from ie_model.config.schema import Config
    from ie_model.corpus.reading import read_documents, write_documents
    from ie_model.documents import Document, Entity
    from ie_model.errors import IEModelError, InputError, RunError
    from ie_model.inference.extractor import Extractor
    from ie_model.inference.gold import evaluate
    from ie_model.labels import LabelSet
    from ie_model.metrics.spans import score_documents
    from ie_model.training.distillation import distill
    from ie_model.training.run import TrainResult, train


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ie_model' has no attribute {name!r}")
    return getattr(importlib.import_module(f"ie_model.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
