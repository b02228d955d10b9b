"""The models that are asked, made by a process that has TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

TINY = """
import sys
import tensorflow as tf


class Sum(tf.Module):
    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(1.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def sum(self, x):
        return {"y": tf.reduce_sum(x, axis=1) * self.factor}


module = Sum()
tf.saved_model.save(module, sys.argv[1] + "/1", signatures={"serving_default": module.sum})
"""

DENSE = """
import sys
import tensorflow as tf


class Dense(tf.Module):
    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(tf.random.normal([784, 10]))
        self.bias = tf.Variable(tf.zeros([10]))

    @tf.function(input_signature=[tf.TensorSpec([None, 784], tf.float32, name="x")])
    def classes(self, x):
        return {"y": tf.matmul(x, self.kernel) + self.bias}


module = Dense()
tf.saved_model.save(module, sys.argv[1] + "/1", signatures={"serving_default": module.classes})
"""

BIG = """
import sys
import keras
import tensorflow as tf


class Big(tf.Module):
    # ResNet-50 with its optimizer's momentum, as a training leaves it: 204 MB. What is asked is a cheap signature, so
    # that latencies are the server's and not the network's.
    def __init__(self):
        super().__init__()
        self.network = keras.applications.ResNet50(weights=None)
        self.bias = tf.Variable(1.0)
        self.momentum = [tf.Variable(tf.zeros_like(weight)) for weight in self.network.weights]

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def sum(self, x):
        return {"y": tf.reduce_sum(x, axis=1) * self.bias}

    @tf.function(input_signature=[tf.TensorSpec([None, 224, 224, 3], tf.float32, name="image")])
    def classes(self, image):
        return {"classes": self.network(image)}


module = Big()
signatures = {"serving_default": module.sum, "classes": module.classes}
tf.saved_model.save(module, sys.argv[1] + "/1", signatures=signatures)
"""

COMPUTE = """
import sys
import tensorflow as tf


class Loop(tf.Module):
    # One product after the other, for each row: a prediction keeps one core busy, whatever the number of threads.
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def run(self, x):
        matrix = tf.eye(64) * 0.5 + tf.reduce_sum(x)
        def step(i, m):
            return i + 1, tf.linalg.matmul(m, matrix) / 1e3
        steps = 300 * tf.shape(x)[0]
        _, last = tf.while_loop(lambda i, m: i < steps, step, (0, matrix), parallel_iterations=1)
        return {"y": tf.reduce_sum(x, axis=1) + 0.0 * last[0, 0]}


module = Loop()
tf.saved_model.save(module, sys.argv[1] + "/1", signatures={"serving_default": module.run})
"""


PROGRAMS = {"tiny": TINY, "dense": DENSE, "big": BIG, "compute": COMPUTE}


def make(program: str, folder: Path) -> Path:
    """Write version 1 of a model into a folder and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, env=environment, capture_output=True)
    return folder


def copy_version(source: Path, target: Path) -> None:
    """Put a version into place at once; its files are links, so that fifty of them fit on any disk."""
    staged = target.with_name(f".{target.name}")
    for file in source.rglob("*"):
        if file.is_file():
            place = staged / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, place)
    staged.rename(target)
