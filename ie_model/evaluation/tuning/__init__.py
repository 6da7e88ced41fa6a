"""A search for better settings: a config and a space in, a better config and its proof out."""
