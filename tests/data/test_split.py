"""The split's hash: what moves a row to the other side, and what does not."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.data.split import choose_holdout, hash_rows

ROW = st.tuples(
    st.none() | st.floats(allow_infinity=False),
    st.none() | st.text(max_size=5),
    st.none() | st.booleans(),
    st.integers(-(2**53), 2**53),
)
TABLES = st.lists(ROW, min_size=1, max_size=30)
# from an independent implementation in plain Python integers
GOLDEN = [7191492813023718204, 2598198459972867059]
TYPES = {"number": pl.Float64, "text": pl.String, "flag": pl.Boolean, "count": pl.Int64}


def frame_of(rows):
    return pl.DataFrame(rows, schema=TYPES, orient="row")


def hashes(frame, columns=None):
    return hash_rows(frame, columns or frame.columns).tolist()


@given(TABLES, st.randoms())
def test_shuffled_rows_keep_their_hashes(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = hashes(frame_of([rows[index] for index in order]))
    before = hashes(frame_of(rows))
    assert shuffled == [before[index] for index in order]


@given(TABLES, st.permutations(list(TYPES)))
def test_the_order_of_columns_does_not_matter(rows, names):
    frame = frame_of(rows)
    assert hashes(frame, names) == hashes(frame.select(names)) == hashes(frame)


@given(TABLES, TABLES)
def test_rows_added_later_move_no_earlier_row(rows, later):
    assert hashes(frame_of(rows + later))[: len(rows)] == hashes(frame_of(rows))


@given(TABLES)
def test_equal_rows_have_equal_hashes_and_lie_on_one_side(rows):
    both = choose_holdout(hash_rows(frame_of(rows + rows), TYPES), 0.5)
    assert both[: len(rows)].tolist() == both[len(rows) :].tolist()


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1))
def test_a_number_hashes_alike_in_every_type(numbers):
    expected = hashes(pl.DataFrame({"n": numbers}, schema={"n": pl.Float64}))
    for dtype in (pl.Int32, pl.Int64, pl.Int128, pl.Decimal(20, 0)):
        assert hashes(pl.DataFrame({"n": numbers}, schema={"n": dtype})) == expected


def test_zero_has_no_sign_and_missing_has_one_form():
    numbers = hashes(pl.DataFrame({"n": [0.0, -0.0, math.nan, None]}))
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
    texts = hashes(pl.DataFrame({"n": ["", None, "0"]}))
    assert texts[0] == texts[1] == numbers[2] != texts[2]


def test_booleans_hash_as_the_texts_that_they_become_when_some_are_missing():
    assert hashes(pl.DataFrame({"b": [True, False]})) == hashes(pl.DataFrame({"b": ["true", "false"]}))


def test_swapped_values_of_two_columns_are_another_row():
    first, second = hashes(pl.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0]}))
    assert first != second


def test_the_documented_algorithm_gives_these_values_for_ever():
    frame = pl.DataFrame({"number": [1.5, None], "text": ["é", ""], "flag": [True, None]})
    assert hashes(frame) == GOLDEN


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("values", [np.arange(100_000), np.linspace(0, 1, 100_000)], ids=["counting", "dense"])
def test_the_holdout_has_its_share_of_the_rows(values, fraction):
    chosen = choose_holdout(hash_rows(pl.DataFrame({"x": values}), ["x"]), fraction)
    deviation = (chosen.sum() - 100_000 * fraction) / math.sqrt(100_000 * fraction * (1 - fraction))
    assert abs(deviation) < 4


def test_a_larger_holdout_contains_the_smaller_one():
    row_hashes = hash_rows(pl.DataFrame({"x": np.arange(1000)}), ["x"])
    assert not (choose_holdout(row_hashes, 0.2) & ~choose_holdout(row_hashes, 0.3)).any()
