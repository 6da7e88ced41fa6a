"""An extractor and texts in, throughput out, beside what the machine can do at most."""
