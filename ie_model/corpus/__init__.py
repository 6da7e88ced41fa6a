"""Files in, `Document`s out, and back: formats, changes, near-duplicates, augmentation.

Knows nothing of tokens or models."""
