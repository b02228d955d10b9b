"""Projects as users have them: small, fast to train, and run through the command line in processes of their own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

SMALL = {
    "gate": {"min_accuracy_percent": 90},
    "train": {"epochs": 2, "batch_size": 32},
    "data": {"synthetic": {"rows": 400}},
}


class UserProject:
    """A folder with a config.json, and the commands that a user gives there."""

    def __init__(self, folder: Path, serving_port: int) -> None:
        self.folder = folder
        self.models = folder / "models"
        self.environ = {**os.environ, "TF_HOST": f"127.0.0.1:{serving_port}", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.serving_port = serving_port

    def configure(self, **sections):
        """Write config.json: the small one, with these sections in place of its own."""
        (self.folder / "config.json").write_text(json.dumps({**SMALL, **sections}), encoding="utf-8")
        return self

    def start(self, *arguments, **options):
        """Start `keepfit ARGUMENTS` in the folder."""
        command = [sys.executable, "-m", "keepfit", *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=self.environ, text=True, **options)

    def run(self, *arguments, **environ):
        """Run `keepfit ARGUMENTS` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "keepfit", *arguments],
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def visible(self):
        """The version numbers in the models folder."""
        return sorted(int(path.name) for path in self.models.glob("*") if path.name.isdecimal())

    def metrics(self, version):
        """The metrics.json of a visible version."""
        return json.loads((self.models / str(version) / "metrics.json").read_text(encoding="utf-8"))

    def decisions(self):
        """The lines of notifications.log as dictionaries."""
        lines = (self.folder / "notifications.log").read_text(encoding="utf-8").splitlines()
        return [_fields(line) for line in lines]


def _fields(line):
    when, *words = line.split(" ", 5)
    return {"time": when, **dict(word.split("=", 1) for word in words)}


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def free_port():
    """A port on which nobody listens."""
    return _free_port()


@pytest.fixture
def user_project(tmp_path):
    """A project that was never trained, with the small config."""
    folder = tmp_path / "project"
    folder.mkdir()
    return UserProject(folder, _free_port()).configure()


@pytest.fixture(scope="session")
def _promoted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promoted")
    project = UserProject(folder, _free_port()).configure()
    done = project.run("retrain")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done


@pytest.fixture
def promoted(_promoted, tmp_path):
    """A project with version 1, made once and copied."""
    shutil.copytree(_promoted[0], tmp_path / "promoted")
    return UserProject(tmp_path / "promoted", _free_port())


@pytest.fixture(scope="session")
def first_run(_promoted):
    """The finished process of the run that promoted version 1."""
    return _promoted[1]


@pytest.fixture
def serve(tmp_path):
    """Start the real model server for a project; it answers and serves a version when this returns."""
    servers = []

    def start(project):
        command = [sys.executable, "-m", "keepfit", "serve", "--model_name=keepfit"]
        command += [f"--model_base_path={project.models}", f"--rest_api_port={project.serving_port}"]
        command += [f"--port={_free_port()}", "--file_system_poll_wait_seconds=0.2"]
        log = (tmp_path / "server.log").open("ab")
        with log:
            servers.append(subprocess.Popen(command, stdout=log, stderr=log, env=project.environ))
        url = f"http://127.0.0.1:{project.serving_port}/v1/models/keepfit"
        deadline = time.monotonic() + 60
        while not _is_available(url):
            assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()
            assert servers[-1].poll() is None, (tmp_path / "server.log").read_text()
            time.sleep(0.05)
        return url

    yield start
    for server in servers:
        server.terminate()
    for server in servers:
        server.wait(30)


def _is_available(url):
    try:
        return '"AVAILABLE"' in httpx.get(url, timeout=5).text
    except httpx.HTTPError:
        return False
