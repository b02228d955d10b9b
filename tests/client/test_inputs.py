"""What callers give, in the dtypes that models take."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from keepfit.client import json_arrays
from keepfit.client.inputs import bind
from keepfit.dtypes import NUMPY_DTYPES, dtype_name
from keepfit.errors import InvalidRequestError, UnimplementedError
from keepfit.signatures import Signature, TensorSpec


def signature(dtype, *more, defaults=()):
    names = ["x", *more]
    inputs = {name: TensorSpec(name, f"{name}:0", dtype, None) for name in names}
    return Signature("serving_default", "", inputs, {}, frozenset(defaults))


NUMBERS = [name for name in NUMPY_DTYPES if name != "string"]
KIND_ORDER = "biuc"


def kind(name):
    dtype = NUMPY_DTYPES[name]
    return "f" if name == "bfloat16" else dtype.kind


@pytest.mark.parametrize("given_as", NUMBERS)
@pytest.mark.parametrize("wanted", NUMBERS)
def test_numbers_are_converted_or_refused_by_kind(given_as, wanted):
    array = np.array([0, 1]).astype(NUMPY_DTYPES[given_as])
    takes = {"b": "b", "i": "iu", "u": "iu", "f": "iuf", "c": "iufc"}[kind(wanted)]
    if kind(given_as) not in takes:
        with pytest.raises(InvalidRequestError, match=f"'x' has {given_as}: expected {wanted}"):
            bind(array, signature(wanted))
        return
    found = bind(array, signature(wanted))["x"]
    assert dtype_name(found) == wanted
    np.testing.assert_array_equal(found, array.astype(NUMPY_DTYPES[wanted]))


def test_array_that_fits_is_not_copied():
    array = np.ones((2, 2), np.float32)
    assert bind(array, signature("float32"))["x"] is array


@given(st.integers(-(2**63), 2**64 - 1), st.sampled_from([name for name in NUMBERS if "int" in name]))
def test_integers_arrive_whole_or_not_at_all(value, dtype):
    limits = np.iinfo(dtype)
    if limits.min <= value <= limits.max:
        assert bind([value], signature(dtype))["x"].tolist() == [value]
    else:
        with pytest.raises(InvalidRequestError):
            bind([value], signature(dtype))


def test_inputs_that_may_be_left_out_leave_one():
    assert set(bind([1.0], signature("float32", "gain", defaults=["gain"]))) == {"x"}
    with pytest.raises(InvalidRequestError, match="inputs x, gain: expected a dict"):
        bind([1.0], signature("float32", "gain"))


def test_dtype_of_an_unknown_name_is_left_as_it_is():
    assert bind({"z": [1, 2]}, signature("float32"))["z"].dtype == np.int64
    with pytest.raises(InvalidRequestError, match="datetime64"):
        bind({"z": np.array(["2026-01-01"], "datetime64[D]")}, signature("float32"))


json_dtypes = st.sampled_from([name for name in NUMPY_DTYPES if not name.startswith("complex")])


@st.composite
def arrays(draw):
    name = draw(json_dtypes)
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4))
    if name == "string":
        flat = draw(st.lists(st.binary(max_size=5), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        array = np.empty(len(flat), object)
        array[:] = flat
        return array.reshape(shape)
    source = np.dtype(np.float16) if name == "bfloat16" else NUMPY_DTYPES[name]
    with np.errstate(over="ignore"):
        return draw(npst.arrays(source, shape)).astype(NUMPY_DTYPES[name])


@given(arrays())
def test_json_returns_what_was_put_in(array):
    written = json_arrays.dump({"x": json_arrays.jsonable("x", array)})
    found = json_arrays.to_array(json_arrays.load(written)["x"], dtype_name(array))
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    same = (found == array) | (found != found) & (array != array)
    assert np.all(same)


def test_complex_numbers_have_no_json():
    with pytest.raises(UnimplementedError, match="grpc://"):
        json_arrays.jsonable("x", np.array([1j]))
