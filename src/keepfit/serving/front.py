"""Chooses what listens: Envoy (through pyvoy) where it can run, else hypercorn. Knows nothing of models."""

import importlib

from keepfit.errors import ConfigError
from keepfit.serving.options import Options


def run(options: Options) -> int:
    """Serve until told to stop; return the exit code. With Envoy this does not return: the process becomes Envoy.

    Raises ConfigError if Envoy was asked for by name and cannot run.
    """
    if options.front != "hypercorn":
        try:
            # Imported by name: only one of the two fronts is ever needed, and Envoy does not exist for every platform.
            envoy_front = importlib.import_module("keepfit.serving.envoy_front")
            variables = envoy_front.environment()
        except ImportError:
            variables = None
        if variables is not None:
            envoy_front.run(options, variables)
        if options.front == "envoy":
            raise ConfigError("--front=envoy cannot run here: it needs Envoy and a Python with a shared library")
    code: int = importlib.import_module("keepfit.serving.hypercorn_front").run(options)
    return code
