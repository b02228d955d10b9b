"""Requests into batches and back."""

import numpy as np

from keepfit.serving.batching import joining


def request(*rows):
    return {"x": np.array(rows, np.float32)}


def test_padding_repeats_the_first_row_of_the_last_request():
    pieces = joining.join([request([1, 1]), request([2, 2], [3, 3])], 2)["x"]
    assert np.concatenate(pieces).tolist() == [[1, 1], [2, 2], [3, 3], [2, 2], [2, 2]]


def test_narrow_inputs_are_widened_with_their_first_element():
    short, long = joining.widen([request([5, 6]), request([1, 2, 3])])
    assert short["x"].tolist() == [[5, 6, 5]]
    assert long["x"].tolist() == [[1, 2, 3]]


def test_strings_are_widened_as_well():
    words = [{"x": np.array([[b"a"]], object)}, {"x": np.array([[b"b", b"c"]], object)}]
    assert joining.widen(words)[0]["x"].tolist() == [[b"a", b"a"]]


def test_inputs_without_any_element_are_widened_like_the_others():
    for dtype, filled in ((np.float32, 0), (object, b"")):
        empty, flat, whole = (np.zeros(shape, dtype) for shape in ((0, 3), (2, 0), (1, 2)))
        wide = joining.widen([{"x": empty}, {"x": flat}, {"x": whole}])
        assert [one["x"].shape for one in wide] == [(0, 3), (2, 3), (1, 3)]
        assert wide[1]["x"].tolist() == [[filled] * 3] * 2


def test_padding_repeats_a_row_of_a_request_that_has_any():
    pieces = joining.join([request([1, 1]), {"x": np.zeros((0, 2), np.float32)}], 1)["x"]
    assert np.concatenate(pieces).tolist() == [[1, 1], [1, 1]]


def test_outputs_are_split_by_rows_and_padding_is_dropped():
    parts = joining.split({"y": np.arange(6)}, [1, 2, 3])
    assert [part["y"].tolist() for part in parts] == [[0], [1, 2], [3, 4, 5]]


def test_outputs_of_another_number_of_rows_cannot_be_split():
    assert joining.split({"y": np.arange(5)}, [1, 2, 3]) is None
    assert joining.split({"y": np.float32(1)}, [1]) is None


def test_what_is_cut_comes_together_again():
    pieces = joining.cut({"x": np.arange(5)}, 5, 2)
    assert [piece["x"].tolist() for piece in pieces] == [[0, 1], [2, 3], [4]]
    assert joining.concatenate(pieces)["x"].tolist() == [0, 1, 2, 3, 4]
