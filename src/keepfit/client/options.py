"""How a client behaves: time limits, retries, keys, encryption, sizes. Values only; each default stands once, here."""

from dataclasses import dataclass
from pathlib import Path

from keepfit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Retry:
    """When a request that failed is sent again; never later than the call's `timeout_s` allows.

    Only what is harmless: a prediction changes nothing. Retried are connections that are refused or lost, and answers
    that say "not now" (503, UNAVAILABLE). Waits double, with full jitter; a server's Retry-After is kept.
    """

    within_s: float = 10.0
    """How long after the first attempt another one may start, so that a restarting server is bridged; 0: never."""
    attempts: int = 3
    """How often a request may reach a server. Refused connections do not count: they cannot do harm."""
    first_wait_s: float = 0.05
    longest_wait_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Tls:
    """Encryption for https://, grpcs:// and unixs:: whom to trust, and the client's own certificate for mutual TLS."""

    ca_file: str | Path | None = None
    """Certificates (PEM) that are trusted in place of the system's."""
    certificate_file: str | Path | None = None
    key_file: str | Path | None = None
    server_name: str | None = None
    """Whose certificate the server must show, if not the address's host; on a Unix socket it is localhost."""


@dataclass(frozen=True, slots=True)
class Options:
    """Everything but the address and the model."""

    timeout_s: float = 30.0
    retry: Retry = Retry()
    api_key: str | None = None
    """Sent as `authorization: Bearer KEY`."""
    tls: Tls = Tls()
    compression: bool = False
    """Gzip requests over 64 KiB, and take gzipped answers. It pays on slow networks only."""
    max_answer_bytes: int = 2**30
    max_connections: int = 100
    """REST only: calls at the same time; further ones wait. gRPC needs one connection for all."""

    def __post_init__(self) -> None:
        if self.timeout_s <= 0:
            raise ConfigError(f"timeout_s is {self.timeout_s}: expected a number of seconds above 0")
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ConfigError("api_key has characters that cannot be sent: expected printable ASCII")
        if (self.tls.certificate_file is None) != (self.tls.key_file is None):
            raise ConfigError("tls has one of certificate_file and key_file: expected both or neither")

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request, on both transports."""
        return {} if self.api_key is None else {"authorization": f"Bearer {self.api_key}"}


COMPRESS_FROM_BYTES = 64 * 2**10
"""Below this, a request takes so few packets that compression cannot win time."""
