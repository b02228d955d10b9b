"""Owns the versions of one model: watches its base path, loads and unloads as its policy says, and hands them out.

Knows nothing of HTTP or gRPC. All of it runs on one event loop; only the disk is read in a thread.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from keepfit.errors import KeepfitError, ModelLoadError
from keepfit.serving.models import policy, shortage, source
from keepfit.serving.models.failures import Failures
from keepfit.serving.models.model_config import ModelConfig
from keepfit.serving.models.policy import Specific, State
from keepfit.serving.models.servable import Observer, Servable
from keepfit.serving.models.slots import Slots
from keepfit.serving.settings import batching_config
from keepfit.serving.settings.batching_config import Batching
from keepfit.serving.workers.load_request import LoadRequest
from keepfit.serving.workers.workers import Workers

logger = logging.getLogger(__name__)

KEPT_ENDED = 32
"""How many versions that are not served any more still appear in the status."""
_NONE = Specific(frozenset())


@dataclass(frozen=True, slots=True)
class Rules:
    """How the versions of all models are watched and loaded."""

    poll_s: float = 1.0
    """Between looks at a base path; 0 looks once, less than 0 never."""
    max_retries: int = 5
    retry_interval_s: float = 60.0
    how: LoadRequest = field(default_factory=LoadRequest)
    batching: Callable[[Path], Batching] = batching_config.of_none
    """The limits of batches of the version in a folder."""
    workers_per_model: int = 1


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """What the status call tells of a version."""

    version: int
    state: State
    error: KeepfitError | None


class Manager:
    """The versions of one model under one base path."""

    def __init__(
        self,
        config: ModelConfig,
        rules: Rules,
        slots: Slots,
        workers: Workers,
        observer: Observer,
    ) -> None:
        self.model = config.name
        self.config = config
        self.settled = asyncio.Event()
        """Set once every version that should be served is, or has failed."""
        self.complaint = ""
        """What is wrong with the base path."""
        self._rules = rules
        self._slots = slots
        self._workers = workers
        self._observer = observer
        self._servables: dict[int, Servable] = {}
        self._on_disk: dict[int, Path] = {}
        self._failures = Failures(rules.max_retries, rules.retry_interval_s, self._reconcile)
        self._latest: Servable | None = None
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
        """Go by another base path or policy from now on."""
        self.config = config
        self.settled.clear()
        if self._watch is not None:
            self._watch.cancel()
        self.start()

    def retire(self) -> None:
        """Unload everything, in order, and watch the base path no more, until configured again."""
        if self._watch is not None:
            self._watch.cancel()
        self.config = ModelConfig(self.model, self.config.base_path, _NONE)
        self._reconcile()

    async def stop(self) -> None:
        """End everything: requests in flight get an answer first if they are quick."""
        self._stopping = True
        if self._watch is not None:
            self._watch.cancel()
        self._failures.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        live = [servable for servable in self._servables.values() if servable.state is not State.END]
        for servable in live:
            servable.begin(State.UNLOADING)
        await asyncio.gather(*(servable.unload() for servable in live))

    async def _run(self) -> None:
        """Look at the base path as often as the rules say."""
        if self._rules.poll_s < 0:
            return
        await self._poll()
        while self._rules.poll_s > 0:
            await asyncio.sleep(self._rules.poll_s)
            await self._poll()

    async def _poll(self) -> None:
        """Look at the base path once, and start what is to be done."""
        path = self.config.base_path
        try:
            on_disk = await asyncio.to_thread(source.versions_in, path)
        except FileNotFoundError:
            self._complain(f"Could not find base path {path} for servable {self.model}: {path} not found")
        except OSError as error:
            self._complain(f"The base path {path} of servable {self.model} cannot be listed: {error.strerror}")
        else:
            self._on_disk = on_disk
            self._complain(self._what_is_missing())
            await self._failures.look(self._on_disk)
            self._reconcile()
            return
        self._note_settled()

    def _what_is_missing(self) -> str:
        chosen = self.config.policy
        missing = sorted(chosen.versions - self._on_disk.keys()) if isinstance(chosen, Specific) else []
        if missing:
            return (
                f"Version {missing[0]} of servable {self.model}, which was requested to be served as a 'specific' "
                "version in the servable's version policy, was not found in the file system"
            )
        if not self._on_disk:
            return (
                f"No versions of servable {self.model} found under base path {self.config.base_path}. "
                "Did you forget to name your leaf directory as a number (eg. '/1/')?"
            )
        return ""

    def _complain(self, message: str) -> None:
        if message and message != self.complaint:
            logger.warning("%s", message)
        self.complaint = message

    def _reconcile(self) -> None:
        if self._stopping:
            return
        states = {version: servable.state for version, servable in self._servables.items()}
        plan = policy.plan(self.config.policy, frozenset(self._on_disk), states, self._failures.versions)
        for version in plan.load:
            servable = self._new_servable(version, self._on_disk[version])
            self._servables[version] = servable
            self._start(self._load(servable))
        for version in plan.unload:
            servable = self._servables[version]
            servable.begin(State.UNLOADING)
            self._start(self._unload(servable))
        self._forget_ended()
        self._note_settled()

    def _new_servable(self, version: int, path: Path) -> Servable:
        return Servable(
            self.model,
            version,
            path,
            self._workers,
            self._rules.how,
            self._rules.batching,
            self._rules.workers_per_model,
            self._observer,
            self._changed,
        )

    async def _load(self, servable: Servable) -> None:
        async with self._slots.load:
            if not self._is_wanted(servable.version):
                servable.refuse(None)
                return
            servable.begin(State.LOADING)
            try:
                await self._failures.begin(servable.version, servable.path)
                await asyncio.to_thread(shortage.check, servable, self._loaded(), self._rules.workers_per_model)
            except ModelLoadError as error:
                servable.refuse(error)
                return
            except Exception as error:  # the top of a task: whatever it is, the version must not be LOADING for ever
                logger.exception("Version %d of %s could not be looked at", servable.version, self.model)
                servable.refuse(ModelLoadError(f"{servable.path} cannot be looked at: {error}"))
                return
            await servable.load()

    async def _unload(self, servable: Servable) -> None:
        async with self._slots.unload:
            await servable.unload()

    def _is_wanted(self, version: int) -> bool:
        return version in self.config.policy.choose(self._on_disk.keys() - self._failures.versions)

    def _loaded(self) -> Servable | None:
        """Return a version that runs, as a measure of what another one needs."""
        return next((servable for servable in self._servables.values() if servable.pids), None)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _changed(self, servable: Servable) -> None:
        available = self.available
        self._latest = self._servables[max(available)] if available else None
        if servable.state is State.AVAILABLE:
            self._failures.succeeded(servable.version)
        elif servable.state is State.END and servable.error is not None:
            self._failures.note(
                servable.version, may_retry=not (servable.was_available and self._has_another(servable))
            )
        if servable.state in (State.AVAILABLE, State.END):
            asyncio.get_running_loop().call_soon(self._reconcile)

    def _has_another(self, servable: Servable) -> bool:
        """Tell whether another version takes the place of one that has failed."""
        others = self._on_disk.keys() - self._failures.versions - {servable.version}
        return bool(self.config.policy.choose(others))

    def _note_settled(self) -> None:
        if all(servable.state not in (State.START, State.LOADING) for servable in self._servables.values()):
            self.settled.set()

    def _forget_ended(self) -> None:
        gone = [
            version
            for version, servable in sorted(self._servables.items())
            if servable.state is State.END and version not in self._on_disk
        ]
        for version in gone[: max(0, len(gone) - KEPT_ENDED)]:
            del self._servables[version]
