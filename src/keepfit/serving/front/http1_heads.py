"""What the head of an HTTP/1.1 request says, and whether it may (RFC 9112). Pure; knows no connection."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from keepfit.serving.requests.exchange import Head

Headers = Mapping[bytes, bytes]

_UNUSUAL = {b"transfer-encoding", b"expect", b"upgrade"}
_KNOWN_BYTES = 4096
_OF_UPGRADES = (b"upgrade", b"connection", b"http2-settings")


class KnownHead(NamedTuple):
    """A head that was parsed before."""

    content: bytes
    size: int
    """Of a whole request with it."""
    head: Head


def known(data: bytes, head: Head) -> KnownHead | None:
    """Return the head of a request that is just these bytes, or None if there is more to it than a length."""
    content = data[: data.find(b"\r\n\r\n") + 4]
    if len(content) > _KNOWN_BYTES or not data[:1].isalpha() or _UNUSUAL & head.headers.keys():
        return None
    if len(data) - len(content) != head.length:
        return None
    return KnownHead(content, len(data), head)


def refusal(version: str, headers: Headers) -> HTTPStatus | None:
    """Return the status for a head that HTTP forbids, or that others on the way may read differently."""
    if version not in ("1.1", "1.0") or (version == "1.1" and b"host" not in headers):
        return HTTPStatus.BAD_REQUEST
    coding = headers.get(b"transfer-encoding")
    if coding is not None and (coding.lower() != b"chunked" or version == "1.0"):
        return HTTPStatus.NOT_IMPLEMENTED
    return None


def length(headers: Headers) -> int:
    """Return the length of the body; the parser has taken it to be a number."""
    return int(headers.get(b"content-length", b"0"))


def path(target: bytes) -> str:
    """Return the path of a target, which proxies' clients write with scheme and host."""
    if not target.startswith(b"/") and b"://" in target:
        target = b"/" + target.split(b"://", 1)[1].partition(b"/")[2]
    return target.partition(b"?")[0].decode("ascii", errors="replace")


def without_upgrade(method: bytes, target: bytes, version: str, headers: Headers) -> bytes:
    """Return a head without the wish to change the protocol."""
    fields = [b"%b: %b\r\n" % field for field in headers.items() if field[0] not in _OF_UPGRADES]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, target, version.encode(), b"".join(fields))
