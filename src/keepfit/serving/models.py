"""Owns all models that are served: makes their managers, finds versions by number or label, takes new configurations.

The transport-free core below REST and gRPC; words its errors as TensorFlow Serving does. Runs on one event loop.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from keepfit.errors import FailedPreconditionError, InvalidRequestError, ModelNotFoundError
from keepfit.serving.manager import Manager, VersionStatus
from keepfit.serving.model_config import ModelConfig, models_of
from keepfit.serving.servable import Servable
from keepfit.serving.worker_process import Workers

logger = logging.getLogger(__name__)

NoteBatch = Callable[[str, int, int], None]
"""Told of each batch: model, version, rows."""


class Models:
    """The models by name. start() and stop() belong to its event loop."""

    def __init__(
        self,
        configs: Iterable[ModelConfig],
        workers: Workers,
        note_batch: NoteBatch,
        *,
        poll_s: float,
        allow_labels_for_unavailable: bool = False,
    ) -> None:
        self._workers = workers
        self._note_batch = note_batch
        self._poll_s = poll_s
        self._allow_labels_for_unavailable = allow_labels_for_unavailable
        self._labels: Mapping[str, Mapping[str, int]] = {}
        self._managers: dict[str, Manager] = {}
        self._initial = tuple(configs)
        self._reloading = asyncio.Lock()
        """Held while a configuration is taken, so that the next one finds it whole."""

    def __contains__(self, model: str) -> bool:
        """Tell whether a model is configured."""
        return model in self._managers

    def __iter__(self) -> Iterator[Manager]:
        """Yield each configured model's manager."""
        return iter(list(self._managers.values()))

    @property
    def unready(self) -> list[str]:
        """The configured models of which no version is available."""
        return [manager.model for manager in self if not manager.available]

    def find(self, model: str, version: int | None = None, label: str = "") -> Servable:
        """Return the version asked for, by number or label, or else the latest available one.

        Raises ModelNotFoundError, or InvalidRequestError if there is no such label or no name.
        """
        version = self._resolve(model, version, label)
        manager = self._managers.get(model)
        servable = manager.find(version) if manager is not None else None
        if servable is None:
            request = f"Latest({model})" if version is None else f"Specific({model}, {version})"
            raise ModelNotFoundError(f"Servable not found for request: {request}")
        return servable

    def status(self, model: str, version: int | None = None, label: str = "") -> list[VersionStatus]:
        """Return the state of one version, by number or label, or of all, highest first; raises as find does."""
        version = self._resolve(model, version, label)
        statuses = self._managers[model].statuses() if model in self._managers else []
        chosen = [status for status in statuses if version in (None, status.version)]
        if not chosen:
            what = "any versions" if version is None else f"version {version}"
            raise ModelNotFoundError(f"Could not find {what} of model {model}")
        return chosen

    def start(self) -> None:
        """Begin to serve the first configuration; raises FailedPreconditionError if its labels are not allowed."""
        self._labels = self._checked_labels(self._initial)
        self._take(self._initial)

    async def reload(self, config: Any) -> None:
        """Take a ModelServerConfig message as HandleReloadConfigRequest does.

        Raises InvalidRequestError or FailedPreconditionError, and then changes nothing.
        """
        if config.WhichOneof("config") != "model_config_list":
            raise InvalidRequestError(
                "ServerModelConfig type not supported by HandleReloadConfigRequest."
                " Only ModelConfigList is currently supported"
            )
        async with self._reloading:
            configs = models_of(config)
            self._labels = self._checked_labels(configs)
            self._take(configs)

    async def stop(self) -> None:
        """End all models."""
        await asyncio.gather(*(manager.stop() for manager in self))

    def _resolve(self, model: str, version: int | None, label: str) -> int | None:
        if not model:
            raise InvalidRequestError("ModelSpec has no name specified.")
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

    def _take(self, configs: Iterable[ModelConfig]) -> None:
        wanted = {config.name: config for config in configs}
        for name in self._managers.keys() - wanted.keys():
            logger.info("Model %s is not served any more", name)
            asyncio.get_running_loop().create_task(self._managers.pop(name).stop())
        for name, config in wanted.items():
            manager = self._managers.get(name)
            if manager is None:
                logger.info("Model %s is served from %s", name, config.base_path)
                self._managers[name] = self._new_manager(config)
            elif manager.config != config:
                logger.info("Model %s is served from %s with a new configuration", name, config.base_path)
                manager.configure(config)

    def _new_manager(self, config: ModelConfig) -> Manager:
        manager = Manager(
            config, self._poll_s, self._workers, lambda version, rows: self._note_batch(config.name, version, rows)
        )
        manager.start()
        return manager
