"""One worker process of a version: started, watched, and replaced when it dies.

Knows nothing of the version's state, of its other processes, or of requests.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from keepfit.dtypes import Array
from keepfit.errors import KeepfitError, ModelLoadError, UnavailableError
from keepfit.serving.batching.batcher import Batcher
from keepfit.serving.requests.timing import now
from keepfit.serving.workers.frames import Header
from keepfit.serving.workers.worker_process import Worker
from keepfit.serving.workers.workers import Workers

logger = logging.getLogger(__name__)

RESTART_DELAYS_S = (0.0, 0.5, 1.0, 2.0)
"""Before each restart of a worker that died.

Dying, or failing to load, once more than this in a row is a failure of the version. But if it has ever answered a
request, deaths alone are not: they come from outside, and must not let others wait longer than the second of these; or
from a request that ran, which is not run a third time, and then nobody waits.
"""
STABLE_AFTER_S = 60.0
"""A worker that lived this long has not died in a row with the one before."""
WAIT_FOR_RESTART_S = 5.0
"""How long requests wait for a worker that is being restarted, if there is no other."""


class Owner(Protocol):
    """What a replica asks and tells the version that it belongs to."""

    @property
    def is_wanted(self) -> bool:
        """Whether a process that dies is to be replaced."""

    def note_load(self, reply: Mapping[str, Array], seconds: float) -> None:
        """Hear what a process that has loaded the version says of it, and how long that took."""

    def note_failed_load(self) -> None:
        """Hear that a process could not load the version again."""

    def give_up(self, error: KeepfitError) -> None:
        """Hear that it died too often."""


class Replica:
    """A worker, and the one after it when it dies."""

    def __init__(self, name: str, header: Header, workers: Workers, batcher: Batcher, owner: Owner) -> None:
        self._name = name
        self._header = header
        self._workers = workers
        self._batcher = batcher
        self._owner = owner
        self._worker: Worker | None = None
        self._deaths = 0
        """In a row, with the loads that failed after them."""
        self._failed_loads = 0
        """In a row."""
        self._restarting: asyncio.Task[None] | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process; None while there is none."""
        return self._worker.pid if self._worker is not None else None

    async def start(self) -> None:
        """Start a process, load the version, and take requests.

        Raises ModelLoadError, or OSError if there is no process for it.
        """
        started = now()
        worker = await self._workers.new()
        try:
            reply = await worker.call(self._header)
        except UnavailableError as error:
            raise ModelLoadError(f"The process that loaded {self._header['path']} died") from error
        except BaseException:
            await worker.stop()
            raise
        self._owner.note_load(reply, now() - started)
        self._failed_loads = 0
        self._worker = worker
        worker.on_lost = lambda: self._lost(worker)
        if worker.lost.done():
            self._lost(worker)
        else:
            self._batcher.add_worker(worker)
            asyncio.get_running_loop().call_later(STABLE_AFTER_S, self._note_stable, worker)

    async def stop(self) -> None:
        """End the process, and do not replace it."""
        if self._restarting is not None:
            self._restarting.cancel()
        if self._worker is not None:
            await self._worker.stop()
            self._worker = None

    def _note_stable(self, worker: Worker) -> None:
        if self._worker is worker:
            self._deaths = 0

    def _lost(self, worker: Worker) -> None:
        logger.warning("The process of %s (pid %s) died", self._name, worker.pid)
        self._worker = None
        if self._batcher.lose_worker(worker) and self._batcher.has_answered:
            self._deaths = 0
        if self._owner.is_wanted:
            self._restarting = asyncio.get_running_loop().create_task(self._restart())
        elif not self._batcher.has_worker:
            self._batcher.refuse(UnavailableError(f"{self._name.capitalize()} is not served any more"))

    async def _restart(self) -> None:
        give_up_waiting = asyncio.get_running_loop().call_later(WAIT_FOR_RESTART_S, self._refuse_waiting)
        try:
            while self._worker is None:
                blamed = self._deaths
                if self._batcher.has_answered:
                    blamed = max(self._failed_loads, min(self._deaths, 1))
                if blamed >= len(RESTART_DELAYS_S):
                    self._owner.give_up(ModelLoadError(f"Its process died {self._deaths + 1} times in a row"))
                    return
                delay = RESTART_DELAYS_S[blamed]
                self._deaths += 1
                self.restarts += 1
                await asyncio.sleep(delay)
                await self._try_start()
        finally:
            give_up_waiting.cancel()

    async def _try_start(self) -> None:
        try:
            await self.start()
        except (KeepfitError, OSError) as error:
            self._failed_loads += 1
            self._owner.note_failed_load()
            logger.warning("A process could not load %s again: %s", self._name, error)

    def _refuse_waiting(self) -> None:
        if not self._batcher.has_worker:
            self._batcher.refuse(UnavailableError(f"The process of {self._name} is restarted"))
