"""Projects as users have them: small, fast to train, and run through the command line in processes of their own.

And a real PostgreSQL for those who record there.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from keepfit import exits
from keepfit.tether import VARIABLE

TESTS = Path(__file__).parent
LONGEST = (
    *("e2e/test_crash.py", "e2e/test_readme.py", "e2e/test_examples.py", "e2e/test_storage_faults.py"),
    *("serving/test_kills.py", "serving/test_swap.py", "pipeline/test_run.py", "pipeline/test_tracking.py"),
)
"""The files that take a minute and more, by how long they take."""

SMALL = {
    # 80 holdout rows show little: enough that nothing shows a later version to be worse
    "gate": {"min_accuracy_percent": 90, "champion": {"test": "not_shown_worse"}},
    "train": {"epochs": 2, "batch_size": 32},
    "data": {"synthetic": {"rows": 400}},
}


def pytest_collection_modifyitems(config, items):
    """Let the workers of scripts/test.sh begin with the longest files, so that they end together."""
    if hasattr(config, "workerinput"):
        places = {TESTS / name: place for place, name in enumerate(LONGEST)}
        items.sort(key=lambda item: places.get(item.path, len(places)))


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


@pytest.fixture(scope="session")
def user_projects():
    """Make a project in an empty folder; for fixtures that several tests share."""
    return lambda folder: UserProject(folder, _free_port()).configure()


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
def _rejected(_promoted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rejected") / "project"
    shutil.copytree(_promoted[0], folder)
    project = UserProject(folder, _free_port())
    # classes that lie over one another: no model reaches what the gate asks
    project.configure(data={"synthetic": {"rows": 400, "class_separation": 1.0}})
    done = project.run("retrain")
    assert done.returncode == exits.REJECTED, done.stdout + done.stderr
    return folder


@pytest.fixture
def rejected(_rejected, tmp_path):
    """A project with version 1 and one rejected candidate, made once and copied."""
    shutil.copytree(_rejected, tmp_path / "rejected")
    return UserProject(tmp_path / "rejected", _free_port()).configure()


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


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory):
    """The URL of a real MLflow server on SQLite, from the environment that scripts/test.sh makes for it."""
    program = Path(__file__).parents[1] / ".venv-mlflow" / "bin" / "mlflow"
    if not program.is_file():
        if os.environ.get("KEEPFIT_REQUIRE_MLFLOW") == "1":
            pytest.fail(
                "MLflow is required by KEEPFIT_REQUIRE_MLFLOW=1, but .venv-mlflow is missing: ./scripts/test.sh"
            )
        pytest.skip("MLflow's server is not installed")
    folder, port = tmp_path_factory.mktemp("mlflow"), _free_port()
    command = [program, "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"]
    command.append(f"--backend-store-uri=sqlite:///{folder / 'mlflow.sqlite3'}")
    command.append(f"--artifacts-destination={folder / 'files'}")
    # it dies with this process, even if that is killed
    tied = "import os, sys; from keepfit.tether import *; die_with_parent(); os.execv(sys.argv[1], sys.argv[1:])"
    environ = {**os.environ, VARIABLE: str(os.getpid()), "MLFLOW_DISABLE_TELEMETRY": "true"}
    environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", tied, *map(str, command)], stdout=log, stderr=log, env=environ, cwd=folder
        )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    while not _answers(f"{url}/health"):
        assert time.monotonic() < deadline, (folder / "log").read_text()
        assert server.poll() is None, (folder / "log").read_text()
        time.sleep(0.1)
    yield url
    server.terminate()
    server.wait(60)


def _answers(url):
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


class Postgres:
    """A PostgreSQL server on a free port, run by a user without privileges, with a password."""

    def __init__(self, programs, folder):
        self._programs = programs
        self._folder = folder
        self._databases = 0
        self._as = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        if self._as:
            shutil.chown(folder, "postgres", "postgres")
        self.port = _free_port()
        password = folder / "password"
        password.write_text("s3cret")
        self._run(
            *("initdb", "--no-sync", "--auth=scram-sha-256", "--username=keepfit", f"--pwfile={password}"),
            *("--encoding=UTF8", "--no-locale", f"--pgdata={folder / 'data'}"),
        )
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nfsync = off\n")
            file.write(f"unix_socket_directories = '{folder}'\n")
        self.start()

    def new_database(self):
        """The URL of an empty database, with the password as a variable."""
        self._databases += 1
        name = f"ledger_{self._databases}"
        server = self._url("postgres", "s3cret")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._url(name, "${KEEPFIT_TEST_PASSWORD}")

    def start(self):
        """Returns when it takes connections."""
        # a child that ends with this process, even if that is killed
        tied = [program, "--pdeathsig=QUIT"] if (program := shutil.which("setpriv")) else []
        command = [*tied, self._programs / "postgres", "-D", self._folder / "data"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log, **self._as)
        deadline = time.monotonic() + 60
        while not self._takes_connections():
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            assert self._process.poll() is None, (self._folder / "log").read_text()
            time.sleep(0.05)

    def stop(self):
        """End it at once, in the middle of whatever it does."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(60)

    def _takes_connections(self):
        try:
            psycopg.connect(self._url("postgres", "s3cret"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database, password):
        return f"postgresql://keepfit:{password}@127.0.0.1:{self.port}/{database}"

    def _run(self, program, *arguments):
        command = [str(self._programs / program), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **self._as
        )
        log = self._folder / "log"
        assert done.returncode == 0, f"{program}: {log.read_text() if log.exists() else done.returncode}"


@pytest.fixture(scope="session")
def _postgres_server():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")) or [Path(shutil.which("postgres") or "")]
    if not found[-1].is_file():
        if os.environ.get("KEEPFIT_REQUIRE_POSTGRES") == "1":
            pytest.fail("PostgreSQL is required by KEEPFIT_REQUIRE_POSTGRES=1, but not installed")
        pytest.skip("PostgreSQL is not installed")
    # not below pytest's folders, which only their owner may enter; short, for the socket's path
    with tempfile.TemporaryDirectory(prefix="keepfit-postgres-") as folder:
        server = Postgres(found[-1].parent, Path(folder))
        yield server
        server.stop()


@pytest.fixture
def postgres(_postgres_server, monkeypatch):
    """A running PostgreSQL; its password is in the environment."""
    monkeypatch.setenv("KEEPFIT_TEST_PASSWORD", "s3cret")
    return _postgres_server
