"""Which models and versions there are, and the life of each."""
