"""One version of one model: its worker, its queue and its state.

Knows nothing of other versions, or of the form of requests.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepfit import protos
from keepfit.errors import KeepfitError, ModelLoadError, UnavailableError
from keepfit.serving.batching import Batcher
from keepfit.serving.load_request import LoadRequest
from keepfit.serving.policy import State
from keepfit.serving.timing import now
from keepfit.serving.worker_process import Worker, Workers
from keepfit.signatures import Signature, signatures_of

logger = logging.getLogger(__name__)

RESTART_DELAYS_S = (0.0, 0.5, 1.0, 2.0)
"""Before each restart of a worker that died; dying once more than this in a row is a failure of the version."""
STABLE_AFTER_S = 60.0
"""A worker that lived this long has not died in a row with the one before."""
USEFUL_ANSWERS = 2
"""Its load and a request: whose process answers before it dies is not given up, only restarted with a short delay."""
WAIT_FOR_RESTART_S = 5.0
"""How long requests wait for a worker that is being restarted."""
DRAIN_S = 30.0
"""How long a version that is unloaded may go on with the requests that it has."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a loaded model says of itself."""

    signatures: dict[str, Signature]
    signature_map: Any
    """The SignatureDefMap message, for GetModelMetadata."""


class Servable:
    """A version of a model, from START to END."""

    def __init__(
        self,
        model: str,
        version: int,
        path: Path,
        workers: Workers,
        how: LoadRequest,
        note_batch: Callable[[int], None],
        on_change: Callable[["Servable"], None],
    ) -> None:
        self.model = model
        self.version = version
        self.path = path
        self.state = State.START
        self.error: KeepfitError | None = None
        self.contents = Contents({}, None)
        self.batcher = Batcher(note_batch)
        self.restarts = 0
        self.loads = 0
        self.failed_loads = 0
        self.load_s = 0.0
        """How long the last load took that succeeded."""
        self.was_available = False
        self._how = how
        self._workers = workers
        self._on_change = on_change
        self._worker: Worker | None = None
        self._deaths = 0
        self._restarting: asyncio.Task[None] | None = None

    def begin(self, state: State) -> None:
        """Enter LOADING or UNLOADING at once; load() or unload() must follow."""
        self._set(state)

    async def load(self) -> None:
        """Start a worker and load the version: afterwards it is AVAILABLE, or at its END with an error."""
        try:
            await self._start_worker()
        except (KeepfitError, OSError) as error:
            self.failed_loads += 1
            self._give_up(error if isinstance(error, KeepfitError) else ModelLoadError(f"No process for it: {error}"))
        else:
            logger.info("Version %d of %s is available", self.version, self.model)
            self.was_available = True
            self._set(State.AVAILABLE)

    def refuse(self, error: KeepfitError | None) -> None:
        """End it without loading it: because of an error, or because it is not wanted any more."""
        if error is not None:
            self._give_up(error)
        else:
            self._set(State.END)

    async def unload(self) -> None:
        """Finish the requests that it has, then end the worker."""
        await self._end(DRAIN_S)
        self._set(State.END)
        logger.info("Version %d of %s is unloaded", self.version, self.model)

    async def _end(self, drain_s: float) -> None:
        try:
            await asyncio.wait_for(self.batcher.idle.wait(), drain_s)
        except TimeoutError:
            logger.warning("Version %d of %s still ran requests after %g s", self.version, self.model, drain_s)
        if self._restarting is not None:
            self._restarting.cancel()
        self.batcher.refuse(UnavailableError(f"Version {self.version} of {self.model} is unloaded"))
        if self._worker is not None:
            await self._worker.stop()
            self._worker = None

    async def _start_worker(self) -> None:
        started = now()
        worker = await self._workers.new()
        try:
            reply = await worker.call(self._how.header(str(self.path)))
        except UnavailableError as error:
            raise ModelLoadError(f"The process that loaded {self.path} died") from error
        except BaseException:
            await worker.stop()
            raise
        self.loads += 1
        self.load_s = now() - started
        signature_map = protos.SignatureDefMap.FromString(reply["signatures"].tobytes())
        self.contents = Contents(signatures_of(signature_map.signature_def), signature_map)
        self._worker = worker
        worker.on_lost = lambda: self._worker_lost(worker)
        if worker.lost.done():
            self._worker_lost(worker)
            return
        self.batcher.add_worker(worker)
        asyncio.get_running_loop().call_later(STABLE_AFTER_S, self._note_stable, worker)

    def _note_stable(self, worker: Worker) -> None:
        if self._worker is worker:
            self._deaths = 0

    def _worker_lost(self, worker: Worker) -> None:
        logger.warning("The process of version %d of %s (pid %s) died", self.version, self.model, self.pid)
        self._worker = None
        if worker.answers >= USEFUL_ANSWERS:
            self._deaths = min(self._deaths, 1)
        self.batcher.lose_worker(worker)
        if self.state is not State.AVAILABLE:
            self.batcher.refuse(UnavailableError(f"Version {self.version} of {self.model} is not served any more"))
        else:
            self._restarting = asyncio.get_running_loop().create_task(self._restart())

    async def _restart(self) -> None:
        loop = asyncio.get_running_loop()
        give_up_waiting = loop.call_later(WAIT_FOR_RESTART_S, self._refuse_waiting)
        try:
            while self._worker is None:
                if self._deaths >= len(RESTART_DELAYS_S):
                    self._give_up(ModelLoadError(f"Its process died {self._deaths + 1} times in a row"))
                    return
                delay = RESTART_DELAYS_S[self._deaths]
                self._deaths += 1
                self.restarts += 1
                await asyncio.sleep(delay)
                await self._try_start()
        finally:
            give_up_waiting.cancel()

    async def _try_start(self) -> None:
        try:
            await self._start_worker()
        except (KeepfitError, OSError) as error:
            self.failed_loads += 1
            logger.warning("Version %d of %s could not be loaded again: %s", self.version, self.model, error)

    def _refuse_waiting(self) -> None:
        self.batcher.refuse(UnavailableError(f"The process of version {self.version} of {self.model} is restarted"))

    def _give_up(self, error: KeepfitError) -> None:
        logger.error("Version %d of %s cannot be served: %s", self.version, self.model, error)
        self.error = error
        self._set(State.END)
        self.batcher.refuse(UnavailableError(f"Version {self.version} of {self.model} cannot be served: {error}"))

    @property
    def pid(self) -> int | None:
        """The process, if there is one now."""
        return self._worker.pid if self._worker is not None else None

    def _set(self, state: State) -> None:
        self.state = state
        self._on_change(self)
