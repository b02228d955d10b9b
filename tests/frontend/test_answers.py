"""What predictions look like to a person."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.frontend.answers import show
from keepfit.frontend.filling import Filled

from .conftest import TWO_FEATURES, form_of, signatures, tensor

FORM = form_of(TWO_FEATURES)
ASKED = Filled({"instances": [[1.5, 2.3]]})


def blocks(*predictions):
    return show(FORM, ASKED, json.dumps({"predictions": predictions}).encode(), 1.0).instances


def test_probabilities_of_classes_become_bars_with_the_likeliest_marked():
    ((block,),) = blocks([0.1, 0.7, 0.2])

    assert block.kind == "classes"
    assert block.text == "Class 1"
    assert [(bar.label, bar.percent, bar.is_top) for bar in block.bars] == [
        ("Class 0", "10.0 %", False),
        ("Class 1", "70.0 %", True),
        ("Class 2", "20.0 %", False),
    ]


def test_of_very_many_classes_the_likeliest_are_shown():
    shares = [0.0] * 1000
    shares[777], shares[5] = 0.9, 0.1
    ((block,),) = blocks(shares)

    assert [bar.label for bar in block.bars[:2]] == ["Class 777", "Class 5"]
    assert len(block.bars) + block.hidden == 1000


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ([0.25], "probability", "0.25"),
        ([1234.5678], "number", "1234.57"),
        (-3.5, "number", "−3.5"),
        ([7], "number", "7"),
        ([float("nan")], "number", "not a number"),
        ([1.5, -2.0], "numbers", "1.5   −2"),
        ([0.5, 0.4], "numbers", "0.5   0.4"),
        (["cat"], "text", "cat"),
        ({"b64": "AAA="}, "json", '{"b64": "AAA="}'),
        ([[1, 2], [3, 4]], "json", "[[1, 2], [3, 4]]"),
        ([], "json", "[]"),
        (None, "json", "null"),
        (True, "json", "true"),
    ],
)
def test_each_kind_of_value_is_shown_as_what_it_is(value, kind, text):
    ((block,),) = blocks(value)

    assert (block.kind, block.text) == (kind, text)


def test_numbers_are_no_probabilities_if_one_of_the_rows_is_outside():
    assert [block.kind for (block,) in blocks([0.5], [1.5])] == ["number", "number"]


def test_named_outputs_are_shown_each():
    ((label, score),) = blocks({"score": [0.1, 0.9], "label": "b"})

    assert (label.name, label.kind) == ("label", "text")
    assert (score.name, score.kind) == ("score", "classes")


@pytest.mark.parametrize(
    ("share", "percent"), [(0.0, "0.0 %"), (1e-6, "< 0.1 %"), (1.0, "100.0 %"), (0.9999, "> 99.9 %")]
)
def test_percent_never_claims_certainty(share, percent):
    ((block,),) = blocks([share])

    assert block.bars[0].percent == percent


def test_of_many_rows_the_first_are_shown_and_all_counted():
    answer = show(FORM, ASKED, json.dumps({"predictions": [[0.5]] * 500}).encode(), 1.0)

    assert len(answer.instances) == 20
    assert answer.count == 500


def test_row_of_64_is_drawn_as_its_picture():
    form = form_of(signatures(pixels=tensor("DT_FLOAT", -1, 64)))
    row = [0.0] * 64
    row[9], row[63] = 8.0, 16.0
    answer = show(form, Filled({"instances": [row]}), b'{"predictions": [[1.0]]}', 1.0)

    assert answer.pictures[0].pixels == ((1, 1, 0.5), (7, 7, 1.0))


def test_picture_leaves_out_what_is_unknown():
    form = form_of(signatures(pixels=tensor("DT_FLOAT", -1, 64)))
    answer = show(form, Filled({"instances": [[float("nan")] * 64]}), b'{"predictions": [[1.0]]}', 1.0)

    assert answer.pictures[0].pixels == ()


@given(
    st.one_of(
        st.binary(),
        st.recursive(st.none() | st.floats() | st.text(), st.lists).map(
            lambda v: json.dumps({"predictions": v}).encode()
        ),
    )
)
def test_any_answer_can_be_shown(answered):
    assert show(FORM, ASKED, answered, 1.0).answered is not None
