"""Protobuf's wire format beside protobuf's own code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit import protos
from keepfit.protobuf_wire import MalformedError, fields, tag, varint


@given(st.integers(0, 2**63 - 1), st.binary(max_size=300))
def test_fields_are_read_and_written_as_protobuf_does(number, content):
    message = protos.TensorProto(version_number=7, tensor_content=content, int64_val=[number])
    found = {field: value if isinstance(value, int) else bytes(value) for field, value in fields(_view(message))}
    assert found.pop(3) == 7
    assert found.pop(4, b"") == content
    assert found == {10: varint(number)}
    written = tag(4) + varint(len(content)) + content
    assert protos.TensorProto.FromString(written).tensor_content == content


def test_negative_numbers_are_what_protobuf_makes_of_them():
    message = protos.TensorProto(version_number=-1)
    assert list(fields(_view(message))) == [(3, 2**64 - 1)]


@pytest.mark.parametrize(
    "message",
    [b"\x08", b"\x0a\x05abc", b"\x0d\0\0\0\0", b"\x0b", b"\x0f\x01", b"\x08" + 11 * b"\xff", b"\x02\x00", b"\x80"],
)
def test_what_is_no_message_is_an_error(message):
    with pytest.raises(MalformedError):
        list(fields(memoryview(message)))


def _view(message):
    return memoryview(message.SerializeToString())
