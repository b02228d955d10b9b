"""TFRecord files."""

import struct

import pytest
import tensorflow as tf

from keepfit.errors import ModelLoadError
from keepfit.serving.workers.records import read_records


def test_records_are_read_as_tensorflow_writes_them(tmp_path):
    file = tmp_path / "records"
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(b"one")
        writer.write(b"")
    assert list(read_records(file)) == [b"one", b""]


@pytest.mark.parametrize("content", [b"x", struct.pack("<QI", 5, 0) + b"abc", struct.pack("<QI", 2**63, 0)])
def test_cut_off_records_are_an_error(tmp_path, content):
    file = tmp_path / "records"
    file.write_bytes(content)
    with pytest.raises(ModelLoadError, match="not a TFRecord file"):
        list(read_records(file))
