"""Command lines in, calls of plain functions out. Nothing below may know it."""
