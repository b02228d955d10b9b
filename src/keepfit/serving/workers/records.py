"""Reads TFRecord files, without TensorFlow. Knows nothing of what the records mean."""

import struct
from collections.abc import Iterator
from pathlib import Path

from keepfit.errors import ModelLoadError

_HEAD = struct.Struct("<QI")
_CHECKSUM_BYTES = 4


def read_records(file: Path) -> Iterator[bytes]:
    """Yield the records of a file; raises ModelLoadError if it ends within one. Checksums are not looked at.

    Format: length (8 bytes), its checksum (4), the record, its checksum (4), and so on.
    """
    content = memoryview(file.read_bytes())
    while content:
        if len(content) < _HEAD.size:
            raise ModelLoadError(f"{file} is not a TFRecord file, or not all of it is there", "DATA_LOSS")
        length, _ = _HEAD.unpack(content[: _HEAD.size])
        end = _HEAD.size + length
        if len(content) < end + _CHECKSUM_BYTES:
            raise ModelLoadError(f"{file} is not a TFRecord file, or not all of it is there", "DATA_LOSS")
        yield bytes(content[_HEAD.size : end])
        content = content[end + _CHECKSUM_BYTES :]
