"""How versions are looked for and loaded: how often, how many at a time, and what is no version at all."""

import shutil
import struct

import httpx
import numpy as np
import pytest

from keepfit import protos
from keepfit.serving.workers import warmup
from keepfit.tensor_proto import from_array


def error_of(server, version):
    (entry,) = httpx.get(f"{server.url}/v1/models/m/versions/{version}").json()["model_version_status"]
    return entry["status"]


def slow_to_load(source, target, seconds):
    """Copy a version and give it a warmup request that takes so long."""
    shutil.copytree(source, target)
    log = protos.PredictionLog()
    log.predict_log.request.model_spec.signature_name = "slow"
    log.predict_log.request.inputs["seconds"].CopyFrom(from_array(np.array([seconds], np.float32)))
    record = log.SerializeToString()
    file = target / warmup.FILE
    file.parent.mkdir()
    file.write_bytes(struct.pack("<QI", len(record), 0) + record + bytes(4))


ALL = """
model_config_list {{
  config {{ name: "m" base_path: "{models}" model_platform: "tensorflow" model_version_policy {{ all {{}} }} }}
}}
"""


BOTH_LOADING, ONE_WAITS = frozenset({"LOADING"}), frozenset({"LOADING", "START"})


@pytest.mark.parametrize(("threads", "expected", "never"), [(0, ONE_WAITS, BOTH_LOADING), (2, BOTH_LOADING, None)])
def test_as_many_versions_are_loaded_at_a_time_as_the_flag_says(serve, prepared, models, threads, expected, never):
    shutil.copytree(prepared / "1", models / "1")
    config = models.parent / "models.config"
    config.write_text(ALL.format(models=models))
    server = serve(models, f"--model_config_file={config}", f"--num_load_threads={threads}")
    staged = models.parent / "staged"
    for version in (2, 3):
        slow_to_load(prepared / str(version), staged / str(version), 1.5)
    for version in (2, 3):
        (staged / str(version)).rename(models / str(version))
    seen = set()

    def loaded():
        states = server.states()
        seen.add(frozenset((states.get(2), states.get(3))))
        return states == {1: "AVAILABLE", 2: "AVAILABLE", 3: "AVAILABLE"}

    server.wait_for(loaded)
    assert expected in seen
    assert never not in seen
    server.stop()


def test_failed_load_is_retried_as_often_and_as_soon_as_the_flags_say(serve, prepared, models):
    shutil.copytree(prepared / "1", models / "1")
    shutil.copytree(prepared / "2", models / "2", ignore=shutil.ignore_patterns("variables"))
    server = serve(models, "--max_num_load_retries=2", "--load_retry_interval_micros=200000")
    assert server.states()[1] == "AVAILABLE"

    def attempts():
        return server.log.read_text().count("Version 2 of m cannot be served")

    server.wait_for(lambda: attempts() == 3)
    assert error_of(server, 2)["error_code"] == "NOT_FOUND"
    shutil.copytree(prepared / "2" / "variables", models / "2" / "variables")
    server.wait_for_version(2)
    assert attempts() == 3
    server.stop()


def test_load_is_tried_once_without_retries(serve, prepared, models):
    shutil.copytree(prepared / "1", models / "1")
    (models / "2").mkdir()
    server = serve(models, "--max_num_load_retries=0", "--load_retry_interval_micros=-1")
    server.publish(prepared / "3", 3)  # it is found by a poll after any retry
    server.wait_for_version(3)
    assert server.log.read_text().count("Version 2 of m cannot be served") == 1
    server.stop()


def test_folder_is_looked_at_once_if_the_flag_says_0(serve, prepared, models):
    shutil.copytree(prepared / "1", models / "1")
    server = serve(models, "--file_system_poll_wait_seconds=0")
    assert server.predict([[1, 0]]).json() == {"predictions": [[1.0]]}
    server.publish(prepared / "2", 2)
    assert server.states() == {1: "AVAILABLE"}
    server.stop()


@pytest.fixture(scope="module")
def lasting(serve, prepared, tmp_path_factory):
    models = tmp_path_factory.mktemp("odd") / "models"
    models.mkdir()
    shutil.copytree(prepared / "1", models / "1")
    return serve(models)


def make_file(path):
    path.write_text("not a folder")


def make_dangling_link(path):
    path.symlink_to(path.parent / "nowhere")


def make_empty_folder(path):
    path.mkdir()


def make_loop(path):
    path.symlink_to(path)


@pytest.mark.parametrize("make", [make_file, make_dangling_link, make_empty_folder, make_loop])
def test_what_is_no_model_is_reported_in_the_status_and_the_rest_goes_on(lasting, make):
    path = lasting.models / "7"
    make(path)
    # the version 7 of the test before may still be told as ended
    lasting.wait_for(lambda: lasting.states().get(7) == "END" and error_of(lasting, 7)["error_code"] != "OK")
    assert error_of(lasting, 7) == {
        "error_code": "NOT_FOUND",
        "error_message": f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}. Check "
        "that the directory exists and that you have the right permissions for accessing it.",
    }
    assert lasting.predict([[1, 0]]).json() == {"predictions": [[1.0]]}
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


def test_link_to_a_version_is_a_version(lasting, prepared):
    link = lasting.models / "8"
    link.symlink_to(prepared / "3")
    lasting.wait_for_version(8)
    assert lasting.predict([[1, 0]]).json() == {"predictions": [[3.0]]}
    link.unlink()
    lasting.wait_for(lambda: lasting.states()[8] == "END")
    assert lasting.predict([[1, 0]]).json() == {"predictions": [[1.0]]}


def test_base_path_that_becomes_a_file_is_told_and_what_is_served_stays(lasting):
    aside = lasting.models.with_name("aside")
    lasting.models.rename(aside)
    lasting.models.write_text("a file")
    lasting.wait_for(lambda: "cannot be listed: Not a directory" in lasting.log.read_text())
    assert lasting.predict([[1, 0]]).json() == {"predictions": [[1.0]]}
    lasting.models.unlink()
    aside.rename(lasting.models)
