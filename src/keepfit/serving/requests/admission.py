"""Decides, before anything of its body is read, whether a request is let in, and bounds what all of them hold.

Knows headers, counts and bytes; knows no models, and no HTTP or gRPC codes.
"""

from dataclasses import dataclass

from keepfit.errors import TooLargeError, UnavailableError
from keepfit.serving.requests.exchange import Head
from keepfit.serving.requests.keys import KeyFile

PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"})
"""What is answered without a key: load balancers and supervisors that ask have none, and learn nothing else."""
_FRAME_BYTES = 5
"""Before each gRPC message."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and what all of them together, may ask of the server."""

    max_body_bytes: int
    """Of a REST request."""
    max_message_bytes: int
    """Of a gRPC message."""
    max_held_bytes: int
    """Of bodies, over all requests until they are answered."""
    max_requests: int
    """At the same time."""


class Admission:
    """Counts the requests that are being answered, and the bytes that they hold."""

    def __init__(self, limits: Limits, keys: KeyFile | None) -> None:
        self._limits = limits
        self._keys = keys
        self.requests = 0
        self.held_bytes = 0
        self.draining = False

    def admit(self, head: Head) -> str:
        """Return the name of the key that a request brings, or nothing if none is asked for; raises ServingError."""
        is_public = head.path in PUBLIC_PATHS
        owner = "" if self._keys is None or is_public else self._keys.owner(head.headers)
        if self.draining:
            raise UnavailableError("The server is shutting down")
        if self.requests > self._limits.max_requests and not is_public:
            raise UnavailableError(f"The server already answers {self._limits.max_requests} requests; try again later")
        if head.length is not None:
            self.check_size(head.length, is_grpc=head.is_grpc)
        return owner

    def hold(self, more: int, size: int = 0, *, is_grpc: bool = False) -> None:
        """Take more bytes of a body, which has some size with them; raises TooLargeError or UnavailableError."""
        limits = self._limits
        if size > limits.max_body_bytes or size > limits.max_message_bytes:
            self.check_size(size, is_grpc=is_grpc)
        if self.held_bytes + more > limits.max_held_bytes:
            raise UnavailableError(
                f"The server already holds {limits.max_held_bytes} bytes of requests; try again later"
            )
        self.held_bytes += more

    def check_size(self, size: int, *, is_grpc: bool) -> None:
        """Raise TooLargeError if a body is larger than may be."""
        if is_grpc:
            limit = self._limits.max_message_bytes
            if size > limit + _FRAME_BYTES:
                raise TooLargeError(f"Received message larger than max ({size - _FRAME_BYTES} vs. {limit})")
        elif size > self._limits.max_body_bytes:
            raise TooLargeError(
                f"The body is larger than the {self._limits.max_body_bytes} bytes that --max_body_bytes allows"
            )
