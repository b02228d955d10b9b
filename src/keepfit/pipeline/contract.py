"""What a client finds in every exported model: the names of its signature, inputs and output. Needs no TensorFlow."""

import keyword
import re

from keepfit.data.schema import Schema

OUTPUT_NAME = "predictions"
SIGNATURE_NAME = "serving_default"


def input_names(schema: Schema) -> list[str]:
    """The names that a client uses for the inputs: "features" for a numeric table, else the columns' own.

    A signature's inputs are the parameters of a Python function, so whatever is no ASCII letter, digit or underscore
    becomes an underscore; what then does not begin with a letter, or is a word of Python's own, gets column_ before
    it; two columns that would get the same name get _2, _3, …. In small letters, as TensorFlow exports them.
    """
    if schema.is_numeric:
        return ["features"]
    names: list[str] = []
    for column in schema.columns:
        base = re.sub(r"\W", "_", column.name, flags=re.ASCII).lower()
        if not base[:1].isalpha() or keyword.iskeyword(base) or base == "self":
            base = f"column_{base}"
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}_{number}"
        names.append(name)
    return names
