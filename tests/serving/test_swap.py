"""What happens to a running server when versions come, go, are broken, or die."""

import os
import shutil
import signal
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
import tensorflow as tf

from keepfit import protos
from keepfit.tensor_proto import from_array


class Client:
    """Predicts all the time, and keeps every answer that was not a prediction."""

    def __init__(self, server, threads=2):
        self._server = server
        self._stop = threading.Event()
        self.failures = []
        self.values = set()
        self.count = 0
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        with httpx.Client(timeout=30) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(f"{self._server.url}/v1/models/m:predict", json={"instances": [[1, 0]]})
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    continue
                self.count += 1
                if answer.status_code == 200:
                    self.values.add(answer.json()["predictions"][0][0])
                else:
                    self.failures.append(answer.text)


@pytest.fixture(scope="module")
def lasting(serve, tmp_path_factory):
    """A server that goes through many tests."""
    models = tmp_path_factory.mktemp("swaps") / "models"
    models.mkdir()
    server = serve(models, wait=False)
    server.wait_for(lambda: httpx.get(f"{server.url}/healthz").status_code == 200)
    return server


@pytest.fixture
def server(lasting, prepared):
    """The same server, now with one version only, whose factor is 1. `version` tells its number."""
    known = [int(path.name) for path in lasting.models.iterdir() if path.name.isdecimal()]
    lasting.version = max([*known, *lasting.states(), 0]) + 1
    lasting.publish(prepared / "1", lasting.version)
    lasting.wait_for_version(lasting.version)
    for path in lasting.models.iterdir():
        if path.name != str(lasting.version):
            shutil.rmtree(path)
    lasting.wait_for(lambda: available(lasting) == [lasting.version])
    return lasting


def available(server):
    return [version for version, state in server.states().items() if state == "AVAILABLE"]


def value(server):
    return server.predict([[1, 0]]).json()["predictions"][0][0]


def error_of(server, version):
    (entry,) = httpx.get(f"{server.url}/v1/models/m/versions/{version}").json()["model_version_status"]
    return entry["status"]


def test_new_versions_take_over_and_no_request_fails(server, prepared):
    with Client(server) as client:
        for factor in (2, 3):
            version = server.version + factor
            server.publish(prepared / str(factor), version)
            server.wait_for(lambda version=version: available(server) == [version])
            server.wait_for(lambda factor=factor: float(factor) in client.values)
    assert client.failures == []
    assert client.values == {1.0, 2.0, 3.0}
    server.wait_for(lambda: len(server.worker_pids()) == 1)


def test_lower_version_is_back_before_the_vanished_one_goes(server, prepared):
    newer = server.version + 1
    server.publish(prepared / "2", newer)
    server.wait_for(lambda: available(server) == [newer])
    with Client(server) as client:
        (server.models / str(newer)).rename(server.models / f".retired-{newer}")
        server.wait_for(lambda: server.states().get(newer) == "END")
    assert client.failures == []
    assert value(server) == 1.0


def test_broken_version_is_reported_and_the_old_one_serves(server):
    version = server.version + 1
    broken = server.models / ".new"
    (broken / "variables").mkdir(parents=True)
    (broken / "saved_model.pb").write_bytes(b"\xff\xff\xff not a model")
    with Client(server, threads=1) as client:
        broken.rename(server.models / str(version))
        server.wait_for(lambda: server.states().get(version) == "END")
    assert error_of(server, version)["error_code"] == "DATA_LOSS"
    assert str(server.models / str(version)) in error_of(server, version)["error_message"]
    assert client.failures == []
    assert available(server) == [server.version]


def test_half_copied_version_is_loaded_once_it_is_whole(server, prepared):
    version = server.version + 1
    target = server.models / str(version)
    target.mkdir()
    shutil.copy(prepared / "2" / "saved_model.pb", target)
    server.wait_for(lambda: server.states().get(version) == "END")
    shutil.copytree(prepared / "2" / "variables", target / "variables")
    server.wait_for_version(version)
    assert value(server) == 2.0


def test_failed_version_that_is_replaced_is_loaded(server, prepared):
    version = server.version + 1
    (server.models / str(version)).mkdir()
    server.wait_for(lambda: server.states().get(version) == "END")
    (server.models / str(version)).rmdir()
    server.publish(prepared / "3", version)
    server.wait_for_version(version)
    assert value(server) == 3.0


def test_failing_warmup_is_a_failing_version(server, prepared):
    version = server.version + 1
    staged = server.models / ".new"
    shutil.copytree(prepared / "2", staged)
    (staged / "assets.extra").mkdir()
    (staged / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"not records")
    staged.rename(server.models / str(version))
    server.wait_for(lambda: server.states().get(version) == "END")
    assert "TFRecord" in error_of(server, version)["error_message"]
    assert value(server) == 1.0


def test_warmup_requests_are_replayed_before_the_version_is_available(server, prepared):
    request = protos.PredictRequest(model_spec=protos.ModelSpec(name="m"))
    request.inputs["x"].CopyFrom(from_array(np.ones((1, 2), np.float32)))
    log = protos.PredictionLog()
    log.predict_log.request.CopyFrom(request)
    wrong = protos.PredictionLog()
    wrong.CopyFrom(log)
    wrong.predict_log.request.model_spec.signature_name = "absent"
    for version, record in ((server.version + 1, log), (server.version + 2, wrong)):
        staged = server.models / ".new"
        shutil.copytree(prepared / "2", staged)
        (staged / "assets.extra").mkdir()
        with tf.io.TFRecordWriter(str(staged / "assets.extra" / "tf_serving_warmup_requests")) as writer:
            writer.write(record.SerializeToString())
        staged.rename(server.models / str(version))
        server.wait_for(lambda version=version: server.states().get(version) in ("AVAILABLE", "END"))
    assert available(server) == [server.version + 1]
    assert "Warmup request 0" in error_of(server, server.version + 2)["error_message"]
    metrics = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
    path = server.models / str(server.version + 1)
    assert f':tensorflow:serving:model_warmup_latency_count{{model_path="{path}",status="OK"}} 1\n' in metrics


