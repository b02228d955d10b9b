"""Whether new data is still distributed as what the served version learned from. Asks for nothing, deploys nothing."""
