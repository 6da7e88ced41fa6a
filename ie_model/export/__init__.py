"""A model in, a faster model out, kept only if its answers stay the same; and how fast each is.

Knows nothing of scoring jobs or annotations."""
