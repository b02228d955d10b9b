"""Checks, before anything listens, the files that flags name. Knows nothing of serving."""

from keepfit.errors import ConfigError, KeepfitError
from keepfit.serving.models import model_config
from keepfit.serving.requests.status import status_name
from keepfit.serving.settings import batching_config, config_files
from keepfit.serving.settings.options import Options


def check(options: Options) -> None:
    """Raise ConfigError, worded as TensorFlow Serving ends its start, if any of the files is not there or is wrong."""
    try:
        for name, message_class in config_files.MESSAGES.items():
            file = getattr(options, name)
            if file:
                config_files.read(file, message_class)
        batching_config.by_flags(options)
    except ConfigError as error:
        raise ConfigError(f"Failed to start server. Error: {error}") from error
    try:
        models = model_config.by_flags(options)
    except KeepfitError as error:
        raise ConfigError(f"Failed to start server. Error: {status_name(error)}: {error}") from error
    if not options.allow_version_labels_for_unavailable_models:
        for model in models:
            for version in model.labels.values():
                raise ConfigError(
                    f"Failed to start server. Error: FAILED_PRECONDITION: Request to assign label to version {version} "
                    f"of model {model.name}, which is not currently available for inference; "
                    "--allow_version_labels_for_unavailable_models allows it"
                )
