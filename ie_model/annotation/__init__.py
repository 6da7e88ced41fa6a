"""Annotated documents in, findings out: checks, statistics, agreement, conversion and its account.

Knows no model."""
