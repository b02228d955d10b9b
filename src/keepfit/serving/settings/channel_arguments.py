"""The settings of gRPC's connections that --grpc_channel_arguments names, as far as they mean something here.

Knows gRPC's names of them; knows nothing of connections.
"""

from dataclasses import dataclass

from keepfit.errors import ConfigError

_MAX = 2**31 - 1
_MEANINGS = {
    "grpc.max_receive_message_length": "max_message_bytes",
    "grpc.max_concurrent_streams": "max_concurrent_streams",
    "grpc.keepalive_time_ms": "keepalive_time_ms",
    "grpc.keepalive_timeout_ms": "keepalive_timeout_ms",
    "grpc.max_connection_age_ms": "max_connection_age_ms",
    "grpc.max_connection_idle_ms": "max_connection_idle_ms",
}


@dataclass(frozen=True, slots=True)
class ChannelArguments:
    """What was asked for; None is the server's own default."""

    max_message_bytes: int | None = None
    max_concurrent_streams: int | None = None
    keepalive_time_ms: int | None = None
    keepalive_timeout_ms: int | None = None
    max_connection_age_ms: int | None = None
    max_connection_idle_ms: int | None = None
    unused: tuple[str, ...] = ()
    """Names of those without a meaning here."""


def parse(text: str) -> ChannelArguments:
    """Return the arguments in a comma-separated list of name=value; raises ConfigError."""
    found: dict[str, int] = {}
    unused: list[str] = []
    for argument in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = argument.partition("=")
        if not equals:
            raise ConfigError(f"--grpc_channel_arguments has {argument!r}: each argument is name=value")
        if name not in _MEANINGS:
            unused.append(name)
        elif value != "-1":  # gRPC's word for no limit of its own
            found[_MEANINGS[name]] = _number(name, value)
    return ChannelArguments(**found, unused=tuple(unused))


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and 0 < int(value) <= _MAX):
        raise ConfigError(f"--grpc_channel_arguments has {name}={value}: it takes a whole number from 1 to {_MAX}")
    return int(value)
