"""Runs a coroutine to its end on the event loop: an asyncio.Task in small, for each request.

It begins at once, not in the loop's next turn, and has no context of its own and no place in the list of all tasks:
those would cost a small request a tenth of its time. It may await futures, and nothing that asks for its task, as
asyncio.timeout does.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Errand:
    """A coroutine on its way. What it raises goes to the event loop's exception handler."""

    __slots__ = ("_awaited", "_coroutine", "_is_cancelled")

    def __init__(self, coroutine: Coroutine[Any, None, None]) -> None:
        self._coroutine = coroutine
        self._awaited: asyncio.Future[Any] | None = None
        self._is_cancelled = False
        self._go_on()

    def cancel(self) -> None:
        """Raise asyncio.CancelledError in it where it waits, unless it is over."""
        awaited = self._awaited
        if awaited is None or awaited.cancel() or awaited.cancelled():
            return
        awaited.exception()  # what has come, in this turn of the loop, is not heard any more, an error neither
        self._is_cancelled = True

    def _go_on(self, awaited: "asyncio.Future[Any] | None" = None) -> None:
        try:
            if self._is_cancelled:
                self._is_cancelled = False
                awaited = self._coroutine.throw(asyncio.CancelledError())
            else:
                awaited = self._coroutine.send(None)
        except StopIteration:
            self._awaited = None
            return
        self._awaited = awaited
        awaited._asyncio_future_blocking = False  # tells the future that it was awaited, as a task does
        awaited.add_done_callback(self._go_on)
