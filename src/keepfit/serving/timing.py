"""Where the time of a request goes: parsing, waiting, running, serialising. Knows no metrics and no clock but one.

Whoever answers a request begins a timing, and the batcher, which runs the model, tells it the rest: the functions in
between need not hand it on.
"""

import time
from contextvars import ContextVar

now = time.perf_counter


class Timing:
    """The moments of one request, in seconds of one clock."""

    __slots__ = ("answered", "queued", "rows", "run_s", "signature", "started", "version")

    def __init__(self) -> None:
        self.started = now()
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


_current: ContextVar[Timing | None] = ContextVar("timing", default=None)
current = _current.get


def note_version(version: int) -> None:
    """Note which version the request of this task is for."""
    timing = _current.get()
    if timing is not None:
        timing.version = str(version)


def begin() -> Timing:
    """Begin the timing of the request that this task answers."""
    timing = Timing()
    _current.set(timing)
    return timing
