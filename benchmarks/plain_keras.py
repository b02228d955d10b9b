"""The control of retrain_cycle.py: what a person would write without Keepfit. Import, fit, evaluate, export."""

import sys

import keras
import numpy as np

ROWS, HOLDOUT, EPOCHS, BATCH_SIZE, LEARNING_RATE = 10_000, 2_000, 10, 64, 0.01

generator = np.random.default_rng()
labels = generator.integers(0, 2, ROWS)
features = generator.normal(size=(ROWS, 2)).astype(np.float32)
features[:, 0] += 5.0 * labels

normalization = keras.layers.Normalization()
normalization.adapt(features[HOLDOUT:])
model = keras.Sequential(
    [
        keras.Input((2,)),
        normalization,
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(LEARNING_RATE), "binary_crossentropy", metrics=["accuracy"])
model.fit(features[HOLDOUT:], labels[HOLDOUT:], epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=0)
model.evaluate(features[:HOLDOUT], labels[:HOLDOUT], verbose=0)
model.export(sys.argv[1], verbose=False)
