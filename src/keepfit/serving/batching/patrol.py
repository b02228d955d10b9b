"""Ends workers that hang: those that run, for long, what nobody waits for any more. Knows no queue and no deadlines."""

import asyncio
import logging
from collections.abc import Sequence

from keepfit.serving.batching.lane import Lane
from keepfit.serving.batching.request_queue import Pending

logger = logging.getLogger(__name__)

ABANDONED_S = 120.0
"""After so long a worker is taken to hang. Long, because otherwise a model that compiles itself with its first request
might never be through."""


class Patrol:
    """Looks after workers whose requests have all passed their deadlines, or were given up by their clients."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        """Those that there are now: the batcher's own list."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Look at the workers, now and as long as one of them runs what nobody waits for."""
        if self._timer is None:
            self._look()

    def stop(self) -> None:
        """Look no more, until it is begun again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        seen = [(lane, running) for lane in self._lanes if (running := lane.abandoned) is not None]
        if seen:
            self._timer = asyncio.get_running_loop().call_later(ABANDONED_S, self._end_abandoned, seen)

    def _end_abandoned(self, seen: list[tuple[Lane, list[Pending]]]) -> None:
        """End the workers that still run what they ran at the last look."""
        self._timer = None
        for lane, running in seen:
            if lane in self._lanes and lane.abandoned is running:
                logger.warning("A process has run for %g s what nobody waits for any more; it is ended", ABANDONED_S)
                lane.worker.kill()
        self._look()
