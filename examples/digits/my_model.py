"""A small convolutional network for the 8 × 8 digits, as an example of a model of your own."""

import keras


def build(inputs: int, outputs: int, task: str, *, filters: int = 32, dropout: float = 0.3) -> keras.Model:
    """Return an uncompiled model from (batch, 64) preprocessed pixels to (batch, 10) probabilities.

    Keepfit puts the preprocessing before it; `filters` and `dropout` come from model.options in config.json.
    """
    if (inputs, task) != (64, "multiclass"):
        raise ValueError(f"this model takes 64 pixels and classes, but the data has {inputs} inputs and is {task}")
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Reshape((8, 8, 1)),
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(2 * filters, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(outputs, activation="softmax"),
        ]
    )
