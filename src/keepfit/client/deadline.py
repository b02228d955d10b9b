"""The moment by which a whole call must have its answer, retries included."""

import time


class Deadline:
    """Counts down from the moment it is made."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._ends_at = time.monotonic() + timeout_s

    def left_s(self) -> float:
        """Return how many seconds are left; 0 if none are."""
        return max(0.0, self._ends_at - time.monotonic())
