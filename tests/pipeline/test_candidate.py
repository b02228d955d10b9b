"""From data to an exported candidate: repeatable, the same in a fresh process, and refused if it is damaged."""

import hashlib
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import pytest
import tensorflow as tf

from keepfit import protos, savedmodel
from keepfit.config import Config
from keepfit.data.dataset import prepare
from keepfit.errors import ModelLoadError, QualificationError, TrainingError
from keepfit.pipeline import artifacts
from keepfit.pipeline.candidate import make_candidate
from keepfit.pipeline.epoch import EpochReport
from keepfit.pipeline.qualifier import Trial
from keepfit.pipeline.qualify import Qualifier

SETTINGS = {"train": {"epochs": 2, "batch_size": 32}, "data": {"synthetic": {"rows": 400}}}

# what TensorFlow's own Python code does while it exports
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

BROKEN = "Read less bytes|Failed to find any matching files|Can't parse|Could not find"
"""TensorFlow's words for a SavedModel that is not whole."""


def make(folder, seed=7, **sections):
    config = Config.model_validate({**SETTINGS, **sections})
    dataset = prepare(config.data, folder, seed, None)
    staged = folder / f"staged-{seed}"
    staged.mkdir()
    reports = []
    return make_candidate(dataset, config, folder, seed, staged, reports.append), dataset, reports


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("candidate"))


@pytest.fixture
def candidate(made):
    return made[0]


@pytest.fixture
def copied(candidate, tmp_path):
    """The candidate's folder, to be damaged."""
    return shutil.copytree(candidate.folder, tmp_path / "copy")


def test_every_epoch_is_reported_with_its_loss_and_accuracy(made):
    candidate, _, reports = made
    history = candidate.training.history
    assert reports == [
        EpochReport(epoch + 1, 2, history["loss"][epoch], history["accuracy"][epoch]) for epoch in range(2)
    ]


def test_exported_model_predicts_what_the_trainer_did(made):
    candidate, dataset, _ = made
    with savedmodel.load(candidate.folder) as loaded:
        found = loaded.run("serving_default", {"features": dataset.holdout.inputs["features"]})["predictions"]
    assert found.shape == candidate.predictions.shape == (dataset.holdout.rows, 1)
    assert found == pytest.approx(candidate.predictions, abs=1e-6)


def test_signature_takes_rows_of_two_numbers(candidate):
    with savedmodel.load(candidate.folder) as loaded:
        signature = loaded.signatures["serving_default"]
        assert {name: spec.shape for name, spec in signature.inputs.items()} == {"features": (None, 2)}
        assert {name: spec.shape for name, spec in signature.outputs.items()} == {"predictions": (None, 1)}


def test_candidate_has_its_schema_and_warmup_requests_that_can_be_replayed(made):
    candidate, dataset, _ = made
    assert artifacts.read_schema(candidate.folder) == dataset.schema
    records = tf.data.TFRecordDataset(str(candidate.folder / "assets.extra" / "tf_serving_warmup_requests"))
    logs = [protos.PredictionLog.FromString(record.numpy()) for record in records]
    assert [log.predict_log.request.model_spec.name for log in logs] == ["keepfit", "keepfit"]
    with savedmodel.load(candidate.folder) as loaded:
        for log, rows in zip(logs, (1, 32), strict=True):
            request = log.predict_log.request
            values = tf.make_ndarray(
                type(tf.make_tensor_proto(0)).FromString(request.inputs["features"].SerializeToString())
            )
            assert values.shape == (rows, 2)
            assert loaded.run(request.model_spec.signature_name, {"features": values})["predictions"].shape == (rows, 1)


