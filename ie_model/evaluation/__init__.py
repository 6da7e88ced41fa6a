"""Models and gold in, judgement out: cross-validation, calibration, comparison, suspects, report.

Knows nothing of serving or scoring jobs."""
