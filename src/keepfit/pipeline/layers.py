"""Preprocessing that becomes part of the exported model, so that training and serving cannot differ.

Knows the schema's statistics; knows nothing of training.
"""

from collections.abc import Sequence
from typing import Any

import keras

from keepfit.data.schema import Column, Schema


@keras.saving.register_keras_serializable(package="keepfit")
class Impute(keras.layers.Layer):
    """Replace each NaN of a (batch, k) matrix by its column's fill value.

    For the columns in `indicate`, a 0/1 column "was missing" is appended: the output is (batch, k + len(indicate)).
    """

    def __init__(self, fill: Sequence[float], indicate: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fill = [float(value) for value in fill]
        self.indicate = [int(index) for index in indicate]

    def call(self, inputs: Any) -> Any:
        """Impute a batch."""
        missing = keras.ops.isnan(inputs)
        filled = keras.ops.where(missing, keras.ops.convert_to_tensor([self.fill], dtype=inputs.dtype), inputs)
        if not self.indicate:
            return filled
        flags = [keras.ops.cast(missing[:, index : index + 1], inputs.dtype) for index in self.indicate]
        return keras.ops.concatenate([filled, *flags], axis=1)

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the layer again."""
        return {**super().get_config(), "fill": self.fill, "indicate": self.indicate}


def preprocessing(schema: Schema) -> keras.Model:
    """A model from the raw feature values to one float matrix (batch, width).

    Its inputs are one (batch, k) matrix if all columns are numeric, else one (batch,) vector a column, in the
    schema's order.
    """
    if schema.is_numeric:
        matrix = keras.Input((len(schema.columns),), name="features", dtype="float32")
        return keras.Model([matrix], _numeric(matrix, schema.columns), name="preprocessing")
    inputs = [keras.Input((), name=f"column_{i}", dtype=_dtype(c)) for i, c in enumerate(schema.columns)]
    numeric = [(tensor, c) for tensor, c in zip(inputs, schema.columns, strict=True) if c.kind == "numeric"]
    parts = [
        _categorical(tensor, c) if c.kind == "categorical" else _column(tensor)
        for tensor, c in zip(inputs, schema.columns, strict=True)
        if c.kind != "numeric"
    ]
    if numeric:
        tensors = [_column(tensor) for tensor, _ in numeric]
        matrix = keras.layers.Concatenate()(tensors) if len(tensors) > 1 else tensors[0]
        parts.append(_numeric(matrix, [c for _, c in numeric]))
    joined = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    return keras.Model(inputs, joined, name="preprocessing")


def _dtype(column: Column) -> str:
    return {"numeric": "float32", "boolean": "bool", "categorical": "string"}[column.kind]


def _numeric(matrix: Any, columns: Sequence[Column]) -> Any:
    incomplete = [index for index, column in enumerate(columns) if column.missing_share > 0]
    imputed = Impute([column.median or 0.0 for column in columns], incomplete)(matrix)
    # the flags of missing values pass as they are: mean 0, variance 1
    means = [column.mean or 0.0 for column in columns] + [0.0] * len(incomplete)
    variances = [(column.std or 1.0) ** 2 for column in columns] + [1.0] * len(incomplete)
    return keras.layers.Normalization(mean=means, variance=variances)(imputed)


def _column(tensor: Any) -> Any:
    return keras.layers.Lambda(_as_float_column, output_shape=(1,))(tensor)


def _as_float_column(tensor: Any) -> Any:
    return keras.ops.expand_dims(keras.ops.cast(tensor, "float32"), -1)


def _categorical(tensor: Any, column: Column) -> Any:
    # one index for whatever training never saw, a missing value ("") included
    return keras.layers.StringLookup(vocabulary=list(column.categories), output_mode="one_hot")(tensor)
