"""Keeps the event loop awake for the moment in which an answer is expected.

A processor that has gone to sleep takes tens of microseconds to wake up, longer than a small model takes to run. Knows
nothing of what is answered.
"""

import asyncio
import os
import time


class Vigil:
    """Looks for the answer again and again, for no longer than some time."""

    def __init__(self) -> None:
        self._end = 0.0
        self._is_on = False

    def begin(self, seconds: float) -> None:
        """Stay awake for no longer than that."""
        self._end = time.perf_counter() + seconds
        if not self._is_on:
            self._is_on = True
            asyncio.get_running_loop().call_soon(self._turn)

    def end(self) -> None:
        """The answer has come."""
        self._end = 0.0

    def _turn(self) -> None:
        self._is_on = time.perf_counter() < self._end
        if self._is_on:
            os.sched_yield()  # whoever else wants this processor goes first
            asyncio.get_running_loop().call_soon(self._turn)
