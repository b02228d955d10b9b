"""What the README promises of docker-compose, in its order, and what happens when services die. One stack for all.

The tests build on one another: they run in the order of this file.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest
from tests.compose.stack import ROOT, wait_until

README = (ROOT / "README.md").read_text(encoding="utf-8")
SERVICES = ("trainer", "tfserving", "frontend", "prometheus", "alertmanager")
RECEIVER = """
services:
  receiver:
    image: keepfit/frontend
    entrypoint: [python, -u, -c]
    command:
      - |
        from http.server import BaseHTTPRequestHandler, HTTPServer
        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self):
                print(self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
                self.send_response(200)
                self.end_headers()
        HTTPServer(("", 8000), Receiver).serve_forever()
"""

pytestmark = pytest.mark.timeout(600)


def printed_commands():
    """The commands of the README's part about containers."""
    [part] = re.findall(r"^## As containers\n(.*?)^## ", README, re.DOTALL | re.MULTILINE)
    return [line for block in re.findall(r"```sh\n(.*?)```", part, re.DOTALL) for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def stack(new_stack):
    found = new_stack("whole")
    (found.folder / "docker-compose.override.yml").write_text(RECEIVER, encoding="utf-8")
    found.configure(notifications={"urls": ["json://receiver:8000/"]})
    hurry(found.folder / "monitoring")
    return found


def hurry(monitoring):
    """The same rules and routes, with shorter waits."""
    for path in (monitoring / "prometheus.yml", monitoring / "alertmanager.yml", *(monitoring / "rules").glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"for: 1m\b", "for: 5s", text)
        text = re.sub(r"(_interval|_wait|group_interval): (5s|15s|30s|1m|5m)\b", r"\1: 5s", text)
        path.write_text(re.sub(r"scrape_timeout: .*", "scrape_timeout: 5s", text), encoding="utf-8")


def test_one_command_brings_everything_up_and_a_prediction_within_a_minute(stack, report):
    [command] = [line for line in printed_commands() if " up " in f"{line} "]
    started = time.monotonic()
    status, printed = stack.shell(command)
    assert status == 0, printed
    wait_until(stack.predicts, 240, lambda: stack.story("trainer") + stack.story("tfserving"))
    took = time.monotonic() - started
    report("from up -d to the first prediction, first training included", took)
    stack.wait_for_health(*SERVICES)
    # with the machine to itself it is below 60
    assert took < 120


def test_every_printed_command_works(stack):
    for command in printed_commands():
        if " up " in f"{command} " or " down" in command:
            continue
        status, printed = stack.shell(command)
        assert status == 0, f"{command}\n{printed}"
        if ":predict" in command or "/predict" in command:
            [[probability]] = json.loads(printed)["predictions"]
            assert 0 <= probability <= 1
        elif command.endswith("/v1/models/keepfit"):
            assert '"AVAILABLE"' in printed
        elif command.endswith("/metrics"):
            assert ":tensorflow:serving:request_count" in printed
        elif " ps" in command:
            assert printed.count("(healthy)") == len(SERVICES), printed
        elif "retrain" in command or " logs" in command:
            assert "PROMOTED" in printed
        else:
            assert printed


def test_the_page_shows_the_model(stack):
    assert "keepfit" in stack.get("FRONTEND_PORT", "/").text
    assert httpx.post(stack.url("FRONTEND_PORT", "/predict"), data={"x1": "1.5", "x2": "2.3"}).status_code == 200


def test_a_new_version_is_served(stack):
    before = stack.served()
    status, printed = stack.keepfit("retrain")
    assert status == 0, printed
    assert "served     by http://tfserving:8501" in printed
    assert max(stack.served()) == max(before) + 1


def test_a_rejected_candidate_is_not_served(stack):
    before = stack.served()
    config = (stack.folder / "config.json").read_text(encoding="utf-8")
    stack.configure(gate={"min_accuracy_percent": 100, "strict": True})
    status, printed = stack.keepfit("retrain")
    (stack.folder / "config.json").write_text(config, encoding="utf-8")
    assert status == 10, printed
    assert stack.served() == before


def test_a_rollback_takes_the_version_out_of_service(stack):
    before = stack.served()
    status, printed = stack.keepfit("rollback", "--reason", "a test")
    assert status == 0, printed
    wait_until(lambda: stack.served() and max(stack.served()) == max(before) - 1, 60, lambda: stack.story("tfserving"))
    assert stack.predicts()


def test_prometheus_scrapes_every_service(stack):
    def up():
        answer = stack.get("PROMETHEUS_PORT", "/api/v1/targets?state=active")
        targets = [] if answer is None else answer.json()["data"]["activeTargets"]
        return sorted(target["labels"]["job"] for target in targets if target["health"] == "up")

    wait_until(lambda: up() == ["frontend", "model-server", "trainer"], 90, up)


def test_containers_have_no_more_rights_than_they_need(stack):
    for service in SERVICES:
        found = stack.container(service)
        host = found["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert any("no-new-privileges" in option for option in host["SecurityOpt"]), service
        assert host["Memory"] > 0, service
        assert host["PidsLimit"] > 0, service
        assert host["LogConfig"]["Config"]["max-size"], service
        bindings = [binding for ports in host["PortBindings"].values() for binding in ports]
        assert {binding["HostIp"] for binding in bindings} <= {"127.0.0.1"}, service
    for service in ("trainer", "tfserving", "frontend"):
        assert stack.compose("exec", "-T", service, "id", "-u").strip() == "1000"


class Predictions:
    """Steady predictions by both ways in, until it is left; `failed` are the times of those that failed, by port."""

    def __init__(self, stack):
        self._stack = stack
        self._stopping = threading.Event()
        self.failed = {"REST_PORT": [], "FRONTEND_PORT": []}
        self.answered = dict.fromkeys(self.failed, 0)
        self._threads = [threading.Thread(target=self._ask, args=(port,)) for port in self.failed]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, port):
        url = self._stack.url(port, "/predict" if port == "FRONTEND_PORT" else "/v1/models/keepfit:predict")
        with httpx.Client(timeout=15) as client:
            while not self._stopping.wait(0.05):
                try:
                    succeeded = client.post(url, json={"instances": [[1.5, 2.3]]}).status_code == 200
                except httpx.HTTPError:
                    succeeded = False
                if succeeded:
                    self.answered[port] += 1
                else:
                    self.failed[port].append(time.monotonic())


CONCERNED = {"tfserving": {"REST_PORT", "FRONTEND_PORT"}, "frontend": {"FRONTEND_PORT"}}
"""Whose predictions may fail while a service is away; of the others none may."""


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("end", ["crash", "docker kill"])
def test_a_service_that_is_killed_comes_back_and_the_others_go_on(stack, service, end, report):
    if end == "crash" and os.getuid() != 0:
        pytest.skip("only root can kill a process within a container from outside")
    found = stack.container(service)
    with Predictions(stack) as predictions:
        wait_until(lambda: min(predictions.answered.values()) > 5, 60, "no predictions")
        killed_at = time.monotonic()
        if end == "crash":
            crash(found)
            wait_until(lambda: restarts(stack, service) > found["RestartCount"], 60, lambda: stack.story(service))
        else:
            # for Docker that is a person's will, after which it starts nothing again by itself
            subprocess.run(["docker", "kill", found["Id"]], check=True, capture_output=True)
            stack.compose("up", "-d", "--no-build")
        stack.wait_for_health(service)
        recovered = time.monotonic()
        before = dict(predictions.answered)
        wait_until(lambda: all(predictions.answered[p] > n + 5 for p, n in before.items()), 60, "no predictions")
    for port, failed in predictions.failed.items():
        if port in CONCERNED.get(service, ()):
            report(f"{end} of {service}: {port} failed for", max(failed, default=killed_at) - killed_at)
        else:
            assert failed == [], f"{len(failed)} predictions by {port} failed while {service} was away"
    report(f"{end} of {service}: healthy again after", recovered - killed_at)


def crash(container):
    """End the service's main process, below Docker's own init, as a defect of it would."""
    pid = container["State"]["Pid"]
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    os.kill(int(children[0]) if container["HostConfig"].get("Init") else pid, signal.SIGKILL)


def restarts(stack, service):
    return stack.container(service)["RestartCount"]


def test_an_alert_fires_and_resolves_and_both_reach_the_receiver(stack, report):
    started = time.monotonic()
    stack.compose("stop", "frontend")
    wait_until(lambda: "KeepfitFrontendDown" in stack.logs("receiver"), 120, lambda: stack.story("alertmanager"))
    report("from the frontend's end to the alert at the receiver, with short waits", time.monotonic() - started)
    stack.compose("start", "frontend")

    def resolved():
        return [line for line in stack.logs("receiver").splitlines() if "FrontendDown" in line and "resolved" in line]

    wait_until(resolved, 120, lambda: stack.logs("receiver"))
    notes = stack.compose("exec", "-T", "trainer", "cat", "/keepfit/notifications.log")
    assert "KeepfitFrontendDown" in notes


def test_the_stack_down_and_up_has_lost_nothing(stack, report):
    def scraped():
        query = "/api/v1/query?query=count_over_time(up{job='trainer'}[1h])"
        found = (stack.get("PROMETHEUS_PORT", query) or httpx.Response(200, json={"data": {"result": []}})).json()
        return sum(int(one["value"][1]) for one in found["data"]["result"])

    versions, history, samples = stack.served(), stack.keepfit("history", "--json")[1], scraped()
    [down] = [line for line in printed_commands() if " down" in line]
    status, printed = stack.shell(down)
    assert status == 0, printed
    assert stack.container("trainer") is None
    started = time.monotonic()
    stack.compose("up", "-d", "--no-build")
    wait_until(stack.predicts, 120, lambda: stack.story("tfserving"))
    report("from up -d to the first prediction with a version there", time.monotonic() - started)
    stack.wait_for_health(*SERVICES)
    assert stack.served() == versions
    assert stack.keepfit("history", "--json")[1] == history
    assert scraped() >= samples > 0


def test_idle_memory_of_each_service(stack, report):
    for service in SERVICES:
        used = subprocess.run(
            ["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", stack.container(service)["Id"]],
            check=True,
            capture_output=True,
            text=True,
        )
        report(f"idle memory of {service}", used.stdout.split("/")[0].strip())
