"""kill -9 of workers under load: whoever asks meanwhile is answered, or told clearly; the service is back at once.

KILLS=100 python -m pytest -s tests/serving/test_kills.py is the long form; it prints how long each outage took.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import grpc
import httpx
import pytest
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from keepfit.serving.models.replica import RESTART_DELAYS_S

from .kills import kill_at_random

ONE = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
FRAGILE_PROGRAM = '''
import sys
import tensorflow as tf

class Fragile(tf.Module):
    """y = 2 x; a negative x aborts the process, as a defect of native code does."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def double(self, x):
        def deadly():
            with tf.control_dependencies([tf.raw_ops.Abort(error_msg="a defect")]):
                return tf.constant(0.0)

        with tf.control_dependencies([tf.cond(tf.reduce_any(x < 0), deadly, lambda: tf.constant(0.0))]):
            return {"y": 2 * x}

module = Fragile()
tf.saved_model.save(module, sys.argv[1], signatures=module.double)
'''


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    """A server with a model that a request can kill."""
    models = tmp_path_factory.mktemp("fragile") / "models"
    subprocess.run([sys.executable, "-c", FRAGILE_PROGRAM, str(models / "1")], check=True, capture_output=True)
    return serve(models)


def ask(server, x):
    return httpx.post(f"{server.url}/v1/models/m:predict", json={"instances": [x]}, timeout=60)


def test_deadly_requests_are_told_not_to_come_again_and_never_end_a_version(server):
    assert ask(server, 1.0).json() == {"predictions": [2.0]}
    for _ in range(4):
        answer = ask(server, -1.0)
        assert answer.status_code == 503
        assert "process died each time" in answer.json()["error"]
        assert "retry-after" not in answer.headers
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].CopyFrom(tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[-1.0], tensor_shape=ONE))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel, pytest.raises(grpc.RpcError) as raised:
        prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert ("grpc-retry-pushback-ms", "-1") in raised.value.trailing_metadata()
    assert server.states() == {1: "AVAILABLE"}
    assert ask(server, 3.0).json() == {"predictions": [6.0]}


def test_request_that_killed_is_refused_for_a_while_and_costs_nobody_a_restart(server):
    assert ask(server, 1.0).status_code == 200
    assert ask(server, -2.0).status_code == 503
    server.wait_for(lambda: ask(server, 1.0).status_code == 200)
    pids = server.worker_pids()
    for _ in range(20):
        answer = ask(server, -2.0)
        assert answer.status_code == 503
        assert "process died each time that it ran an equal request" in answer.json()["error"]
        assert "retry-after" not in answer.headers
    assert server.worker_pids() == pids


def test_requests_beside_deadly_ones_are_answered(server):
    assert ask(server, 1.0).status_code == 200
    deadly = [threading.Thread(target=ask, args=(server, -3.0 - number)) for number in range(4)]
    for thread in deadly:
        thread.start()
    answers = []
    while any(thread.is_alive() for thread in deadly):
        answers.append(ask(server, 1.0))
    assert {answer.status_code for answer in answers} == {200}
    assert server.states() == {1: "AVAILABLE"}


def test_process_that_a_request_killed_is_replaced_without_back_off(server):
    def seconds_of_a_death(x):
        assert ask(server, 1.0).status_code == 200
        started = time.monotonic()
        assert ask(server, x).status_code == 503
        return time.monotonic() - started

    assert min(seconds_of_a_death(-10.0 - number) for number in range(5)) < RESTART_DELAYS_S[1]


def test_version_killed_again_and_again_while_nobody_asks_comes_back(server):
    assert ask(server, 1.0).status_code == 200
    for _ in range(6):
        server.wait_for(lambda: len(server.worker_pids()) == 1)
        os.kill(server.worker_pids()[0], signal.SIGKILL)
    assert ask(server, 1.0).status_code == 200
    assert server.states() == {1: "AVAILABLE"}


def test_killed_workers_fail_at_most_what_they_were_running(serve, prepared, models):
    shutil.copytree(prepared / "2", models / "2")
    server = serve(models)
    clients, kills = 4, int(os.environ.get("KILLS", "8"))
    seen = kill_at_random(
        f"{server.url}/v1/models/m:predict",
        server.worker_pids,
        kills=kills,
        clients=clients,
        pause_s=0.4,
        limit_s=30,
        expected={"predictions": [[6.0]]},
    )
    assert seen.wrong == []
    assert len(seen.refused) <= clients * kills
    assert all("process" in text for text in seen.refused)
    assert seen.answered > kills
    assert server.states() == {2: "AVAILABLE"}
    outages = sorted(seen.outages_s)
    print(
        f"{kills} kills, {seen.answered} answered, {len(seen.refused)} refused; outages: median "
        f"{outages[len(outages) // 2]:.2f} s, longest {outages[-1]:.2f} s"
    )
