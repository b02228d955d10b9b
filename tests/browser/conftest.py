"""Chromium, the real model server with real SavedModels, and the frontend under gunicorn before it."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
FRONTEND = """
import sys
from keepfit.frontend.command import run
from keepfit.frontend.settings import FrontendSettings
run(FrontendSettings("keepfit", sys.argv[1], reconnect_s=0.2), "127.0.0.1", int(sys.argv[2]))
"""
EXPORT = """
import sys
import tensorflow as tf

kind, path = sys.argv[1:]
module = tf.Module()
if kind == "two":
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="features")])
    def serve(features):
        return {"predictions": tf.sigmoid(tf.reduce_sum(features, axis=1, keepdims=True))}
elif kind == "digits":
    @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, name="features")])
    def serve(features):
        return {"predictions": tf.nn.softmax(features[:, :10])}
else:
    @tf.function(input_signature=[
        tf.TensorSpec([None], tf.float32, name="age"),
        tf.TensorSpec([None], tf.bool, name="member"),
        tf.TensorSpec([None], tf.string, name="city"),
    ])
    def serve(age, member, city):
        age = tf.where(tf.math.is_nan(age), 40.0, age)
        fee = age * 10.0 - 5.0 * tf.cast(member, tf.float32) + tf.where(city == "", 1000.0, 0.0)
        return {"predictions": tf.expand_dims(fee, 1)}
module.serve = serve
tf.saved_model.save(module, path, signatures={"serving_default": serve})
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], accept: Callable[[httpx.Response], bool]) -> None:
    deadline = time.monotonic() + 90
    while True:
        assert process.poll() is None, f"the process behind {url} ended with {process.returncode}"
        try:
            if accept(httpx.get(url, trust_env=False)):
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"{url} does not answer as hoped"
        threading.Event().wait(0.05)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Not for the whole session: Playwright leaves an event loop running, which other modules would meet."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        if os.environ.get("KEEPFIT_REQUIRE_BROWSER") == "1":
            pytest.fail("Chromium is required by KEEPFIT_REQUIRE_BROWSER=1, but not installed")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


class Stack:
    """A model server with one model, and the frontend before it."""

    def __init__(self, kind: str, folder: Path) -> None:
        version = folder / "keepfit" / "1"
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        subprocess.run([sys.executable, "-c", EXPORT, kind, str(version)], check=True, env=environment)
        rest, page = free_port(), free_port()
        self.log = (folder / "log").open("wb")
        self.server = self._start(
            "-m", "keepfit.serving.command", "--model_name=keepfit", f"--model_base_path={version.parent}",
            f"--rest_api_port={rest}", f"--port={free_port()}",
        )  # fmt: skip
        self.frontend = self._start("-c", FRONTEND, f"http://127.0.0.1:{rest}", str(page))
        self.url = f"http://127.0.0.1:{page}"
        wait_for(
            f"{self.url}/healthz",
            self.frontend,
            lambda answer: answer.json()["model_server"]["state"] == "AVAILABLE",
        )

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, *arguments], stdout=self.log, stderr=self.log)

    def stop(self) -> None:
        stop(self.frontend)
        stop(self.server)
        self.log.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Callable[[str], Stack]]:
    """Start the stack of a kind of model once; needs the browser, so that nothing starts where there is none."""
    stacks: dict[str, Stack] = {}

    def get(kind: str) -> Stack:
        if kind not in stacks:
            stacks[kind] = Stack(kind, tmp_path_factory.mktemp(kind))
        return stacks[kind]

    yield get
    for one in stacks.values():
        one.stop()
