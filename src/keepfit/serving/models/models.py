"""Owns all models that are served: makes their managers, finds versions by number or label, takes new configurations.

The transport-free core below REST and gRPC; words its errors as TensorFlow Serving does. Runs on one event loop.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from keepfit.errors import (
    FailedPreconditionError,
    InvalidRequestError,
    ModelNotFoundError,
    ReloadError,
    UnavailableError,
)
from keepfit.serving.models.manager import Manager, Rules, VersionStatus
from keepfit.serving.models.model_config import ModelConfig, models_of
from keepfit.serving.models.servable import Observer, Servable
from keepfit.serving.models.slots import Slots
from keepfit.serving.requests.status import status_name
from keepfit.serving.workers.workers import Workers

logger = logging.getLogger(__name__)


class Models:
    """The models by name. start() and stop() belong to its event loop."""

    def __init__(
        self,
        configs: Iterable[ModelConfig],
        rules: Rules,
        slots: Slots,
        workers: Workers,
        observer: Observer,
        *,
        allow_labels_for_unavailable: bool = False,
    ) -> None:
        self._configs = tuple(configs)
        self._rules = rules
        self._slots = slots
        self._workers = workers
        self._observer = observer
        self._allow_labels_for_unavailable = allow_labels_for_unavailable
        self._labels: Mapping[str, Mapping[str, int]] = {}
        self._managers: dict[str, Manager] = {}
        self._retired: dict[str, Manager] = {}
        """Of models that are not configured any more: their versions still end, and have a status."""
        self._start_up: asyncio.Task[None] | None = None
        self.started = asyncio.Event()
        """Set once each model of the first configuration has a version, or has failed."""

    def __contains__(self, model: str) -> bool:
        """Tell whether a model is configured."""
        return model in self._managers

    def __iter__(self) -> Iterator[Manager]:
        """Yield each configured model's manager."""
        return iter(list(self._managers.values()))

    @property
    def names(self) -> frozenset[str]:
        """The names of the configured models."""
        return frozenset(self._managers)

    @property
    def configs(self) -> tuple[ModelConfig, ...]:
        """The configuration in force."""
        return self._configs

    @property
    def unready(self) -> dict[str, str]:
        """The configured models of which no version is available, and why: nothing yet while one is being loaded."""
        return {manager.model: _reason(manager) for manager in self if not manager.available}

    def find(self, model: str, version: int | None = None, label: str = "") -> Servable:
        """Return the version asked for, by number or label, or else the latest available one.

        Raises ModelNotFoundError, InvalidRequestError if there is no such label or no name, or UnavailableError while
        the server's start is under way: TensorFlow Serving does not listen yet then, and clients come again.
        """
        if not model:
            raise InvalidRequestError("ModelSpec has no name specified.")
        version = self._resolve(model, version, label)
        manager = self._managers.get(model)
        servable = manager.find(version) if manager is not None else None
        if servable is None:
            if manager is not None and self._slots.starting and not manager.settled.is_set():
                raise UnavailableError(f"Model {model} is still being loaded after the server's start; try again later")
            request = f"Latest({model})" if version is None else f"Specific({model}, {version})"
            raise ModelNotFoundError(f"Servable not found for request: {request}")
        return servable

    def status(self, model: str, version: int | None = None, label: str = "") -> list[VersionStatus]:
        """Return the state of one version, by number or label, or of all, highest first; raises as find does."""
        version = self._resolve(model, version, label)
        manager = self._managers.get(model) or self._retired.get(model)
        statuses = manager.statuses() if manager is not None else []
        chosen = [status for status in statuses if version in (None, status.version)]
        if not chosen:
            what = "any versions" if version is None else f"version {version}"
            raise ModelNotFoundError(f"Could not find {what} of model {model}")
        return chosen

    def start(self) -> None:
        """Begin to serve the first configuration; raises FailedPreconditionError if its labels are not allowed."""
        self._take(self._configs)
        self._start_up = asyncio.get_running_loop().create_task(self._wait_for_start())

    async def reload(self, config: Any) -> None:
        """Take a ModelServerConfig message as HandleReloadConfigRequest does, and wait until its new models are served.

        Raises InvalidRequestError or FailedPreconditionError, and then changes nothing; or ReloadError, when new
        models did not become available, and the configuration is in force.
        """
        if config.WhichOneof("config") != "model_config_list":
            raise InvalidRequestError(
                "ServerModelConfig type not supported by HandleReloadConfigRequest."
                " Only ModelConfigList is currently supported"
            )
        await self.configure(models_of(config, self.names))

    async def configure(self, configs: Iterable[ModelConfig]) -> None:
        """Serve these models instead, and wait until those that are new are served; raises as reload does."""
        new = self._take(configs)
        for manager in new:
            await manager.settled.wait()
        failed = [manager for manager in new if not manager.available]
        if failed:
            described = "".join(f"{_describe(manager)}, " for manager in failed)
            raise ReloadError(f"{len(failed)} model(s) did not become available: {{{described}}}")

    async def stop(self) -> None:
        """End all models."""
        if self._start_up is not None:
            self._start_up.cancel()
        await asyncio.gather(*(manager.stop() for manager in [*self, *self._retired.values()]))

    async def _wait_for_start(self) -> None:
        for manager in self:
            await manager.settled.wait()
        self._slots.starting = False
        self.started.set()

    def _resolve(self, model: str, version: int | None, label: str) -> int | None:
        if not label:
            return version
        labelled = self._labels.get(model, {}).get(label)
        if labelled is None:
            raise InvalidRequestError(f"Unrecognized servable version label: {label}")
        return labelled

    def _checked_labels(self, configs: Iterable[ModelConfig]) -> Mapping[str, Mapping[str, int]]:
        """Return the labels of a configuration; raises FailedPreconditionError for one that may not be set now."""
        for config in configs:
            for label, version in config.labels.items():
                if not self._may_be_set(config.name, label, version):
                    raise FailedPreconditionError(
                        f"Request to assign label to version {version} of model {config.name}, "
                        "which is not currently available for inference"
                    )
        return {config.name: config.labels for config in configs}

    def _may_be_set(self, model: str, label: str, version: int) -> bool:
        """A label names an available version; a new one may name another if a flag allows that."""
        manager = self._managers.get(model)
        if manager is not None and version in manager.available:
            return True
        return self._allow_labels_for_unavailable and self._labels.get(model, {}).get(label, version) == version

    def _take(self, configs: Iterable[ModelConfig]) -> list[Manager]:
        """Go by a configuration from now on, and return the managers of its new models."""
        wanted = {config.name: config for config in configs}
        self._labels = self._checked_labels(wanted.values())
        self._configs = tuple(wanted.values())
        for name in self._managers.keys() - wanted.keys():
            logger.info("Model %s is not served any more", name)
            self._retired[name] = self._managers.pop(name)
            self._retired[name].retire()
        return [manager for config in wanted.values() if (manager := self._take_one(config)) is not None]

    def _take_one(self, config: ModelConfig) -> Manager | None:
        known = self._managers.get(config.name)
        if known is not None:
            if config != known.config:
                logger.info("Model %s is served otherwise: %s", config.name, _differences(known.config, config))
                known.configure(config)
            return None
        logger.info("Model %s is served from %s", config.name, config.base_path)
        manager = self._retired.pop(config.name, None) or self._new_manager(config)
        self._managers[config.name] = manager
        manager.configure(config)
        return manager

    def _new_manager(self, config: ModelConfig) -> Manager:
        return Manager(config, self._rules, self._slots, self._workers, self._observer)


def _differences(old: ModelConfig, new: ModelConfig) -> str:
    changed = [name for field in fields(new) if getattr(old, name := field.name) != getattr(new, name)]
    return ", ".join(f"{name} {getattr(new, name)} instead of {getattr(old, name)}" for name in changed)


def _reason(manager: Manager) -> str:
    """Return what is wrong with a model's base path, or else with its highest version."""
    errors = [f"version {one.version}: {one.error}" for one in manager.statuses() if one.error is not None]
    return manager.complaint or next(iter(errors), "")


def _describe(manager: Manager) -> str:
    """Return a model without an available version, and why, as TensorFlow Serving puts it."""
    statuses = manager.statuses()
    if not statuses:
        return f"{{{{name: {manager.model}}} due to error: NOT_FOUND: {manager.complaint}}}"
    name = f"{{name: {manager.model} version: {statuses[0].version}}}"
    error = statuses[0].error
    return f"{{{name}}}" if error is None else f"{{{name} due to error: {status_name(error)}: {error}}}"
