"""A server under load: its processes, its queue, and many swaps."""

import os
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import numpy as np
import psutil
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from keepfit.tensor_proto import from_array


class Load:
    """Threads that predict until they are stopped; keeps what was not answered with 200."""

    def __init__(self, server, threads=4):
        self.count = 0
        self.failures = []
        self._server = server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        with httpx.Client(timeout=60) as client:
            while not self._stop.is_set():
                answer = client.post(f"{self._server.url}/v1/models/m:predict", json={"instances": [[1.0, 2.0]]})
                self.count += 1
                if answer.status_code != 200:
                    self.failures.append(answer.text)


def start(serve, prepared, models, parameters, *flags):
    shutil.copytree(prepared / "1", models / "1")
    file = models.parent / "batching.txt"
    file.write_text(parameters)
    return serve(models, "--enable_batching", f"--batching_parameters_file={file}", *flags)


def test_each_process_of_a_version_is_replaced_when_it_dies_while_the_other_answers(serve, prepared, models):
    server = start(serve, prepared, models, "max_batch_size { value: 4 }", "--workers_per_model=2")
    first = server.worker_pids()
    assert len(first) == 2
    with Load(server) as load:
        os.kill(first[0], signal.SIGKILL)
        server.wait_for(lambda: len(server.worker_pids()) == 2 and first[0] not in server.worker_pids())
        before = load.count
        server.wait_for(lambda: load.count > before + 20)
    assert load.failures == []
    answer = server.predict([[1.0, 1.0]] * 5)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "Task size 5 is larger than maximum input batch size 4"},
    )
    server.publish(prepared / "2", 2)
    server.wait_for(lambda: server.states() == {1: "END", 2: "AVAILABLE"})
    server.wait_for(lambda: len(server.worker_pids()) == 2)
    assert server.predict([[1.0, 2.0]]).json() == {"predictions": [[6.0]]}
    assert server.stop() == 0


def test_full_queue_answers_at_once_over_both_apis(serve, prepared, models):
    parameters = """
        max_batch_size { value: 1 } max_enqueued_batches { value: 1 } num_batch_threads { value: 1 }
    """
    server = start(serve, prepared, models, parameters)
    body = {"signature_name": "slow", "instances": [3.0]}
    url = f"{server.url}/v1/models/m:predict"

    def metric(name):
        lines = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(httpx.post, url, json=body, timeout=60)
        server.wait_for(lambda: metric("keepfit_batch_rows_count") == 1)
        waiting = pool.submit(httpx.post, url, json=body, timeout=60)
        server.wait_for(lambda: metric("keepfit_queued_requests") == 1)
        refused = httpx.post(url, json=body, timeout=60)
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = "m", "slow"
            tensor = from_array(np.array([3.0], np.float32)).SerializeToString()
            request.inputs["seconds"].ParseFromString(tensor)
            with pytest.raises(grpc.RpcError) as refusal:
                prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
        assert not waiting.done()
        assert [running.result().status_code, waiting.result().status_code] == [200, 200]
    text = "The batch scheduling queue to which this task was submitted is full"
    assert (refused.status_code, refused.headers["retry-after"], refused.json()) == (503, "1", {"error": text})
    assert (refusal.value.code(), refusal.value.details()) == (grpc.StatusCode.UNAVAILABLE, text)
    server.stop()


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ("max_batch_size { value: 32 } allowed_batch_sizes: 8", "last entry was 8; expected 32"),
        ("max_batch_size { value: -1 }", "must be positive"),
        ("max_batch: 1", "Invalid protobuf file"),
    ],
)
def test_wrong_parameters_end_the_start(serve, models, parameters, text):
    file = models.parent / "batching.txt"
    file.write_text(parameters)
    server = serve(models, "--enable_batching", f"--batching_parameters_file={file}", wait=False)
    assert server.process.wait(60) == 2
    assert text in server.log.read_text()


def memory_bytes(server):
    """Return the proportional memory of all of the server's processes."""
    processes = [psutil.Process(server.process.pid)]
    processes += processes[0].children(recursive=True)
    return sum(process.memory_full_info().pss for process in processes)


def test_steady_load_and_many_swaps_fail_no_request_and_leave_memory_flat(serve, prepared, models):
    shutil.copytree(prepared / "1", models / "1")
    server = serve(models)
    measured = []
    deadline = time.monotonic() + 25
    version = 1
    with Load(server) as load:
        while time.monotonic() < deadline or version < 6:
            server.publish(prepared / str(version % 3 + 1), version + 1)
            states = {version: "END", version + 1: "AVAILABLE"}
            server.wait_for(lambda states=states: states.items() <= server.states().items())
            server.wait_for(lambda: len(server.worker_pids()) == 1)
            shutil.rmtree(models / str(version))
            version += 1
            measured.append(memory_bytes(server))
    assert load.failures == []
    # The first swaps still fill caches; after them nothing grows.
    assert measured[-1] < 1.1 * max(measured[1:3])
    server.stop()
