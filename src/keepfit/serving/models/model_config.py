"""Which models are served, from where and by which rules: a ModelServerConfig message as values, or one by flags.

Words its errors as TensorFlow Serving does. Knows nothing of what is loaded.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keepfit import protos
from keepfit.errors import InvalidRequestError
from keepfit.serving.models.policy import All, Latest, Specific, VersionPolicy
from keepfit.serving.settings import config_files
from keepfit.serving.settings.base_path import folder_of
from keepfit.serving.settings.options import Options

PLATFORM = "tensorflow"
_MODEL_TYPES = {1: PLATFORM}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model: where its versions are, which of them are served, and by which labels they can be called."""

    name: str
    base_path: Path
    policy: VersionPolicy = field(default_factory=Latest)
    labels: Mapping[str, int] = field(default_factory=dict)


def by_flags(options: Options) -> tuple[ModelConfig, ...]:
    """Return the models that the flags name, in a file or one; raises ConfigError or InvalidRequestError."""
    if options.model_config_file:
        return models_of(config_files.read(options.model_config_file, protos.ModelServerConfig))
    return (ModelConfig(options.model_name, Path(options.model_base_path)),)


def models_of(config: Any, served: Container[str] = ()) -> tuple[ModelConfig, ...]:
    """Return the models of a ModelServerConfig message, `served` being those of now; raises InvalidRequestError."""
    if config.WhichOneof("config") == "custom_model_config":
        raise InvalidRequestError("ModelServer does not yet support custom model config.")
    models: dict[str, ModelConfig] = {}
    for entry in config.model_config_list.config:
        if entry.name in models:
            raise InvalidRequestError(f"Illegal to list model {entry.name} multiple times in config list")
        models[entry.name] = _model(entry, served)
    return tuple(models.values())


def _model(entry: Any, served: Container[str]) -> ModelConfig:
    base_path = folder_of(entry.base_path)
    if not base_path.is_absolute():
        raise InvalidRequestError(
            f"Expected model {entry.name} to have an absolute path or URI; got base_path()={entry.base_path}"
        )
    _check_platform(entry, served)
    if entry.HasField("logging_config"):
        raise InvalidRequestError("No request-logger-creator provided.")
    return ModelConfig(
        name=entry.name,
        base_path=base_path,
        policy=_policy(entry.model_version_policy),
        labels=dict(entry.version_labels),
    )


def _check_platform(entry: Any, served: Container[str]) -> None:
    platform = entry.model_platform
    if entry.model_type:
        if platform:
            raise InvalidRequestError(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform."
            )
        if entry.model_type not in _MODEL_TYPES:
            raise InvalidRequestError(f"ModelServerConfig::model_type choice {entry.model_type} not supported.")
        platform = _MODEL_TYPES[entry.model_type]
    if not platform:
        raise InvalidRequestError(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform."
        )
    if platform != PLATFORM and entry.name in served:
        raise InvalidRequestError(
            f"Illegal to change a model's platform. For model {entry.name} platform was {PLATFORM} "
            f"and new platform requested is {platform}"
        )
    if platform != PLATFORM:
        raise InvalidRequestError(f"Model {entry.name} requests unsupported platform {platform}")


def _policy(message: Any) -> VersionPolicy:
    choice = message.WhichOneof("policy_choice")
    if choice == "all":
        return All()
    if choice == "specific":
        return Specific(frozenset(message.specific.versions))
    return Latest(max(message.latest.num_versions, 1))
