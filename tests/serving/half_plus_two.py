"""Exports the model that TensorFlow Serving's own documentation and tests use, and signatures that misbehave.

Run as a program with the folder to write.
"""

import sys

import tensorflow as tf

v1 = tf.compat.v1
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
PREDICT = "tensorflow/serving/predict"
FLOATS = ["float32", "float64", "float16", "bfloat16", "complex64", "complex128"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
DTYPES = [*FLOATS, *INTEGERS, "bool", "string"]


def signature(inputs, outputs, method=PREDICT, defaults=None):
    def info(tensors):
        return {name: v1.saved_model.build_tensor_info(tensor) for name, tensor in tensors.items()}

    definition = v1.saved_model.build_signature_def(info(inputs), info(outputs), method)
    for name, value in (defaults or {}).items():
        definition.defaults[name].CopyFrom(tf.make_tensor_proto(value))
    return definition


def half_plus_two(example):
    """The signatures of tensorflow_serving/servables/tensorflow/testdata/saved_model_half_plus_two.py."""
    a, b, c = v1.Variable(0.5, name="a"), v1.Variable(2.0, name="b"), v1.Variable(3.0, name="c")
    features = {
        "x": tf.io.FixedLenFeature([1], tf.float32),
        "x2": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0]),
    }
    parsed = tf.io.parse_example(example, features)
    x, x2 = tf.identity(parsed["x"], name="x"), tf.identity(parsed["x2"], name="x2")
    y = tf.identity(a * x + b, name="y")
    y2, y3 = tf.identity(a * x + c, name="y2"), tf.identity(a * x2 + c, name="y3")
    return {
        "serving_default": signature({"x": x}, {"y": y}),
        "regress_x_to_y": signature({"inputs": example}, {"outputs": y}, REGRESS),
        "regress_x_to_y2": signature({"inputs": example}, {"outputs": y2}, REGRESS),
        "regress_x2_to_y3": signature({"inputs": x2}, {"outputs": y3}, REGRESS),
        "classify_x_to_y": signature({"inputs": example}, {"scores": y}, CLASSIFY),
    }, y


def classifiers(example, y):
    """Classifiers with labels, and some that break the rules."""
    rows = tf.shape(y)[0]
    labels = tf.tile(tf.constant([["low", "high"]]), [rows, 1])
    scores = tf.concat([1 - y, y], axis=1)
    good = {
        "labelled": ({"inputs": example}, {"classes": labels, "scores": scores}),
        "labels_only": ({"inputs": example}, {"classes": labels}),
        "two_inputs": ({"inputs": example, "x": y}, {"scores": scores}),
        "three_outputs": ({"inputs": example}, {"classes": labels, "scores": scores, "more": y}),
        "input_of_another_name": ({"examples": example}, {"scores": scores}),
        "outputs_of_other_names": ({"inputs": example}, {"labels": labels}),
        "flat_scores": ({"inputs": example}, {"scores": y[:, 0]}),
        "integer_scores": ({"inputs": example}, {"scores": tf.cast(y, tf.int32)}),
        "number_labels": ({"inputs": example}, {"classes": y}),
        "one_row": ({"inputs": example}, {"scores": tf.ensure_shape(y[:1], [1, 1])}),
        "unequal": ({"inputs": example}, {"classes": labels, "scores": y}),
    }
    return {f"classify_{name}": signature(*tensors, CLASSIFY) for name, tensors in good.items()}


def regressors(example, y):
    """A regressor without its method name, as TF2 exports them, and some that break the rules."""
    found = {
        "flat": ({"inputs": example}, {"outputs": y[:, 0]}),
        "two_inputs": ({"inputs": example, "x": y}, {"outputs": y}),
        "two_outputs": ({"inputs": example}, {"outputs": y, "more": y}),
        "input_of_another_name": ({"examples": example}, {"outputs": y}),
        "output_of_another_name": ({"inputs": example}, {"y": y}),
        "wide": ({"inputs": example}, {"outputs": tf.concat([y, y], axis=1)}),
        "integer": ({"inputs": example}, {"outputs": tf.cast(y, tf.int32)}),
        "one_row": ({"inputs": example}, {"outputs": tf.ensure_shape(y[:1], [1, 1])}),
    }
    signatures = {f"regress_{name}": signature(*tensors, REGRESS) for name, tensors in found.items()}
    signatures["regress_as_tf2_exports_it"] = signature({"inputs": example}, {"outputs": y})
    return signatures


def predictors():
    """Signatures for predict: every dtype, ranks, defaults, and failures of the model."""
    typed = {dtype: v1.placeholder(dtype, [None], name=f"{dtype}_in") for dtype in DTYPES}
    a, b = v1.placeholder(tf.float32, [None], name="a_in"), v1.placeholder(tf.float32, [None], name="b_in")
    scalar = v1.placeholder(tf.float32, [], name="scalar")
    anything = v1.placeholder(tf.float32, None, name="anything")
    matrix = v1.placeholder(tf.float32, [None, 2], name="matrix")
    text = v1.placeholder(tf.string, [None], name="text")
    seconds = v1.placeholder(tf.float32, [None], name="seconds")
    unset = v1.Variable(0.0, name="unset", collections=[v1.GraphKeys.LOCAL_VARIABLES], trainable=False)
    checked = tf.debugging.assert_positive(a, message="a must be positive")
    with tf.control_dependencies([checked]):
        positive = tf.identity(a)
    return {
        **{f"echo_{dtype}": signature({"v": v}, {"v": tf.identity(v)}) for dtype, v in typed.items()},
        "sum": signature({"a": a, "b": b}, {"sum": a + b}),
        "sum_with_default": signature({"a": a, "b": b}, {"sum": a + b}, defaults={"b": [10.0]}),
        "sum_and_difference": signature({"a": a, "b": b}, {"sum": a + b, "difference": a - b}),
        "mean": signature({"a": a}, {"mean": tf.reduce_mean(a)}),
        "double": signature({"scalar": scalar}, {"double": scalar * 2}),
        "any": signature({"anything": anything}, {"same": tf.identity(anything)}),
        "matmul": signature({"matrix": matrix}, {"product": tf.matmul(matrix, [[1.0], [2.0]])}),
        "bytes": signature({"text": text}, {"raw_bytes": tf.identity(text), "text": tf.identity(text)}),
        "positive": signature({"a": a}, {"a": positive}),
        "missing_file": signature({"text": text}, {"content": tf.map_fn(tf.io.read_file, text)}),
        "unset": signature({"a": a}, {"a": a + unset}),
        "nothing_in": signature({}, {"one": tf.constant([1.0])}),
        "slow": signature({"seconds": seconds}, {"seconds": wait(seconds)}),
    }


def wait(seconds):
    started = tf.timestamp()
    limit = tf.cast(tf.reduce_max(seconds), tf.float64)
    steps = tf.while_loop(lambda _: tf.timestamp() - started < limit, lambda i: (i + 1,), (tf.constant(0),))
    with tf.control_dependencies(steps):
        return tf.identity(seconds)


def export(path):
    v1.disable_eager_execution()
    with v1.Session() as session:
        example = v1.placeholder(tf.string, [None], name="tf_example")
        signatures, y = half_plus_two(example)
        signatures |= classifiers(example, y) | regressors(example, y) | predictors()
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()


if __name__ == "__main__":
    export(sys.argv[1])
