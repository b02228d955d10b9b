"""Whether a client takes what is to be sent to it. Knows no protocol and no clock."""

from keepfit.serving.front import limits


class Stalling:
    """What was seen of a connection's unsent bytes at the last look."""

    def __init__(self, now: float) -> None:
        self._unsent = 0
        self._since = now

    def is_stuck(self, unsent: int, now: float) -> bool:
        """Take note of how many bytes wait to be sent, and tell whether none has moved for too long."""
        if not unsent or unsent != self._unsent:
            self._unsent, self._since = unsent, now
            return False
        return now - self._since > limits.WRITE_S