REPEAT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_candidate import fingerprint, make
print(fingerprint(make(Path(sys.argv[2]), seed=int(sys.argv[3]))[0]))
"""


def fingerprint(candidate):
    """A hash of every trained bit, and of every prediction."""
    reader = tf.train.load_checkpoint(str(candidate.folder / "variables" / "variables"))
    # Keras writes the same weights once more, in an order that changes from process to process
    names = sorted(name for name in reader.get_variable_to_dtype_map() if name.startswith("variables/"))
    digest = hashlib.sha256(candidate.predictions.tobytes())
    for name in names:
        digest.update(reader.get_tensor(name).tobytes())
    return f"{len(names)} tensors {digest.hexdigest()}"


@pytest.mark.slow
def test_same_seed_gives_the_same_model_to_the_bit_in_another_process(tmp_path):
    def start(name, seed):
        (tmp_path / name).mkdir()
        command = [sys.executable, "-c", REPEAT, str(Path(__file__).parent), str(tmp_path / name), str(seed)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    processes = [start("a", 7), start("b", 7), start("c", 8)]
    first, second, other = (process.communicate(timeout=120)[0] for process in processes)
    assert int(first.split()[0]) == 6
    assert first == second
    assert first != other


def check(folder, candidate, tmp_path, **inputs):
    expected = candidate.predictions[: len(candidate.sample["features"])]
    with Qualifier(stderr=subprocess.DEVNULL) as qualifier:
        qualifier.check(folder, inputs or candidate.sample, expected, tmp_path)


def test_good_candidate_qualifies_and_leaves_nothing_behind(candidate, tmp_path):
    check(candidate.folder, candidate, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_champion_answers_all_rows_and_both_are_timed_side_by_side(candidate, tmp_path):
    expected = candidate.predictions[: len(candidate.sample["features"])]
    with Qualifier(stderr=subprocess.DEVNULL) as qualifier:
        qualifier.ask_champion(candidate.folder, candidate.sample, tmp_path)
        np.testing.assert_allclose(qualifier.champion_answers(), expected, 1e-4, 1e-5)
        mine, its = qualifier.check(candidate.folder, candidate.sample, expected, tmp_path)
    assert 0 < mine < 20 * its


def test_champion_that_does_not_load_says_so_and_the_candidate_still_qualifies(copied, candidate, tmp_path):
    _truncate(copied / "variables" / "variables.data-00000-of-00001")
    expected = candidate.predictions[: len(candidate.sample["features"])]
    with Qualifier(stderr=subprocess.DEVNULL) as qualifier:
        qualifier.ask_champion(copied, candidate.sample, tmp_path)
        with pytest.raises(ModelLoadError, match=BROKEN):
            qualifier.champion_answers()
        assert len(qualifier.check(candidate.folder, candidate.sample, expected, tmp_path)) == 1


def test_champion_that_kills_its_process_is_not_held_against_the_candidate(candidate, tmp_path):
    expected = candidate.predictions[: len(candidate.sample["features"])]
    with Qualifier(stderr=subprocess.DEVNULL) as qualifier:
        qualifier.ask_champion(candidate.folder, candidate.sample, tmp_path)
        for child in psutil.Process().children():
            if "keepfit.pipeline.qualifier" in " ".join(child.cmdline()):
                child.kill()
        with pytest.raises(ModelLoadError, match="gave no answer: it ended with -9"):
            qualifier.champion_answers()
        qualifier.check(candidate.folder, candidate.sample, expected, tmp_path)


def test_weights_of_another_model_do_not_qualify(copied, candidate, tmp_path, tmp_path_factory):
    other, _, _ = make(tmp_path_factory.mktemp("other"), seed=8)
    shutil.rmtree(copied / "variables")
    shutil.copytree(other.folder / "variables", copied / "variables")
    with pytest.raises(QualificationError, match=r"the candidate does not work in a fresh process: "):
        check(copied, candidate, tmp_path)


def compare(folder, candidate, tmp_path, expected=None):
    """What the fresh process does, without the process."""
    rows = len(candidate.sample["features"])
    sample = tmp_path / "sample.npz"
    arrays = {f"input:{name}": values for name, values in candidate.sample.items()}
    np.savez(sample, expected=candidate.predictions[:rows] if expected is None else expected, **arrays)
    request = {"what": "candidate", "model": folder, "sample": sample, "signature": "serving_default"}
    with ExitStack() as loaded:
        return Trial(loaded).answer({**request, "output": "predictions"})["wrong"]


def test_same_predictions_are_no_complaint(candidate, tmp_path):
    assert compare(candidate.folder, candidate, tmp_path) == ""


def test_other_predictions_are_a_complaint(candidate, tmp_path):
    expected = candidate.predictions[: len(candidate.sample["features"])] + np.float32(0.001)
    assert compare(candidate.folder, candidate, tmp_path, expected) == (
        "its predictions differ from the trainer's by up to 0.001"
    )


def test_other_shape_is_a_complaint(candidate, tmp_path):
    found = compare(candidate.folder, candidate, tmp_path, np.zeros((3, 2), np.float32))
    assert found == f"it answers shape ({len(candidate.sample['features'])}, 1) where the trainer had (3, 2)"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: _truncate(folder / "variables" / "variables.data-00000-of-00001"),
        lambda folder: (folder / "variables" / "variables.index").unlink(),
        lambda folder: shutil.rmtree(folder / "variables"),
        lambda folder: _truncate(folder / "saved_model.pb"),
        lambda folder: (folder / "saved_model.pb").unlink(),
        lambda folder: (folder / "saved_model.pb").write_bytes(b""),
    ],
    ids=["truncated weights", "no index", "no weights", "truncated graph", "no graph", "empty graph"],
)
def test_damaged_candidate_is_a_complaint(copied, candidate, tmp_path, damage):
    damage(copied)
    with pytest.raises(Exception, match=BROKEN):
        compare(copied, candidate, tmp_path)


def test_damaged_candidate_does_not_qualify(copied, candidate, tmp_path):
    _truncate(copied / "variables" / "variables.data-00000-of-00001")
    with pytest.raises(QualificationError, match=f"does not work in a fresh process: .*({BROKEN})"):
        check(copied, candidate, tmp_path)


def _truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_loss_that_is_no_number_is_told_with_what_to_do(tmp_path):
    (tmp_path / "explosive.py").write_text(
        "import keras\n"
        "def build(inputs, outputs, task):\n"
        "    model = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])\n"
        "    model.compile(optimizer='sgd', loss=lambda truth, found: keras.ops.log(-keras.ops.square(found) - 1))\n"
        "    return model\n"
    )
    with pytest.raises(
        TrainingError, match=r"the training loss is no longer a number: try a lower train.learning_rate"
    ):
        make(tmp_path, model="explosive:build")


@pytest.mark.parametrize("kind", ["RuntimeError", "ValueError", "KeyError"])
def test_own_loss_that_fails_is_told(tmp_path, kind):
    (tmp_path / f"failing_{kind}.py").write_text(
        "import keras\n"
        f"def loss(truth, found): raise {kind}\n"
        "def build(inputs, outputs, task):\n"
        "    model = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])\n"
        "    model.compile(optimizer='sgd', loss=loss)\n"
        "    return model\n"
    )
    with pytest.raises(TrainingError, match=r"training failed: "):
        make(tmp_path, model=f"failing_{kind}:build")


def test_model_without_accuracy_reports_none(tmp_path):
    (tmp_path / "plain.py").write_text(
        "import keras\n"
        "def build(inputs, outputs, task):\n"
        "    model = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs, 'sigmoid')])\n"
        "    model.compile(optimizer='adam', loss='binary_crossentropy')\n"
        "    return model\n"
    )
    _, _, reports = make(tmp_path, model="plain:build")
    assert [report.accuracy for report in reports] == [None, None]
