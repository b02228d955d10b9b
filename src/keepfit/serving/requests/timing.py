"""Where the time of a request goes: parsing, waiting, running, serialising. Knows no metrics and no clock but one.

Whoever answers a request begins its timing, which goes with it to the batcher, which runs the model and tells the rest.
"""

import time

now = time.perf_counter


class Timing:
    """The moments of one request, in seconds of one clock."""

    __slots__ = ("answered", "queued", "rows", "run_s", "signature", "started", "timeout_s", "version")

    def __init__(self, timeout_s: float = 0.0) -> None:
        self.started = now()
        self.timeout_s = timeout_s
        """How long it may wait and run, from when it is ready to."""
        self.queued = 0.0
        """When it was ready to run, and 0 if it never was."""
        self.answered = 0.0
        """When its outputs came, and 0 if none came."""
        self.run_s = 0.0
        """How long the model ran, with the others of its batch."""
        self.rows = 0
        self.version = ""
        self.signature = ""

    def note_queued(self, signature: str, rows: int) -> None:
        """Note that it is ready to run; a call that runs several signatures is named after the first."""
        if not self.queued:
            self.queued = now()
            self.signature = signature
        self.rows += rows

    def note_answered(self, moment: float, run_s: float) -> None:
        """Note that outputs have come, and how long the model ran for them."""
        self.answered = moment
        self.run_s += run_s
