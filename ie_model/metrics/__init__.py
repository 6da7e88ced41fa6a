"""Gold and predicted documents in, numbers out: matching, span scores, agreement, intervals.

Knows nothing of where either came from."""
