"""A compose project as a user has it: commands as they are printed, what Docker says of services, and addresses."""

import json
import os
import shlex
import socket
import subprocess
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = os.environ.get("KEEPFIT_COMPOSE", "")
PORTS = {
    "FRONTEND_PORT": 5002,
    "GRPC_PORT": 8500,
    "REST_PORT": 8501,
    "PROMETHEUS_PORT": 9090,
    "ALERTMANAGER_PORT": 9093,
}


def wait_until(condition, timeout_s, what):
    """Poll until it is true; returns the seconds that it took."""
    started = time.monotonic()
    while not (found := condition()):
        assert time.monotonic() - started < timeout_s, f"not within {timeout_s} s: {what() if callable(what) else what}"
        time.sleep(0.2)
    assert found
    return time.monotonic() - started


class Stack:
    """A compose project in a folder of its own; `environment` is what its file .env says."""

    def __init__(self, folder, name, environment):
        self.folder = folder
        self.ports = {variable: self._port(port) for variable, port in PORTS.items()}
        self.environment = {"COMPOSE_PROJECT_NAME": name, **self.ports, **environment}
        lines = [f"{key}={value}\n" for key, value in self.environment.items()]
        (folder / ".env").write_text("".join(lines), encoding="utf-8")

    @staticmethod
    def _port(wanted):
        """The documented port, or a free one if somebody listens there."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def shell(self, command, timeout_s=300):
        """Run a command line as it is printed, at a terminal as a reader has one; returns status and output."""
        for variable, port in PORTS.items():
            command = command.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self.ports[variable]}")
        command = command.replace("docker-compose", COMPOSE)
        return self._run(["script", "-qec", command, "/dev/null"], timeout_s)

    def compose(self, *arguments, timeout_s=300):
        """Run docker-compose with these arguments; it must succeed. Returns what it printed."""
        status, printed = self.try_compose(*arguments, timeout_s=timeout_s)
        assert status == 0, f"{arguments}: {printed}"
        return printed

    def try_compose(self, *arguments, timeout_s=300):
        """Run docker-compose with these arguments; returns status and output."""
        return self._run([*shlex.split(COMPOSE), *arguments], timeout_s)

    def keepfit(self, *arguments):
        """Run `keepfit ARGUMENTS` in the trainer; returns status and output."""
        return self.try_compose("exec", "-T", "trainer", "keepfit", *arguments)

    def container(self, service):
        """What Docker knows of a service's container; None if there is none."""
        found = self.compose("ps", "-q", service).split()
        if not found:
            return None
        return json.loads(self._run(["docker", "inspect", found[0]], 60)[1])[0]

    def health(self, service):
        """Docker's word for it: starting, healthy, unhealthy; or the container's state if it does not run."""
        state = (self.container(service) or {"State": {"Status": "missing"}})["State"]
        return state["Health"]["Status"] if state["Status"] == "running" else state["Status"]

    def health_says(self, service):
        """The last health check's output."""
        log = self.container(service)["State"]["Health"]["Log"]
        return log[-1]["Output"] if log else ""

    def wait_for_health(self, *services, word="healthy", timeout_s=180):
        """Wait until all are in that state."""
        for service in services:
            wait_until(lambda name=service: self.health(name) == word, timeout_s, lambda name=service: self.story(name))

    def logs(self, service):
        """Everything that the service printed."""
        return self.compose("logs", "--no-color", service)

    def story(self, service):
        """For a failed test: state and logs."""
        return f"{service} is {self.health(service)}\n{self.logs(service)[-3000:]}"

    def url(self, variable, path=""):
        """An address on this machine by the name of the port's variable."""
        return f"http://127.0.0.1:{self.ports[variable]}{path}"

    def get(self, variable, path):
        """The answer to a GET, or None if there is none."""
        try:
            return httpx.get(self.url(variable, path), timeout=10)
        except httpx.HTTPError:
            return None

    def predicts(self):
        """Whether the model server answers a prediction."""
        body = {"instances": [[1.5, 2.3]]}
        try:
            answer = httpx.post(self.url("REST_PORT", "/v1/models/keepfit:predict"), json=body, timeout=10)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    def served(self):
        """The versions that the model server calls AVAILABLE."""
        answer = self.get("REST_PORT", "/v1/models/keepfit")
        found = [] if answer is None else answer.json().get("model_version_status", [])
        return sorted(int(status["version"]) for status in found if status["state"] == "AVAILABLE")

    def configure(self, **sections):
        """Write config.json."""
        (self.folder / "config.json").write_text(json.dumps(sections), encoding="utf-8")

    def close(self):
        """Remove containers, networks and volumes."""
        self.try_compose("--profile", "embedded", "down", "--volumes", "--remove-orphans", "--timeout", "5")

    def _run(self, command, timeout_s):
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return done.returncode, done.stdout
