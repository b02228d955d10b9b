"""Ends what is not answered in time, with one timer for all: a timer of its own would be the dearest part of a request.

Knows no requests, only when each ends.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

PAUSE_S = 0.005
"""The least time from one look to the next, so that thousands of deadlines close together cost little."""


class Due(Protocol):
    """What has a deadline."""

    @property
    def deadline_s(self) -> float:
        """By the loop's clock."""


T = TypeVar("T", bound=Due)


class Deadlines(Generic[T]):
    """Looks at all that is open when the first deadline among them has come."""

    def __init__(
        self, still_open: Callable[[], Iterable[T]], expire: Callable[[T], None], note_look: Callable[[], None]
    ) -> None:
        self._still_open = still_open
        self._expire = expire
        self._note_look = note_look
        self._timer: asyncio.TimerHandle | None = None
        self._next_s = float("inf")

    def add(self, deadline_s: float) -> None:
        """Take note of a deadline of something that is open from now on."""
        if deadline_s < self._next_s:
            self._look_at(deadline_s)

    def stop(self) -> None:
        """Look no more, until something is added."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._next_s = None, float("inf")

    def _look_at(self, moment_s: float) -> None:
        self.stop()
        self._next_s = moment_s
        self._timer = asyncio.get_running_loop().call_at(moment_s, self._look)

    def _look(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self.stop()
        later = []
        for one in list(self._still_open()):
            if one.deadline_s <= now_s:
                self._expire(one)
            else:
                later.append(one.deadline_s)
        self._note_look()
        if later:
            self._look_at(max(min(later), now_s + PAUSE_S))
