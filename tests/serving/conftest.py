"""Models made once for all serving tests, and servers that run as users start them."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from keepfit.serving.requests import keys

MODELS_PROGRAM = '''
import sys
from pathlib import Path
import tensorflow as tf

root = Path(sys.argv[1])


class Scaler(tf.Module):
    """y = factor × the sum of x; raises on negative sums; can kill its process."""

    def __init__(self, factor):
        super().__init__()
        self.factor = tf.Variable(float(factor))

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def scale(self, x):
        return {"y": tf.reduce_sum(x, axis=1, keepdims=True) * self.factor}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def checked(self, x):
        with tf.control_dependencies([tf.debugging.assert_non_negative(tf.reduce_sum(x, axis=1))]):
            return {"y": tf.reduce_sum(x, axis=1) * self.factor, "twice": tf.reduce_sum(x, axis=1) * 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="word"),
                                  tf.TensorSpec([None], tf.int32, name="n")])
    def words(self, word, n):
        return {"upper": tf.strings.upper(word), "raw_bytes": word, "n": n}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def mean(self, x):
        return {"mean": tf.reduce_mean(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.bool, name="flag"),
                                  tf.TensorSpec([None], tf.uint8, name="small"),
                                  tf.TensorSpec([None], tf.int64, name="large"),
                                  tf.TensorSpec([None], tf.float64, name="real"),
                                  tf.TensorSpec([None], tf.float16, name="half"),
                                  tf.TensorSpec([None], tf.bfloat16, name="brain")])
    def types(self, flag, small, large, real, half, brain):
        return dict(flag=flag, small=small, large=large, real=real, half=half, brain=brain)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="seconds")])
    def slow(self, seconds):
        started = tf.timestamp()
        limit = tf.cast(tf.reduce_max(seconds), tf.float64)
        steps = tf.while_loop(lambda i: tf.timestamp() - started < limit, lambda i: (i + 1,), (tf.constant(0),))
        with tf.control_dependencies(steps):
            return {"seconds": tf.identity(seconds)}


for factor in (1, 2, 3):
    module = Scaler(factor)
    signatures = {"serving_default": module.scale, "checked": module.checked, "words": module.words,
                  "mean": module.mean, "types": module.types, "slow": module.slow}
    tf.saved_model.save(module, str(root / str(factor)), signatures=signatures)
'''


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """Folders 1, 2 and 3 with models whose answer is that many times the sum of a row."""
    root = tmp_path_factory.mktemp("prepared")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", MODELS_PROGRAM, str(root)], check=True, env=environment, capture_output=True)
    return root


@dataclass
class Server:
    """A model server in a process of its own."""

    process: subprocess.Popen
    rest_port: int
    grpc_port: int
    models: Path
    log: Path

    @property
    def url(self):
        return f"http://127.0.0.1:{self.rest_port}"

    def predict(self, instances=((1.0, 2.0),), version=None, **more):
        where = "" if version is None else f"/versions/{version}"
        body = {"instances": [list(row) for row in instances], **more}
        return httpx.post(f"{self.url}/v1/models/m{where}:predict", json=body, timeout=10)

    def states(self):
        """Return the state of each version, or nothing if there is none."""
        answer = httpx.get(f"{self.url}/v1/models/m")
        if answer.status_code == 404:
            return {}
        return {int(entry["version"]): entry["state"] for entry in answer.json()["model_version_status"]}

    def wait_for(self, condition, timeout_s=90.0):
        """Wait until the condition holds; fail with the server's log if it never does."""
        wait_for(condition, timeout_s, self.log.read_text)

    def wait_for_version(self, version, timeout_s=90.0):
        self.wait_for(lambda: self.states().get(version) == "AVAILABLE", timeout_s)

    def publish(self, source, version):
        """Put a version into place by rename, as the pipeline does."""
        staged = self.models / f".staging-{version}"
        shutil.copytree(source, staged)
        staged.rename(self.models / str(version))

    def worker_pids(self):
        """Return the processes that serve versions: those forked by the zygote."""
        return [pid for child in children(self.process.pid) for pid in children(child)]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


def children(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in task.read_text().split()]
    return found


def wait_for(condition, timeout_s, explain=lambda: ""):
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(httpx.TransportError):
            if condition():
                return
        assert time.monotonic() < deadline, f"{condition} did not come true within {timeout_s} s\n{explain()}"
        time.sleep(0.02)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextlib.contextmanager
def server_starter():
    """Give a function that starts a server on an existing folder, and stop them all at the end."""
    servers = []

    def start(models, *flags, wait=True):
        grpc_port, rest_port = free_ports(2)
        log = models.parent / f"server-{rest_port}.log"
        arguments = [
            f"--port={grpc_port}",
            f"--rest_api_port={rest_port}",
            "--model_name=m",
            f"--model_base_path={models}",
            "--file_system_poll_wait_seconds=0.1",
            *flags,
        ]
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "keepfit.serving.command", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        server = Server(process, rest_port, grpc_port, models, log)
        servers.append(server)
        if wait:
            server.wait_for(lambda: httpx.get(f"{server.url}/readyz").status_code == 200, 60)
        return server

    try:
        yield start
    finally:
        for server in servers:
            server.process.terminate()
        for server in servers:
            server.stop()


@pytest.fixture(scope="module")
def serve():
    """Start servers that run until the module is through."""
    with server_starter() as start:
        yield start


@pytest.fixture(scope="session")
def serve_all():
    """Start servers that modules share."""
    with server_starter() as start:
        yield start


@pytest.fixture(scope="session")
def shared(serve_all, prepared, tmp_path_factory):
    """A server with version 2 that tests only ask, and never change."""
    models = tmp_path_factory.mktemp("shared") / "models"
    models.mkdir()
    shutil.copytree(prepared / "2", models / "2")
    return serve_all(models)


@pytest.fixture(scope="session")
def guarded(serve_all, prepared, tmp_path_factory):
    """A server that asks for keys, has small limits, logs every request and lets web pages call it."""
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copytree(prepared / "2", folder / "models" / "2")
    made = keys.new("tester")
    keys.append(folder / "keys", made.line)
    server = serve_all(
        folder / "models",
        f"--api_keys_file={folder / 'keys'}",
        "--access_log_sample_rate=1",
        f"--access_log_file={folder / 'access.log'}",
        "--rest_api_enable_cors_support",
        "--max_body_bytes=100000",
        "--max_held_bytes=150000",
        "--max_concurrent_requests=4",
    )
    return Guarded(server, made.key, folder)


@dataclass
class Guarded:
    """That server, a key for it, and the folder of its files."""

    server: Server
    key: str
    folder: Path

    @property
    def bearer(self):
        return {"authorization": f"Bearer {self.key}"}

    def post(self, body=None, headers=None, **more):
        content = {"instances": [[1.0, 2.0]]} if body is None else body
        url = f"{self.server.url}/v1/models/m:predict"
        return httpx.post(url, json=content, headers=self.bearer if headers is None else headers, timeout=30, **more)

    def log_entries(self):
        return [json.loads(line) for line in (self.folder / "access.log").read_text().splitlines()]


@pytest.fixture(scope="session")
def half_plus_two(serve_all, tmp_path_factory):
    """A server with version 123 of the model in half_plus_two.py, which tests only ask."""
    models = tmp_path_factory.mktemp("half_plus_two") / "models"
    program = Path(__file__).parent / "half_plus_two.py"
    subprocess.run([sys.executable, str(program), str(models / "123")], check=True, capture_output=True)
    return serve_all(models)


@pytest.fixture
def models(tmp_path):
    """An empty folder for versions."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder
