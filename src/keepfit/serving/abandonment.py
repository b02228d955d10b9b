"""Cancels requests whose client has left, so that those which still wait are never run.

Looks only at requests that take long: those that are answered at once pay for a place in a dict. Knows no models.
"""

import asyncio
from typing import TypeAlias

from keepfit.serving.asgi_types import Receive

Request: TypeAlias = asyncio.Task[None]

LOOK_EVERY_S = 0.05
"""Between looks, so that a request is watched once it has taken this long, and at most twice that."""


class Abandonment:
    """The requests that are being answered, by their tasks."""

    def __init__(self) -> None:
        self._unwatched: dict[Request, Receive] = {}
        self._seen: set[Request] = set()
        """Those of them that were there at the last look."""
        self._watchers: dict[Request, asyncio.Task[None]] = {}
        self._left: set[Request] = set()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, request: Request, receive: Receive) -> None:
        """Begin with a request whose body has been read."""
        self._unwatched[request] = receive
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def has_left(self, request: Request) -> bool:
        """Tell whether a request was cancelled here."""
        return request in self._left

    def leave(self, request: Request) -> None:
        """End with a request."""
        self._left.discard(request)
        if self._unwatched.pop(request, None) is None and (watcher := self._watchers.pop(request, None)) is not None:
            watcher.cancel()

    def _look(self) -> None:
        for request in self._seen & self._unwatched.keys():
            watch = self._watch(request, self._unwatched.pop(request))
            self._watchers[request] = asyncio.get_running_loop().create_task(watch)
        self._seen = set(self._unwatched)
        self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look) if self._seen else None

    async def _watch(self, request: Request, receive: Receive) -> None:
        # A front may say at once that no more of the body comes, before it waits for the client to leave: receive() is
        # what waits here, and the pause bounds one that never does.
        while (await receive())["type"] != "http.disconnect":  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        self._left.add(request)
        request.cancel()
