"""Protobuf's wire format, for messages so large or so frequent that objects for them cost too much.

https://protobuf.dev/programming-guides/encoding/. Knows no message.
"""

from collections.abc import Iterator
from typing import TypeAlias

VARINT, LENGTH_DELIMITED = 0, 2
_MAX_VARINT_BYTES = 10

Value: TypeAlias = int | memoryview


class MalformedError(ValueError):
    """What should be a message is none, or has fields of fixed width, which this does not read."""


def varint(number: int) -> bytes:
    """Return a number that is not negative as protobuf writes it: seven bits a byte, the lowest first."""
    if number < 0x80:
        return _ONE_BYTE[number]
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    content.append(number)
    return bytes(content)


_ONE_BYTE = tuple(bytes([number]) for number in range(0x80))


def tag(field: int) -> bytes:
    """Return what stands before a field that has a length."""
    return varint(field << 3 | LENGTH_DELIMITED)


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield number and value of each field: a number, or a view of the bytes. Raises MalformedError."""
    position, end = 0, len(message)
    while position < end:
        key, position = _read_varint(message, position)
        number, kind = key >> 3, key & 7
        if not number:
            raise MalformedError("field number 0")
        if kind == VARINT:
            value, position = _read_varint(message, position)
            yield number, value
            continue
        if kind != LENGTH_DELIMITED:
            raise MalformedError(f"wire type {kind}")
        size, position = _read_varint(message, position)
        if size > end - position:
            raise MalformedError("cut off")
        yield number, message[position : position + size]
        position += size


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it."""
    number = 0
    for index in range(_MAX_VARINT_BYTES):
        if position == len(message):
            break
        byte = message[position]
        position += 1
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, position
    raise MalformedError("a number is not whole")
