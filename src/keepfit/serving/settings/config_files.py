"""Reads the protobuf text files that flags name, with TensorFlow Serving's messages for bad ones.

Knows their types, and nothing of what is done with them.
"""

from pathlib import Path
from typing import Any

from google.protobuf import text_format

from keepfit import protos
from keepfit.errors import ConfigError

MESSAGES = {
    "model_config_file": protos.ModelServerConfig,
    "batching_parameters_file": protos.BatchingParameters,
    "ssl_config_file": protos.SSLConfig,
    "monitoring_config_file": protos.MonitoringConfig,
    "tensorflow_session_config_file": protos.ConfigProto,
}
"""The message in the file of each flag."""


def read(file: str, message_class: Any) -> Any:
    """Return the message in a file; raises ConfigError with TensorFlow Serving's message and the place."""
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(f"NOT_FOUND: {file}; {error.strerror}") from error
    try:
        return text_format.Parse(content.decode(), message_class(), descriptor_pool=message_class.DESCRIPTOR.file.pool)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        name = message_class.DESCRIPTOR.full_name
        raise ConfigError(f"INVALID_ARGUMENT: Invalid protobuf file: '{file}' ({name}: {error})") from error
