"""What containers cost: latency beside the same code without containers, the images' size, and a rebuild."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from statistics import median

import httpx
import pytest
from tests.compose.stack import ROOT, wait_until

ROUNDS = 400

pytestmark = pytest.mark.timeout(600)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def without_containers(whole_stack, tmp_path):
    """The address of a frontend and a model server of the same version, started here."""
    whole_stack.compose("up", "-d", "--no-build")
    whole_stack.wait_for_health("trainer", "tfserving", "frontend")
    packed = subprocess.run(
        ["docker", "exec", whole_stack.container("trainer")["Id"], "tar", "-C", "/keepfit", "-c", "models"],
        check=True,
        capture_output=True,
    ).stdout
    subprocess.run(["tar", "-C", tmp_path, "-x", "--no-same-owner"], input=packed, check=True)
    rest, grpc, page = free_port(), free_port(), free_port()
    environ = {**os.environ, "TF_HOST": f"127.0.0.1:{rest}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    keepfit = [sys.executable, "-m", "keepfit"]
    serve = ["serve", "--model_name=keepfit", f"--model_base_path={tmp_path / 'models'}", "--enable_batching=true"]
    serve += [f"--batching_parameters_file={whole_stack.folder / 'docker' / 'tfserving' / 'batching.config'}"]
    serve += [f"--rest_api_port={rest}", f"--port={grpc}"]
    with (tmp_path / "log").open("ab") as log:
        started = [
            subprocess.Popen([*keepfit, *arguments], cwd=tmp_path, env=environ, stdout=log, stderr=log)
            for arguments in (serve, ["frontend", "--port", str(page)])
        ]
    url = f"http://127.0.0.1:{page}/predict"
    wait_until(lambda: predicts(url), 120, (tmp_path / "log").read_text)
    yield url
    for process in started:
        process.terminate()
    for process in started:
        process.wait(30)


def predicts(url):
    try:
        return httpx.post(url, json={"instances": [[1.5, 2.3]]}, timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_prediction_through_containers_takes_hardly_longer(whole_stack, without_containers, report):
    urls = {"containers": whole_stack.url("FRONTEND_PORT", "/predict"), "none": without_containers}
    seconds = {name: [] for name in urls}
    with httpx.Client() as client:
        for number in range(ROUNDS + 50):
            for name, url in urls.items():
                started = time.perf_counter()
                assert client.post(url, json={"instances": [[1.5, 2.3]]}).status_code == 200
                if number >= 50:
                    seconds[name].append(time.perf_counter() - started)
    medians = {name: median(found) * 1000 for name, found in seconds.items()}
    ratio = medians["containers"] / medians["none"]
    report("prediction by /predict, in containers and without", f"{medians} ms, ratio {ratio:.2f}")
    # 1.15 is what is promised for a machine with nothing else to do
    assert ratio < 1.4


def size_mb(image):
    done = subprocess.run(["docker", "image", "inspect", image], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)[0]["Size"] / 1e6


def test_the_frontends_image_is_small_for_it_has_no_tensorflow(report):
    [base] = re.findall(r"^ARG PYTHON_IMAGE=(.*)$", (ROOT / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    above = size_mb("keepfit/frontend") - size_mb(base)
    report("the frontend's image above its base", f"{above:.0f} MB")
    assert above <= 120


def test_a_rebuild_after_a_change_of_one_line_takes_seconds(new_stack, report):
    names = {f"{name}_IMAGE": f"keepfit-test/{name.lower()}" for name in ("TRAINER", "FRONTEND", "EMBEDDED")}
    stack = new_stack("rebuilt", **names)
    for file in ("pyproject.toml", "README.md", "LICENSE", "requirements.lock", ".dockerignore"):
        shutil.copy2(ROOT / file, stack.folder / file)
    shutil.copytree(ROOT / "src", stack.folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    with (stack.folder / "src" / "keepfit" / "errors.py").open("a") as file:
        file.write(f"# changed at {time.time()}\n")
    started = time.monotonic()
    try:
        stack.compose("build", "trainer", "frontend")
        took = time.monotonic() - started
    finally:
        subprocess.run(["docker", "image", "rm", *names.values()], capture_output=True, check=False)
    report("rebuild of trainer and frontend after a change of one line", took)
    # 15 are promised; what is not found in the cache takes minutes
    assert took < 60
