"""Models and gold in, judgement out: cross-validation, calibration, comparison, suspects, report.

Knows nothing of serving or scoring jobs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
