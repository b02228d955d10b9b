"""What comes over a worker's connection, as frames. Knows nothing of what is in them."""

import os
import socket
import time
from collections.abc import Iterator

from keepfit.serving.workers.frames import Frame, FrameReader


class Inbox:
    """The receiving side of a connection that blocks."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._awake_until = 0.0

    def stay_awake(self, seconds: float) -> None:
        """Look for the next frame again and again for so long, before waiting for it: waking up takes longer."""
        self._awake_until = time.perf_counter() + seconds if seconds else 0.0

    def frames(self) -> Iterator[Frame]:
        """Yield what comes until the other side closes."""
        reader = FrameReader()
        while True:
            try:
                count = self._receive(reader.space())
            except ConnectionError:
                return
            if count == 0:
                return
            yield from reader.take(count)

    def _receive(self, space: memoryview) -> int:
        while self._awake_until:
            try:
                return self._connection.recv_into(space, 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                os.sched_yield()  # whoever else wants this processor goes first
                if time.perf_counter() > self._awake_until:
                    self._awake_until = 0.0
        return self._connection.recv_into(space)
