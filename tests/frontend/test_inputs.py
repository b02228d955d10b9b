"""Which fields a model's signature makes."""

import pytest

from keepfit.errors import UnimplementedError
from keepfit.frontend.examples import example_calls
from keepfit.frontend.inputs import Input, ModelForm

from .conftest import MIXED, TWO_FEATURES, form_of, signatures, tensor


def test_single_matrix_input_makes_a_field_for_each_column():
    form = form_of(TWO_FEATURES)

    assert form.row == Input("features", "float32", (None, 2))
    assert form.columns == ("x1", "x2")
    assert not form.empty_is_missing


def test_mixed_table_makes_a_field_for_each_named_input():
    form = form_of(MIXED)

    assert form.row is None
    assert {its.name: its.kind for its in form.inputs} == {
        "age": "number",
        "city": "text",
        "member": "bool",
        "visits": "integer",
    }
    assert form.empty_is_missing


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (tensor("DT_FLOAT", -1), "number"),
        (tensor("DT_DOUBLE", -1, 1), "number"),
        (tensor("DT_UINT8", -1), "integer"),
        (tensor("DT_FLOAT", -1, -1), "row"),
        (tensor("DT_FLOAT", -1, 28, 28), "json"),
        (tensor("DT_STRING", -1, 4), "json"),
        (tensor("DT_FLOAT"), "number"),
        (tensor("DT_FLOAT", 3), "row"),
        (tensor("DT_COMPLEX64", -1), "json"),
        ({"dtype": "DT_FLOAT", "tensor_shape": {"dim": [], "unknown_rank": True}}, "json"),
    ],
)
def test_any_input_has_a_kind_of_field(spec, kind):
    assert form_of(signatures(x=spec)).inputs[0].kind == kind


def test_wide_rows_are_only_pasted():
    form = form_of(signatures(pixels=tensor("DT_FLOAT", -1, 784)))

    assert len(form.columns) == 784
    assert form.shown_columns == ()
    assert form.side == 28


@pytest.mark.parametrize(("width", "side"), [(64, 8), (49, None), (65, None), (784, 28)])
def test_only_many_columns_of_a_square_number_are_a_picture(width, side):
    assert ModelForm("serving_default", (Input("x", "float32", (None, width)),)).side == side


def test_another_signature_is_taken_if_there_is_no_default_one():
    found = {"__saved_model_init_op": {}, "score": TWO_FEATURES["serving_default"]}

    assert form_of(found).signature_name == "score"


@pytest.mark.parametrize("found", [{}, {"__saved_model_init_op": {"inputs": {}}}, signatures()])
def test_model_without_inputs_cannot_be_asked(found):
    with pytest.raises(UnimplementedError, match="signature"):
        form_of(found)


def test_examples_are_commands_for_the_form_and_for_json():
    fields, as_json = example_calls(form_of(TWO_FEATURES), "http://here/predict")

    assert fields == "curl http://here/predict -d 'x1=1.5&x2=2.3'"
    assert as_json.endswith("""-d '{"instances": [[1.5, 2.3]]}'""")


def test_examples_of_named_inputs_quote_for_the_shell():
    form = form_of(signatures(**{"it's": tensor("DT_STRING", -1), "n": tensor("DT_INT32", -1, 1)}))

    assert example_calls(form, "http://here/predict")[-1].endswith(
        """-d '{"instances": [{"it'"'"'s": "text", "n": [1]}]}'"""
    )


@pytest.mark.parametrize(
    "spec", [tensor("DT_FLOAT", -1, 784), tensor("DT_FLOAT", -1, 2, 2), tensor("DT_FLOAT"), tensor("DT_FLOAT", 2)]
)
def test_no_example_where_it_would_be_too_long_or_a_guess(spec):
    assert example_calls(form_of(signatures(x=spec)), "http://here/predict") == ()
