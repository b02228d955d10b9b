"""HTTP/2's header blocks (HPACK, RFC 7541): read with the library hpack, written without a state. Knows no streams.

A client sends the same block for each of its requests: what it meant is kept, as long as the decoder's table, on which
that depends, stays as it is.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import hpack

from keepfit.serving.front import frames, limits
from keepfit.serving.requests.exchange import Fields, Head

_MAX_BYTES = limits.HEADERS_KIB * 1024
_KEPT_BLOCKS = 64
_KEPT_BLOCK_BYTES = 1024
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PATH = re.compile(rb"[\x21-\x7e]+")
_OF_A_CONNECTION = (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
"""Fields that HTTP/2 does not have."""


@dataclass(frozen=True, slots=True)
class Block:
    """What a request's header block says. Shared between requests: not to be changed."""

    head: Head
    is_malformed: bool
    is_too_large: bool = False


class OpenBlock:
    """A block of which only the beginning has come."""

    def __init__(self, number: int, flags: int, content: memoryview) -> None:
        self.number = number
        """Of its stream."""
        self.flags = flags
        self.content = bytearray(content)

    def add(self, more: memoryview) -> None:
        """Take a further part; raises ConnectionFailedError if it becomes too large."""
        if len(self.content) + len(more) > 2 * _MAX_BYTES:
            raise frames.ConnectionFailedError(frames.ENHANCE_YOUR_CALM, "a header block that is too large")
        self.content += more


class Decoder:
    """Reads the blocks of one connection, each of which it must be given."""

    def __init__(self, client: str | None, port: int | None) -> None:
        self._client = client
        self._port = port
        self._decoder = hpack.Decoder(max_header_list_size=2 * _MAX_BYTES)
        self._known: dict[bytes, Block] = {}

    def decode(self, content: bytes) -> Block:
        """Return what a block says; raises ConnectionFailedError."""
        known = self._known.get(content)
        if known is not None:
            return known
        table = self._decoder.header_table
        before = (table.maxsize, len(table.dynamic_entries), next(iter(table.dynamic_entries), None))
        try:
            fields = self._decoder.decode(content, raw=True)
        except hpack.HPACKError as error:
            raise frames.ConnectionFailedError(frames.COMPRESSION_ERROR, "broken header block") from error
        block = self._read([(bytes(name), bytes(value)) for name, value in fields])
        entries = table.dynamic_entries
        if (table.maxsize, len(entries)) != before[:2] or next(iter(entries), None) is not before[2]:
            self._known.clear()
        elif len(content) <= _KEPT_BLOCK_BYTES:
            if len(self._known) >= _KEPT_BLOCKS:
                self._known.clear()
            self._known[content] = block
        return block

    def _read(self, fields: list[tuple[bytes, bytes]]) -> Block:
        pseudo: dict[bytes, bytes] = {}
        headers: dict[bytes, bytes] = {}
        is_malformed = False
        for name, value in fields:
            if name.startswith(b":"):
                is_malformed |= bool(headers) or name in pseudo
                pseudo[name] = value
            else:
                is_malformed |= not _is_field(name, value) or (name == b"content-length" and name in headers)
                headers[name] = value
        authority = pseudo.pop(b":authority", None)
        if authority is not None:
            is_malformed |= headers.setdefault(b"host", authority) != authority
        is_malformed |= pseudo.keys() != {b":method", b":scheme", b":path"}
        is_malformed |= _METHOD.fullmatch(pseudo.get(b":method", b"")) is None
        is_malformed |= _PATH.fullmatch(pseudo.get(b":path", b"")) is None
        length = headers.get(b"content-length")
        if length is not None and not (length.isdigit() and len(length) <= 18):
            is_malformed, length = True, None
        size = sum(len(name) + len(value) for name, value in fields)
        return Block(
            head=Head(
                method=pseudo.get(b":method", b"").decode("ascii", errors="replace"),
                path=pseudo.get(b":path", b"").partition(b"?")[0].decode("ascii", errors="replace"),
                headers=headers,
                client=self._client,
                port=self._port,
                has_trailers=True,
                length=None if length is None else int(length),
            ),
            is_malformed=is_malformed,
            is_too_large=size > _MAX_BYTES or len(fields) > limits.HEADERS_COUNT,
        )


def encode(fields: Fields) -> bytes:
    """Return a block, or the end of one, of fields that the other side's decoder does not remember."""
    return _encoded(tuple(fields))


@lru_cache(maxsize=64)
def status(code: int) -> bytes:
    """Return the beginning of a block: the status."""
    return b"\x88" if code == 200 else b"\x08\x03%d" % code


@lru_cache(maxsize=256)
def _encoded(fields: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join(_literal(name, value) for name, value in fields)


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + _integer(len(name)) + name + _integer(len(value)) + value


def _integer(value: int) -> bytes:
    """Return a length, in 7 bits if it fits (RFC 7541, 5.1)."""
    if value < 127:
        return bytes([value])
    value -= 127
    digits = bytearray(b"\x7f")
    while value >= 128:
        digits.append(value % 128 + 128)
        value //= 128
    digits.append(value)
    return bytes(digits)


def _is_field(name: bytes, value: bytes) -> bool:
    if not _NAME.fullmatch(name) or name in _OF_A_CONNECTION or (name == b"te" and value != b"trailers"):
        return False
    return not any(byte in value for byte in (b"\0", b"\r", b"\n"))
