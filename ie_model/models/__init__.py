"""A name or a folder in, a model on disk out: directory, card, backbones, hardware, plan.

Knows nothing of training or of answers."""
