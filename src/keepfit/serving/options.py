"""What the server was told on its command line, as one value that travels to the process that serves."""

import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "KEEPFIT_SERVING_OPTIONS"


@dataclass(frozen=True, slots=True)
class Options:
    """The server's options. Ports of 0 are not listened on."""

    model_base_path: str
    model_name: str = "default"
    host: str = "127.0.0.1"
    port: int = 8500
    rest_api_port: int = 8501
    rest_api_timeout_in_ms: int = 30_000
    file_system_poll_wait_seconds: float = 1.0
    spare_worker: bool = True
    max_body_bytes: int = 256 * 2**20
    front: str = "auto"
    python: str = sys.executable
    worker_environment: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    """What workers must find in their environment although a front changes it for itself; None: nothing."""


def to_environment(options: Options) -> dict[str, str]:
    """Return the variable that carries the options to the serving process."""
    return {VARIABLE: json.dumps(dataclasses.asdict(options))}


def from_environment() -> Options:
    """Return the options that to_environment left."""
    return Options(**json.loads(os.environ[VARIABLE]))