def test_newest_good_version_is_served_when_the_newest_is_bad_from_the_start(serve, prepared, models):
    shutil.copytree(prepared / "1", models / "1")
    (models / "2").mkdir()
    server = serve(models)
    assert value(server) == 1.0
    assert server.states() == {2: "END", 1: "AVAILABLE"}
    server.stop()


def test_while_the_first_version_is_loaded_clients_are_told_to_come_again(serve, prepared, models):
    shutil.copytree(prepared / "2", models / "2")
    server = serve(models, wait=False)
    refused = []

    def is_answered():
        answer = server.predict()
        if answer.status_code != 200:
            refused.append((answer.status_code, answer.headers.get("retry-after"), answer.json()["error"]))
        return answer.status_code == 200

    server.wait_for(is_answered)
    message = "Model m is still being loaded after the server's start; try again later"
    assert set(refused) == {(503, "1", message)}
    other = httpx.post(f"{server.url}/v1/models/other:predict", json={"instances": [[1.0, 2.0]]})
    assert other.status_code == 404


def test_missing_base_path_is_waited_for(serve, prepared, tmp_path):
    models = tmp_path / "later" / "models"
    models.parent.mkdir()
    server = serve(models, wait=False)
    server.wait_for(lambda: httpx.get(f"{server.url}/healthz").status_code == 200)
    assert httpx.get(f"{server.url}/readyz").status_code == 503
    assert httpx.get(f"{server.url}/v1/models/m").status_code == 404
    assert server.predict().json() == {"error": "Servable not found for request: Latest(m)"}
    models.mkdir()
    for other in ("README", ".staging", "x1", "-3"):
        (models / other).mkdir()
    (models / "9").write_text("a file")
    server.publish(prepared / "3", 4)
    server.wait_for_version(4)
    assert value(server) == 3.0
    server.stop()


def test_base_path_that_vanishes_for_a_while_changes_nothing(server):
    aside = server.models.with_name("aside")
    with Client(server, threads=1) as client:
        server.models.rename(aside)
        server.wait_for(lambda: "Could not find base path" in server.log.read_text())
        aside.rename(server.models)
    assert client.failures == []


def test_killed_worker_is_replaced_and_no_request_fails(server):
    with Client(server) as client:
        for _ in range(3):
            (pid,) = server.worker_pids()
            os.kill(pid, signal.SIGKILL)
            server.wait_for(lambda pid=pid: server.worker_pids() not in ([], [pid]))
            before = client.count
            server.wait_for(lambda before=before: client.count > before + 10)
    assert client.failures == []


def test_version_whose_process_dies_again_and_again_gives_way_to_the_one_before(server, prepared):
    newer = server.version + 1
    server.publish(prepared / "2", newer)
    server.wait_for(lambda: available(server) == [newer])
    server.wait_for(lambda: len(server.worker_pids()) == 1)

    def given_up():
        if server.states()[newer] == "END":
            return True
        for pid in server.worker_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return False

    server.wait_for(given_up)
    assert "times in a row" in error_of(server, newer)["error_message"]
    server.wait_for(lambda: available(server) == [server.version])
    assert value(server) == 1.0


def test_killed_zygote_is_replaced(server, prepared):
    (zygote,) = (pid for pid in children_of(server) if "zygote" in command_line(pid))
    os.kill(zygote, signal.SIGKILL)
    assert value(server) == 1.0
    server.publish(prepared / "2", server.version + 1)
    server.wait_for_version(server.version + 1)
    assert value(server) == 2.0


def children_of(server):
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def command_line(pid):
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_stop_finishes_requests_in_flight_and_leaves_no_process(serve, prepared, models):
    shutil.copytree(prepared / "1", models / "1")
    server = serve(models)
    pids = [server.process.pid, *children_of(server), *server.worker_pids()]
    answers = []
    body = {"signature_name": "slow", "instances": [1.0]}
    asking = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{server.url}/v1/models/m:predict", json=body, timeout=30))
    )
    asking.start()
    server.wait_for(lambda: "keepfit_batch_rows_count" in metrics(server))
    assert server.stop() == 0
    asking.join()
    assert [answer.status_code for answer in answers] == [200]
    server.wait_for(lambda: not any(alive(pid) for pid in pids))


def metrics(server):
    return httpx.get(f"{server.url}/monitoring/prometheus/metrics").text


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_killed_server_leaves_no_process(serve, prepared, models):
    shutil.copytree(prepared / "1", models / "1")
    server = serve(models)
    pids = [*children_of(server), *server.worker_pids()]
    assert len(pids) == 2
    server.process.kill()
    server.process.wait()
    server.wait_for(lambda: not any(alive(pid) for pid in pids))


def test_without_a_spare_worker_each_version_starts_its_own_process(serve, prepared, models):
    shutil.copytree(prepared / "1", models / "1")
    server = serve(models, "--spare_worker=false")
    server.publish(prepared / "2", 2)
    server.wait_for_version(2)
    assert value(server) == 2.0
    assert server.stop() == 0
