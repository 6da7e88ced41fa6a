"""Documents in, what a person looks at out: highlights, excerpts, page templates.

Knows nothing of where the documents came from."""
