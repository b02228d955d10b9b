"""How much of what brings nothing a connection puts up with. Knows no protocol."""

from typing import Final

AT_ONCE: Final = 10_000
"""Frames in a row that cost work and bring nothing (pings, settings, resets, empty ones); so many, and..."""
PER_S: Final = 1_000
"""...so many more in each second, make a connection that is ended."""


class Patience:
    """What is left."""

    def __init__(self) -> None:
        self._left = AT_ONCE

    def is_over(self, frames: int = 1) -> bool:
        """Count a frame, or one that costs as much as several, and tell whether it was one too many."""
        self._left -= frames
        return self._left < 0

    def recover(self) -> None:
        """Take note that a second has gone by."""
        self._left = min(self._left + PER_S, AT_ONCE)
