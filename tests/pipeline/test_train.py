"""What the training leaves for those who want to look into it."""

import json

import pytest
import tensorflow as tf

from keepfit import exits


def test_tensorboard_reads_the_curves_of_the_run(user_project):
    user_project.configure(train={"epochs": 3, "batch_size": 32, "tensorboard_dir": "boards"})
    done = user_project.run("train")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    (candidate,) = (user_project.models / ".candidates").iterdir()
    (file,) = (user_project.folder / "boards" / candidate.name / "train").glob("events.out.tfevents.*")
    curves = {}
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        event = tf.compat.v1.Event.FromString(record)
        for value in event.summary.value:
            curves.setdefault(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
    recorded = json.loads((candidate / "metrics.json").read_text(encoding="utf-8"))["curves"]
    assert curves["epoch_loss"] == pytest.approx(recorded["loss"])
    assert curves["epoch_accuracy"] == pytest.approx(recorded["accuracy"])


def test_folder_that_cannot_be_written_ends_the_run_with_its_reason(user_project):
    (user_project.folder / "boards").write_text("")
    user_project.configure(train={"epochs": 1, "batch_size": 32, "tensorboard_dir": "boards"})
    done = user_project.run("train")
    assert done.returncode == exits.STORAGE
    assert "boards" in done.stderr
    assert "a file stands where a folder is expected" in done.stderr
