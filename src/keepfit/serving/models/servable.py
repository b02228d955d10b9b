"""One version of one model: its processes, its queue and its state.

Knows nothing of other versions, or of the form of requests.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from keepfit import protos
from keepfit.dtypes import Array
from keepfit.errors import KeepfitError, ModelLoadError, UnavailableError
from keepfit.metrics import Distribution
from keepfit.serving.batching.batcher import Batcher
from keepfit.serving.metrics import bounds
from keepfit.serving.models.policy import State
from keepfit.serving.models.replica import Replica
from keepfit.serving.settings.batching_config import Batching
from keepfit.serving.workers.load_request import LoadRequest
from keepfit.serving.workers.workers import Workers
from keepfit.signatures import Signature, signatures_of

logger = logging.getLogger(__name__)

DRAIN_S = 30.0
"""How long a version that is unloaded may go on with the requests that it has."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a loaded model says of itself."""

    signatures: dict[str, Signature]
    signature_map: Any
    """The SignatureDefMap message, for GetModelMetadata."""


class Observer(Protocol):
    """What hears of the batches of all versions."""

    def observe_batch(self, model: str, version: str, rows: int) -> None:
        """Hear of a batch that was sent to a process."""

    def observe_run(self, run_s: float) -> None:
        """Hear how long a model ran for a batch."""


class Servable:
    """A version of a model, from START to END."""

    def __init__(
        self,
        model: str,
        version: int,
        path: Path,
        workers: Workers,
        how: LoadRequest,
        batching: Callable[[Path], Batching],
        processes: int,
        observer: Observer,
        on_change: Callable[["Servable"], None],
    ) -> None:
        self.model = model
        self.version = version
        self.path = path
        self.state = State.START
        self.error: KeepfitError | None = None
        self.contents = Contents({}, None)
        self.batcher = Batcher(
            lambda rows: observer.observe_batch(model, str(version), rows), note_run=observer.observe_run
        )
        self.loads = 0
        self.failed_loads = 0
        self.load_s = 0.0
        """How long the last load took that succeeded, with all that belongs to it."""
        self.graph_load_s = 0.0
        """How long all loads took without starting processes and without warmups."""
        self.warmup_us = Distribution(bounds.TF_LATENCY_US, [0] * (len(bounds.TF_LATENCY_US) + 1))
        """How long the warmup requests of each load took."""
        self.was_available = False
        self._batching = batching
        self._on_change = on_change
        self._ending: asyncio.Task[None] | None = None
        name, header = f"version {version} of {model}", how.header(str(path))
        self._replicas = [Replica(name, header, workers, self.batcher, self) for _ in range(processes)]

    def begin(self, state: State) -> None:
        """Enter LOADING or UNLOADING at once; load() or unload() must follow."""
        self._set(state)

    async def load(self) -> None:
        """Start its processes and load the version: afterwards it is AVAILABLE, or at its END with an error."""
        try:
            self.batcher.batching = self._batching(self.path)
            for replica in self._replicas:  # one after the other: the first finds out whether it can be loaded at all
                await replica.start()
                if self.state is State.END:  # one that was started before has died too often meanwhile
                    await self._stop_replicas()
                    return
        except (KeepfitError, OSError) as error:
            self.failed_loads += 1
            self.give_up(error if isinstance(error, KeepfitError) else ModelLoadError(f"No process for it: {error}"))
        else:
            logger.info("Successfully loaded servable version {name: %s version: %d}", self.model, self.version)
            self.was_available = True
            self._set(State.AVAILABLE)

    def refuse(self, error: KeepfitError | None) -> None:
        """End it without loading it: because of an error, or because it is not wanted any more."""
        if error is not None:
            self.give_up(error)
        else:
            self._set(State.END)

    async def unload(self) -> None:
        """Finish the requests that it has, then end its processes."""
        await self._end(DRAIN_S)
        self._set(State.END)
        logger.info("Version %d of %s is unloaded", self.version, self.model)

    @property
    def restarts(self) -> int:
        """How often a process of it died and was started again."""
        return sum(replica.restarts for replica in self._replicas)

    @property
    def pids(self) -> list[int]:
        """The processes that run it now."""
        return [replica.pid for replica in self._replicas if replica.pid is not None]

    @property
    def is_wanted(self) -> bool:
        """Whether a process of it that dies is to be replaced."""
        return self.state in (State.LOADING, State.AVAILABLE)

    def note_load(self, reply: Mapping[str, Array], seconds: float) -> None:
        """Take what a process that has loaded it says of it."""
        self.loads += 1
        self.load_s = seconds
        load_s, warmup_s = reply["seconds"].tolist()
        self.graph_load_s += load_s
        if warmup_s >= 0:
            self.warmup_us.add(warmup_s * 1e6)
        signature_map = protos.SignatureDefMap.FromString(reply["signatures"].tobytes())
        self.contents = Contents(signatures_of(signature_map.signature_def), signature_map)

    def note_failed_load(self) -> None:
        """Count a process that could not load it again."""
        self.failed_loads += 1

    def give_up(self, error: KeepfitError) -> None:
        """End it: it cannot be loaded, or its processes die again and again."""
        logger.error("Version %d of %s cannot be served: %s", self.version, self.model, error)
        self.error = error
        self._set(State.END)
        self.batcher.refuse(UnavailableError(f"Version {self.version} of {self.model} cannot be served: {error}"))
        self._ending = asyncio.get_running_loop().create_task(self._stop_replicas())

    async def _end(self, drain_s: float) -> None:
        try:
            await asyncio.wait_for(self.batcher.idle.wait(), drain_s)
        except TimeoutError:
            logger.warning("Version %d of %s still ran requests after %g s", self.version, self.model, drain_s)
        self.batcher.refuse(UnavailableError(f"Version {self.version} of {self.model} is unloaded"))
        await self._stop_replicas()

    async def _stop_replicas(self) -> None:
        await asyncio.gather(*(replica.stop() for replica in self._replicas))

    def _set(self, state: State) -> None:
        self.state = state
        self._on_change(self)
