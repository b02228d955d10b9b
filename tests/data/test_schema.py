"""The schema's JSON form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.data.schema import Column, Schema, Target
from keepfit.errors import DataError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
COLUMN = st.builds(
    Column,
    TEXT,
    st.sampled_from(["numeric", "boolean", "categorical"]),
    TEXT,
    *[NUMBER] * 5,
    st.lists(TEXT, max_size=3).map(tuple),
    st.floats(0, 1),
)
TARGET = st.builds(
    Target,
    TEXT,
    st.sampled_from(["binary", "multiclass", "regression"]),
    st.lists(TEXT, max_size=3).map(tuple),
    NUMBER,
    NUMBER,
)
SCHEMA = st.builds(Schema, st.lists(COLUMN, max_size=4).map(tuple), TARGET)
SMALL = Schema((Column("a", "numeric", "Int64"), Column("b", "boolean", "Boolean")), Target("y", "binary", ("0", "1")))


@given(SCHEMA)
def test_a_schema_survives_its_json_text(schema):
    assert Schema.from_json(schema.to_json()) == schema


def test_only_numeric_columns_make_one_matrix():
    assert not SMALL.is_numeric
    assert Schema(SMALL.columns[:1], SMALL.target).is_numeric
    assert SMALL.feature_names == ("a", "b")


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("format",), 2, "format"),
        (("columns", 0, "kind"), "image", "columns.0.kind"),
        (("columns", 1, "mean"), "high", "columns.1.mean"),
        (("target", "classes"), [0, 1], "target.classes.0"),
        (("columns",), None, "columns"),
    ],
)
def test_a_changed_text_is_refused_and_the_place_is_named(path, value, where):
    content = json.loads(SMALL.to_json())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(DataError, match=f"kept beside the model cannot be read: {where}: "):
        Schema.from_json(json.dumps(content))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", SMALL.to_json()[:-9]])
def test_a_text_that_is_no_schema_is_refused(text):
    with pytest.raises(DataError, match="kept beside the model cannot be read"):
        Schema.from_json(text)
