"""The processes that run one version each: the front's side of them, what goes between, and the program in them."""
