"""Where a model server is, and which of its two APIs is spoken there. Pure."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from keepfit.errors import ConfigError

Scheme = Literal["http", "https", "grpc", "grpcs", "unix", "unixs"]

_DEFAULT_PORTS: dict[str, int] = {"http": 80, "https": 443, "grpc": 8500, "grpcs": 8500}
_REST_PORT = 8501
_EXPECTED = (
    "expected host:8501, http://, https://, grpc:// or grpcs:// with host and port, "
    "unix:/path of a socket, or unixs:/path of one with TLS"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A model server's address. `path` is what stands before /v1 in URLs (a gateway's), or a socket's path."""

    scheme: Scheme
    host: str
    port: int
    path: str = ""

    @property
    def is_rest(self) -> bool:
        """Whether REST is spoken there; otherwise it is gRPC."""
        return self.scheme in ("http", "https")

    @property
    def is_secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in ("https", "grpcs", "unixs")

    @property
    def is_socket(self) -> bool:
        """Whether it is a Unix socket, which has no host."""
        return self.scheme in ("unix", "unixs")

    @property
    def authority(self) -> str:
        """Host and port, as URLs have them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        if self.is_socket:
            return f"{self.scheme}:{self.path}"
        return f"{self.scheme}://{self.authority}{self.path}"


def parse(text: str) -> Address:
    """Return an address; without a scheme it is REST, on port 8501 unless it says another. Raises ConfigError."""
    kind, _, path = text.partition(":")
    match kind:
        case "unix" | "unixs" if path:
            return Address(kind, "", 0, f"/{path.lstrip('/')}" if path.startswith("//") else path)
        case "unix" | "unixs":
            raise ConfigError(f"The address {text!r} names no socket: {_EXPECTED}")
    scheme, separator, _ = text.partition("://")
    try:
        parts = urlsplit(text if separator else f"http://{text}")
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"The address {text!r} cannot be read ({error}): {_EXPECTED}") from error
    if separator and scheme not in _DEFAULT_PORTS:
        raise ConfigError(f"The address {text!r} has the scheme {scheme!r}: {_EXPECTED}")
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ConfigError(f"The address {text!r} is not one of a model server: {_EXPECTED}")
    return _address(scheme if separator else "", parts.hostname, port, parts.path.rstrip("/"), text)


def _address(scheme: str, host: str, port: int | None, path: str, text: str) -> Address:
    if not scheme:
        return Address("http", host, port or _REST_PORT, path)
    port = port or _DEFAULT_PORTS[scheme]
    match scheme:
        case "http" | "https":
            return Address(scheme, host, port, path)
        case "grpc" | "grpcs" if not path:
            return Address(scheme, host, port)
        case _:
            raise ConfigError(f"The address {text!r} has a path, which gRPC has none of: {_EXPECTED}")
