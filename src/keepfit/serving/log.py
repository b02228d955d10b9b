"""Where the server's own log lines go. Called by what starts a server, never by an import."""

import logging


def set_up() -> None:
    """Write lines from INFO upwards to stderr, with the time."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
