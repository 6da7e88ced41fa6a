"""YAML and overrides in, a checked `Config` out. Knows nothing of documents or models."""
