"""Where the metrics are, as --monitoring_config_file says. Knows the file, and nothing of metrics."""

from keepfit import protos
from keepfit.errors import ConfigError
from keepfit.serving.settings import config_files
from keepfit.serving.settings.options import Options

DEFAULT_PATH = "/monitoring/prometheus/metrics"
"""TensorFlow Serving's own default."""


def metrics_path(options: Options) -> str:
    """Return the path of the metrics, or nothing if the file turns them off; raises ConfigError.

    Without a file they are on, at the default path: TensorFlow Serving has none then, so none of its clients minds.
    """
    if not options.monitoring_config_file:
        return DEFAULT_PATH
    config = config_files.read(options.monitoring_config_file, protos.MonitoringConfig).prometheus_config
    if not config.enable:
        return ""
    path: str = config.path or DEFAULT_PATH
    if not path.startswith("/"):
        raise ConfigError(f"--monitoring_config_file has the path {path!r}: it must begin with /")
    return path
