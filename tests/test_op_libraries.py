"""Models with operations of TF Text, which TensorFlow Serving has built in, in processes that never import it."""

import subprocess
import sys

import pytest

EXPORT = """
import importlib.util
import sys
from pathlib import Path
import tensorflow as tf

(folder,) = importlib.util.find_spec("tensorflow_text").submodule_search_locations
library = tf.load_op_library(str(Path(folder) / "python" / "ops" / "_normalize_ops.so"))


class Folder(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def fold(self, text):
        return {"folded": library.case_fold_utf8(input=text)}


module = Folder()
tf.saved_model.save(module, sys.argv[1], signatures={"serving_default": module.fold})
"""

LOAD = """
import sys
from pathlib import Path
import numpy as np
from keepfit import savedmodel
from keepfit.errors import ModelLoadError

if sys.argv[2] == "without":
    sys.modules["tensorflow_text"] = None  # as if it were not installed
try:
    with savedmodel.load(Path(sys.argv[1])) as model:
        print(model.run("serving_default", {"text": np.array(["ÜBER WEISS".encode()], object)})["folded"][0].decode())
except ModelLoadError as error:
    print(error.status, error)
print("imported" if sys.modules.get("tensorflow_text") else "not imported")
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "1"
    subprocess.run([sys.executable, "-c", EXPORT, str(path)], check=True, capture_output=True)
    return path


def load(path, packages):
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path), packages], check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout.splitlines()


def test_model_with_operations_of_tf_text_is_loaded_and_run(exported):
    assert load(exported, "with") == ["über weiss", "not imported"]


def test_model_whose_operations_are_not_installed_says_which_and_where_they_may_be(exported):
    message, _ = load(exported, "without")
    assert message.startswith("NOT_FOUND Op type not registered 'CaseFoldUTF8' in binary running on ")
    assert message.endswith("(Looked for it in tensorflow-text and tensorflow-decision-forests, if installed.)")
