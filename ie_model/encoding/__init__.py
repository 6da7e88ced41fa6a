"""Text in, units and token windows out, with gold as one tag a unit. Knows no model."""
