"""Owns the versions of one model: watches its base path, loads and unloads as its policy says, and hands them out.

Knows nothing of HTTP or gRPC. All of it runs on one event loop; only the disk is read in a thread.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

from keepfit.errors import KeepfitError
from keepfit.serving import policy, source
from keepfit.serving.model_config import ModelConfig
from keepfit.serving.policy import State
from keepfit.serving.servable import Servable
from keepfit.serving.worker_process import Workers

logger = logging.getLogger(__name__)

KEPT_ENDED = 32
"""How many versions that are not served any more still appear in the status."""


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """What the status call tells of a version."""

    version: int
    state: State
    error: KeepfitError | None


class Manager:
    """The versions of one model under one base path."""

    def __init__(
        self, config: ModelConfig, poll_s: float, workers: Workers, note_batch: Callable[[int, int], None]
    ) -> None:
        self.model = config.name
        self.config = config
        self._poll_s = poll_s
        self._workers = workers
        self._note_batch = note_batch
        self._servables: dict[int, Servable] = {}
        self._on_disk: dict[int, Path] = {}
        self._failed: set[int] = set()
        self._tried: dict[int, object] = {}
        """The files of each version as they were just before it was last loaded."""
        self._seen: dict[int, object] = {}
        """The files of each failed version at the last look."""
        self._latest: Servable | None = None
        self._complaint = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def available(self) -> list[int]:
        """The versions that can be asked now."""
        return [version for version, servable in self._servables.items() if servable.state is State.AVAILABLE]

    @property
    def servables(self) -> list[Servable]:
        """All versions that the status tells of."""
        return list(self._servables.values())

    def find(self, version: int | None = None) -> Servable | None:
        """Return the version asked for, or the latest available one; None if it cannot be asked now."""
        servable = self._latest if version is None else self._servables.get(version)
        return servable if servable is not None and servable.state is State.AVAILABLE else None

    def statuses(self) -> list[VersionStatus]:
        """Return the state of every version, highest first."""
        servables = [self._servables[number] for number in sorted(self._servables, reverse=True)]
        return [VersionStatus(servable.version, servable.state, servable.error) for servable in servables]

    def start(self) -> None:
        """Begin to watch the base path."""
        self._watch = asyncio.get_running_loop().create_task(self._run())

    def configure(self, config: ModelConfig) -> None:
        """Go by another base path, policy or labels from now on."""
        self.config = config
        if not self._stopping:
            self._start(self.poll())

    async def _run(self) -> None:
        """Look at the base path again and again, until cancelled."""
        while True:
            await self.poll()
            await asyncio.sleep(self._poll_s)

    async def poll(self) -> None:
        """Look at the base path once, and start what is to be done."""
        try:
            self._on_disk = await asyncio.to_thread(source.versions_in, self.config.base_path)
        except OSError as error:
            self._complain(f"The base path {self.config.base_path} cannot be listed: {error.strerror}")
            return
        if not self._on_disk:
            self._complain(f"No versions of {self.model} under the base path {self.config.base_path}")
        else:
            self._complaint = ""
        await self._forgive_changed()
        self._reconcile()

    async def stop(self) -> None:
        """End everything: requests in flight get an answer first if they are quick."""
        self._stopping = True
        if self._watch is not None:
            self._watch.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        live = [servable for servable in self._servables.values() if servable.state is not State.END]
        for servable in live:
            servable.begin(State.UNLOADING)
        await asyncio.gather(*(servable.unload() for servable in live))

    def _complain(self, message: str) -> None:
        if message != self._complaint:
            logger.warning("%s", message)
            self._complaint = message

    async def _forgive_changed(self) -> None:
        """Let a version that failed be tried again once its files have changed and are not being written any more."""
        for version in list(self._failed):
            path = self._on_disk.get(version)
            if path is None:
                self._failed.discard(version)
                continue
            now = await asyncio.to_thread(source.fingerprint, path)
            if now != self._tried.get(version) and now == self._seen.get(version):
                self._failed.discard(version)
            self._seen[version] = now

    def _reconcile(self) -> None:
        if self._stopping:
            return
        states = {version: servable.state for version, servable in self._servables.items()}
        plan = policy.plan(self.config.policy, frozenset(self._on_disk), states, frozenset(self._failed))
        for version in plan.load:
            servable = self._new_servable(version, self._on_disk[version])
            self._servables[version] = servable
            servable.begin(State.LOADING)
            self._start(self._load(servable))
        for version in plan.unload:
            servable = self._servables[version]
            servable.begin(State.UNLOADING)
            self._start(servable.unload())
        self._forget_ended()

    def _new_servable(self, version: int, path: Path) -> Servable:
        return Servable(
            self.model, version, path, self._workers, lambda rows: self._note_batch(version, rows), self._changed
        )

    async def _load(self, servable: Servable) -> None:
        self._tried[servable.version] = await asyncio.to_thread(source.fingerprint, servable.path)
        await servable.load()

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _changed(self, servable: Servable) -> None:
        available = self.available
        self._latest = self._servables[max(available)] if available else None
        if servable.state is State.END and servable.error is not None:
            self._failed.add(servable.version)
        if servable.state in (State.AVAILABLE, State.END):
            asyncio.get_running_loop().call_soon(self._reconcile)

    def _forget_ended(self) -> None:
        gone = [
            version
            for version, servable in sorted(self._servables.items())
            if servable.state is State.END and version not in self._on_disk
        ]
        for version in gone[: max(0, len(gone) - KEPT_ENDED)]:
            del self._servables[version]
            self._tried.pop(version, None)
            self._seen.pop(version, None)
