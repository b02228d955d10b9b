"""All connections of a server: their number is bounded, and so is what each may take its time for.

One look a second over all of them stands in for a timer in each. Knows no protocol.
"""

import asyncio
import logging
import math
import resource
from typing import Protocol

from keepfit.serving.front import limits
from keepfit.serving.requests.exchange import Host
from keepfit.serving.settings.channel_arguments import ChannelArguments

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0


class Connection(Protocol):
    """What is asked of a connection of any protocol."""

    @property
    def unsent_bytes(self) -> int:
        """How many bytes of answers wait to be taken."""

    def look(self, now: float) -> None:
        """Do what is due, such as closing a connection whose time is up."""

    def close(self) -> None:
        """Close in order: what is written still goes out."""

    def abort(self) -> None:
        """Close at once."""


class Connections:
    """The open connections, the application that answers them, and how long they may be open."""

    def __init__(self, host: Host, limit: int, max_unsent_bytes: int, arguments: ChannelArguments) -> None:
        self.host = host
        self.arguments = arguments
        idle_ms, age_ms = arguments.max_connection_idle_ms, arguments.max_connection_age_ms
        self.idle_s = limits.IDLE_S if idle_ms is None else idle_ms / 1000
        """Without a request."""
        self.age_s = math.inf if age_ms is None else age_ms / 1000
        self.now = asyncio.get_running_loop().time()
        """The loop's time at the last look."""
        self._limit = limit
        self._max_unsent_bytes = max_unsent_bytes
        self._open: set[Connection] = set()
        self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._open)

    def add(self, connection: Connection) -> bool:
        """Take a connection, or tell that there are too many already."""
        if len(self._open) >= self._limit:
            return False
        self._open.add(connection)
        return True

    def discard(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)

    def replace(self, old: Connection, new: Connection) -> None:
        """Have one connection known by another object."""
        self._open.discard(old)
        self._open.add(new)

    def close(self) -> None:
        """Close all of them."""
        self._timer.cancel()
        for connection in list(self._open):
            connection.close()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self._timer = loop.call_later(LOOK_EVERY_S, self._look)
        for connection in list(self._open):
            connection.look(self.now)
        self._bound_unsent()

    def _bound_unsent(self) -> None:
        """Cut those who leave most unread, if all answers that are not taken together are too much."""
        unsent = {connection: connection.unsent_bytes for connection in self._open}
        too_much = sum(unsent.values()) - self._max_unsent_bytes
        if too_much <= 0:
            return
        for connection in sorted(unsent, key=unsent.__getitem__, reverse=True):
            if too_much <= 0:
                return
            logger.warning("A connection is cut: its client leaves %d bytes of answers unread", unsent[connection])
            too_much -= unsent[connection]
            connection.abort()


def limit() -> int:
    """Return how many connections there may be; as many open files are allowed and left for workers and models."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.CONNECTIONS + limits.SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return limits.CONNECTIONS
    return max(1, min(limits.CONNECTIONS, soft - limits.SPARE_FILES))
