"""A `Config` in, a model directory out.

Knows nothing of how the model is judged or served later.
"""
