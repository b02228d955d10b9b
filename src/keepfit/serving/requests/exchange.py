"""What a front and the application hand each other: a request's head and body one way, its answer the other.

Knows no protocol: HTTP/1.1 and HTTP/2 are ways to fill and to empty these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

Fields: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Header fields, names in small letters."""
Body: TypeAlias = bytes | bytearray
GRPC: Final = b"application/grpc"
"""How the content types of gRPC begin."""


@dataclass(slots=True)
class Head:
    """The head of a request. Shared by those that repeat it on a connection, and never changed."""

    method: str
    path: str
    """As it was sent, with its percent-encoding and without the query."""
    headers: Mapping[bytes, bytes]
    """By names in small letters."""
    client: str | None
    """Its address; None over a Unix socket."""
    port: int | None
    """On which it came; None over a Unix socket."""
    has_trailers: bool
    """Whether the answer can have trailing header fields."""
    length: int | None
    """Of the body, as far as the request says it."""
    is_grpc: bool = field(init=False)

    def __post_init__(self) -> None:
        """Tell gRPC by its content type."""
        self.is_grpc = self.headers.get(b"content-type", b"").startswith(GRPC)


class Channel(Protocol):
    """Where the answer to one request goes. After its visit was told to leave, nothing may be written to it."""

    def respond(self, status: int, fields: Fields, body: bytes, trailers: Fields = ()) -> None:
        """Send a whole answer. If the request is not whole yet, the front hears no more of it."""

    def start(self, status: int, fields: Fields) -> None:
        """Begin an answer that comes in parts."""

    def send(self, part: bytes) -> None:
        """Send a part of it."""

    def end(self, trailers: Fields = ()) -> None:
        """End it."""


class Visit(Protocol):
    """The application's side of one request, whose head it has taken."""

    def feed(self, part: bytes | memoryview) -> None:
        """Take a part of the body."""

    def finish(self) -> None:
        """Take note that the body is whole."""

    def leave(self) -> None:
        """Take note that the client has left and hears no answer."""


class Host(Protocol):
    """The application, as fronts see it."""

    def visit(self, head: Head, channel: Channel) -> Visit:
        """Begin with a request. What is wrong with it is answered through the channel, perhaps at once."""
